import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import type { DeadLetters } from "../../rpc/dead-letters.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import type { NetworkSender, SimulatedNetwork } from "./simulated-network.ts";

export interface SimulatedRpcServiceOptions {
  readonly network: SimulatedNetwork;
  readonly sender: NetworkSender;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Shared by all parties. */
  readonly deadLetters: DeadLetters;
  readonly filters?: CallFilters | undefined;
}

/**
 * The RpcService of one party in a simulation: an activation, or a caller outside. Its messages travel in virtual time, and the
 * platform's faults strike them.
 */
export class SimulatedRpcService implements RpcService {
  readonly defaultTimeout: Duration = DEFAULT_ASK_TIMEOUT;
  readonly deadLetters: DeadLetters;
  readonly filters: CallFilters | undefined;
  readonly #network: SimulatedNetwork;
  readonly #sender: NetworkSender;
  readonly #gateways: GatewayFactory;
  #closed = false;

  constructor({ network, sender, clock, ids, deadLetters, filters }: SimulatedRpcServiceOptions) {
    this.#network = network;
    this.#sender = sender;
    this.deadLetters = deadLetters;
    this.filters = filters;
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock, ids }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    this.#requireOpen("gateway");
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    this.#requireOpen("connect");
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(address: string): RpcChannel {
    return this.#network.openChannel(this.#sender, address);
  }

  /** Gives no gateways from now on; those it gave stay usable (contract V4). */
  close(): void {
    this.#closed = true;
  }

  #requireOpen(what: string): void {
    if (this.#closed) throw new SluiceException("ILLEGAL_STATE", `${what} on a closed RpcService`);
  }
}
