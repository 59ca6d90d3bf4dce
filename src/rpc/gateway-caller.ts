import type { Clock } from "../common/clock.ts";
import type { Duration } from "../common/duration.ts";
import type { CallContext } from "./call-context.ts";
import type { OutgoingCallFilter } from "./call-filter.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { SenderIdentity } from "./fencing/epoch.ts";
import type { PeerTracker } from "./fencing/peer-tracker.ts";
import type { RpcChannel } from "./ports/rpc-channel.ts";
import type { HeldAction } from "./turn.ts";

/** Who makes calls through a gateway: an endpoint in its turns, or code outside of any endpoint. */
export interface GatewayCaller {
  readonly clock: Clock;
  readonly defaultTimeout: Duration;
  readonly deadLetters: DeadLetters;
  readonly filters: readonly OutgoingCallFilter[];
  readonly peers: PeerTracker;
  /** Undefined for a caller that is no endpoint; the same object while it says the same. */
  readonly sender: SenderIdentity | undefined;
  /** What time it is. */
  now(): number;
  /** Of the running turn. */
  context(): CallContext;
  /** Ids of requests are this and a number, together unique over all activations of all callers. */
  readonly requestIdPrefix: string;
  nextRequestNumber(): number;
  openChannel(address: string): RpcChannel;
  /** Does it when the running turn succeeded; at once outside of turns. */
  hold(action: HeldAction): void;
  /** Whether promises of calls may be left unobserved, as endpoints do with calls whose answer does not matter. */
  readonly forgetful: boolean;
}
