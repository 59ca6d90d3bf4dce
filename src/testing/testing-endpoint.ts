import type { EndpointContext } from "../rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../rpc/fenced-rpc-endpoint.ts";
import type { GatewayDescriptor, HandlerOf } from "../rpc/gateway-descriptor.ts";

/** Handlers of some of a gateway's methods. */
export type TestingHandlers<D extends GatewayDescriptor> = Partial<HandlerOf<D>>;

/** What a {@link TestingEndpoint} serves. */
export interface TestingService<D extends GatewayDescriptor> {
  readonly gateway: D;
  readonly handlers?: TestingHandlers<D>;
  /** Raised to this one before it serves. */
  readonly epoch?: number;
}

/** An endpoint made of plain functions, for tests of its peers. A method without a function answers `undefined`. */
export class TestingEndpoint<D extends GatewayDescriptor> extends FencedRpcEndpoint {
  readonly #epoch: number;

  constructor(context: EndpointContext, { gateway, handlers = {}, epoch = 1 }: TestingService<D>) {
    super(context);
    this.#epoch = epoch;
    const silent = Object.fromEntries(Object.keys(gateway.methods).map((method) => [method, () => undefined]));
    Object.assign(this, silent, handlers);
  }

  protected override onStart(): void {
    while (this.epoch < this.#epoch) this.grantEpoch();
  }
}
