import { adjustable, mergeOptions } from "./call-options.ts";
import type { CallOptions } from "./call-options.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { GatewayDescriptor, GatewayOf } from "./gateway-descriptor.ts";
import { RpcInvocationHandler } from "./rpc-invocation-handler.ts";
import type { OrderedPath } from "./rpc-invocation-handler.ts";

/** Makes and keeps the gateways of one caller: one ordered path per address, one gateway per descriptor and epoch. */
export class GatewayFactory {
  readonly #caller: GatewayCaller;
  readonly #paths = new Map<string, OrderedPath>();
  readonly #gateways = new Map<GatewayDescriptor, Map<string, Bound>>();

  constructor(caller: GatewayCaller) {
    this.#caller = caller;
  }

  /** The same object for the same arguments. */
  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    // Built from this very descriptor, method by method.
    return this.#bound(descriptor, address, epoch).gateway as GatewayOf<D>;
  }

  /** {@link gateway} after a handshake. */
  async connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    const bound = this.#bound(descriptor, address, epoch);
    await bound.handler.handshake(this.#caller.context());
    return bound.gateway as GatewayOf<D>;
  }

  #bound(descriptor: GatewayDescriptor, address: string, epoch: Epoch | undefined): Bound {
    let ofDescriptor = this.#gateways.get(descriptor);
    if (ofDescriptor === undefined) this.#gateways.set(descriptor, (ofDescriptor = new Map<string, Bound>()));
    const key = `${epoch ?? ""} ${address}`;
    let bound = ofDescriptor.get(key);
    if (bound === undefined) {
      const handler = new RpcInvocationHandler({ descriptor, address, epoch }, this.#caller, this.#path(address));
      ofDescriptor.set(key, (bound = { handler, gateway: gatewayObject(descriptor, handler) }));
    }
    return bound;
  }

  #path(address: string): OrderedPath {
    let path = this.#paths.get(address);
    if (path === undefined) this.#paths.set(address, (path = { channel: this.#caller.openChannel(address), seq: 0 }));
    return path;
  }
}

interface Bound {
  readonly handler: RpcInvocationHandler;
  readonly gateway: object;
}

/** A plain object with one function per method: nothing answers to other names, `then` included. */
function gatewayObject(descriptor: GatewayDescriptor, handler: RpcInvocationHandler, options?: CallOptions): object {
  const gateway: Record<string, (...args: unknown[]) => unknown> = {
    getAddress: () => handler.address,
  };
  if (descriptor.fenced) gateway["getFencingToken"] = () => handler.epoch;
  for (const [name, method] of Object.entries(descriptor.methods)) {
    if (method.kind === "tell") gateway[name] = (...args) => handler.tell(name, args);
    else if ("streams" in method) gateway[name] = (...args) => handler.stream(name, args, options);
    else gateway[name] = (...args) => handler.ask(name, args, options);
  }
  adjustable(gateway, (more) => gatewayObject(descriptor, handler, mergeOptions(options ?? {}, more)));
  return Object.freeze(gateway);
}
