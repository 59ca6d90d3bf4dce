import type { Epoch } from "./fencing/epoch.ts";

/** What every gateway answers by itself, without a message (Flink `RpcGateway`). */
export interface RpcGateway {
  /** Address of the endpoint behind this gateway. */
  getAddress(): string;
}

/** A gateway to a fenced endpoint (Flink `FencedRpcGateway`). */
export interface FencedRpcGateway extends RpcGateway {
  /** The epoch this gateway is bound to, if it was connected with one or has learnt one from the handshake. */
  getFencingToken(): Epoch | undefined;
}
