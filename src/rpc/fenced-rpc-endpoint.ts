import type { Epoch } from "./fencing/epoch.ts";
import { RpcEndpoint } from "./rpc-endpoint.ts";

/**
 * An endpoint that is led by epochs (Flink `FencedRpcEndpoint`): calls that carry a lower one than its own are refused;
 * a call that carries a higher one shows that this instance was superseded, and ends it. The token is fixed once
 * messages are served (contract F1).
 */
export abstract class FencedRpcEndpoint<Token extends Epoch = Epoch> extends RpcEndpoint {
  getFencingToken(): Token {
    // The token type is a brand on the epoch's number.
    return this.epoch as Token;
  }

  /**
   * Raises the epoch and stores it with this turn: this instance takes over, or memory that peers rely on was lost.
   *
   * @throws SluiceException `ILLEGAL_STATE` except in `onStart`.
   */
  protected grantEpoch(): Token {
    this.raiseEpoch();
    return this.getFencingToken();
  }
}
