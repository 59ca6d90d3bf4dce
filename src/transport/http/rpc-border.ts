import type { Clock } from "../../common/clock.ts";
import { SluiceException, toErrorData } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { HandshakeException, RpcConnectionException, UnknownMessageException } from "../../rpc/exceptions.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import type { CallOutcome, IncomingCall } from "./call-frame.ts";

/** A call as it stands at the border, known to be of an exported gateway. */
export interface BorderCall<Caller> {
  readonly caller: Caller;
  readonly gateway: GatewayDescriptor;
  /** Empty for a handshake. */
  readonly method: string;
}

/** Where a call to `address` goes; `undefined` refuses it. Synchronous, so that calls keep their order. */
export type ResolveAddress<Caller> = (address: string, call: BorderCall<Caller>) => string | undefined;

export interface RpcBorderOptions<Caller> {
  readonly rpcService: () => RpcService;
  readonly gateways: readonly GatewayDescriptor[];
  readonly resolveAddress?: ResolveAddress<Caller>;
  readonly limits: { readonly callMillis: number };
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** The calls of one request, in their order. */
export interface BorderCalls {
  /** Never rejects. */
  send(call: IncomingCall): Promise<CallOutcome>;
}

/** Lets calls in from outside: well-formed, of an exported gateway and method, to an address the caller may call. */
export class RpcBorder<Caller> {
  readonly #options: RpcBorderOptions<Caller>;
  readonly #gateways: ReadonlyMap<string, GatewayDescriptor>;
  // Made by the first request: Workers give no randomness before it.
  #name: string | undefined;
  // Asks under way: the ids that their callers gave them, and ours.
  readonly #asks = new Map<string, string>();
  #requests = 0;

  constructor(options: RpcBorderOptions<Caller>) {
    this.#options = options;
    this.#gateways = new Map(options.gateways.map((gateway) => [gateway.name, gateway]));
  }

  open(caller: Caller): BorderCalls {
    const rpcService = this.#options.rpcService();
    const channels = new Map<string, RpcChannel>();
    const channelTo = (address: string): RpcChannel => {
      let channel = channels.get(address);
      if (channel === undefined) channels.set(address, (channel = rpcService.openChannel(address)));
      return channel;
    };
    return {
      send: async (envelope) => {
        let inner: RequestEnvelope;
        try {
          if (envelope instanceof SluiceException) throw envelope;
          inner = this.#admit(envelope, caller);
        } catch (error) {
          return { kind: "refusal", error: withoutStack(error) };
        }
        if (inner.kind === "ask") this.#asks.set(envelope.id, inner.id);
        try {
          return { kind: "reply", reply: await channelTo(inner.endpoint).send(inner) };
        } catch (error) {
          return { kind: "unreachable", error: withoutStack(error) };
        } finally {
          if (this.#asks.get(envelope.id) === inner.id) this.#asks.delete(envelope.id);
        }
      },
    };
  }

  /** The call as it goes on. Of what the caller says about itself nothing is believed: a chain could let it pass a queue. */
  #admit(envelope: RequestEnvelope, caller: Caller): RequestEnvelope {
    const { resolveAddress, limits, ids } = this.#options;
    const gateway = this.#gateways.get(envelope.gateway);
    if (gateway === undefined) {
      throw new HandshakeException(`${envelope.endpoint}: the gateway ${envelope.gateway} is not exported`);
    }
    if (envelope.kind !== "handshake") requireExported(gateway, envelope);
    const { endpoint, method, kind, remainingMillis } = envelope;
    const address = resolveAddress === undefined ? endpoint : resolveAddress(endpoint, { caller, gateway, method });
    if (address === undefined)
      throw new RpcConnectionException(`${endpoint}: no such endpoint, or not for this caller`);
    this.#name ??= ids.hex();
    this.#requests += 1;
    return {
      ...envelope,
      id: kind === "cancel" ? this.#askOf(envelope) : `${this.#name}:${this.#requests}`,
      endpoint: address,
      sender: null,
      depth: 1,
      chain: [],
      remainingMillis:
        kind === "tell" || kind === "cancel" ? null : Math.min(remainingMillis ?? limits.callMillis, limits.callMillis),
    };
  }

  /** @throws UnknownMessageException if it is over, or came to another machine than this cancel. */
  #askOf(cancel: RequestEnvelope): string {
    const id = this.#asks.get(cancel.id);
    if (id === undefined)
      throw new UnknownMessageException(`cancel: no ask ${cancel.id.slice(0, 64)} is under way here`);
    return id;
  }
}

function requireExported(gateway: GatewayDescriptor, { kind, method }: RequestEnvelope): void {
  const declaration = Object.hasOwn(gateway.methods, method) ? gateway.methods[method] : undefined;
  if (declaration === undefined) {
    throw new RpcConnectionException(
      `${gateway.name} version ${gateway.version} has no method ${JSON.stringify(method)}`,
    );
  }
  if (declaration.kind !== (kind === "cancel" ? "ask" : kind)) {
    throw new UnknownMessageException(`${gateway.name}.${method} is declared as ${declaration.kind}, got ${kind}`);
  }
}

/** Where the server's code failed is nobody's business outside. */
function withoutStack(error: unknown): ReturnType<typeof toErrorData> {
  const { stack: _ours, cause: _theirs, ...data } = toErrorData(error);
  return SluiceException.is(error) ? data : { ...data, message: "the call failed at the server's border" };
}
