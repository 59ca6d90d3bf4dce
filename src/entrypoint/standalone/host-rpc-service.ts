import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import type { DeadLetters } from "../../rpc/dead-letters.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";

/** Calls the objects of a standalone host, from one of them or from outside. */
export class HostRpcService implements RpcService {
  readonly defaultTimeout: Duration = DEFAULT_ASK_TIMEOUT;
  readonly deadLetters: DeadLetters;
  readonly filters: CallFilters | undefined;
  readonly #deliver: (envelope: RequestEnvelope) => Promise<ReplyEnvelope>;
  readonly #gateways: GatewayFactory;

  /** @param options.deliver in order of its calls for each address. */
  constructor(options: {
    readonly deliver: (envelope: RequestEnvelope) => Promise<ReplyEnvelope>;
    readonly deadLetters: DeadLetters;
    readonly clock: Clock;
    readonly ids: IdSource;
    readonly filters: CallFilters | undefined;
  }) {
    this.#deliver = options.deliver;
    this.deadLetters = options.deadLetters;
    this.filters = options.filters;
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock: options.clock, ids: options.ids }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(_address: string): RpcChannel {
    return { send: this.#deliver };
  }
}
