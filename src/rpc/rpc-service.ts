import { seconds } from "../common/duration.ts";
import type { Duration } from "../common/duration.ts";
import type { CallFilters } from "./call-filter.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "./gateway-descriptor.ts";
import type { RpcChannel } from "./ports/rpc-channel.ts";

/** How long an ask waits by default (Flink's ask timeout). */
export const DEFAULT_ASK_TIMEOUT: Duration = seconds(10);

/**
 * Hides the transport (Flink `RpcService`). Implementations: local, Durable Object, later HTTP and simulated; one
 * conformance suite runs on all of them.
 */
export interface RpcService {
  /**
   * A typed proxy after a handshake with the endpoint at `address`: gateway name and version range are checked.
   *
   * @param epoch fencing token for a fenced gateway; without one the pair is learnt from the handshake, and refreshed
   *   once when a call is refused as stale.
   * @throws RpcConnectionException if the address cannot be resolved, HandshakeException if the endpoint does not
   *   serve this gateway or version.
   */
  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>>;

  /**
   * The same proxy at once: the handshake travels ahead of the first call, whose failure it becomes. What `sync`
   * endpoints use, which cannot await.
   */
  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D>;

  /** How long an ask waits whose method and caller say nothing. */
  readonly defaultTimeout: Duration;

  /** What got lost on this service. */
  readonly deadLetters: DeadLetters;

  /** Run on every call that the service carries away and, for endpoints that it hosts, lets in. */
  readonly filters?: CallFilters | undefined;

  /** @internal a new ordered way to `address`, for the gateways of one endpoint. Never fails: the first send does. */
  openChannel(address: string): RpcChannel;
}
