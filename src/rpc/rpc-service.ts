import type { GatewayDescriptor, GatewayOf } from "./gateway-descriptor.ts";
import type { Epoch } from "./fencing/epoch.ts";

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
}
