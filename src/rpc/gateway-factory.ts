import { adjustable, mergeOptions } from "./call-options.ts";
import type { CallOptions } from "./call-options.ts";
import { EnvelopeChannel } from "./envelope-channel.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { GatewayDescriptor, GatewayOf } from "./gateway-descriptor.ts";
import { RpcInvocationHandler } from "./rpc-invocation-handler.ts";
import type { MessageChannel } from "./ports/rpc-channel.ts";

/** Makes and keeps the gateways of one caller: one ordered channel per address, one gateway per descriptor and epoch. */
export class GatewayFactory {
  readonly #caller: GatewayCaller;
  readonly #channels = new Map<string, MessageChannel>();
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
      const handler = new RpcInvocationHandler({ descriptor, address, epoch }, this.#caller, this.#channel(address));
      ofDescriptor.set(key, (bound = { handler, gateway: gatewayObject(descriptor, handler) }));
    }
    return bound;
  }

  #channel(address: string): MessageChannel {
    let channel = this.#channels.get(address);
    if (channel === undefined) {
      const opened = this.#caller.openChannel(address);
      channel = opened.messages ?? new EnvelopeChannel(opened, address, this.#caller.clock);
      this.#channels.set(address, channel);
    }
    return channel;
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
    const bound = handler.bind(name, method);
    if (method.kind === "tell") gateway[name] = (...args) => handler.tell(bound, args);
    else if ("streams" in method) gateway[name] = (...args) => handler.stream(bound, args, options);
    else gateway[name] = (...args) => handler.ask(bound, args, options);
  }
  adjustable(gateway, (more) => gatewayObject(descriptor, handler, mergeOptions(options ?? {}, more)));
  return Object.freeze(gateway);
}
