import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import { parseReplyEnvelope } from "../../rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { fromPlatformError } from "./error-mapping.ts";

/** The one method that an endpoint's object offers to others. */
export interface EndpointStub {
  rpc(envelope: RequestEnvelope): Promise<unknown>;
}

type LocationHint = DurableObjectLocationHint;

/** A Durable Object namespace, as far as this service needs it. */
export interface EndpointNamespace {
  getByName(name: string, options?: { readonly locationHint?: LocationHint }): EndpointStub;
  jurisdiction(jurisdiction: string): EndpointNamespace;
}

export interface DurableObjectRpcServiceOptions {
  /** The namespace of an endpoint kind, `undefined` for an unknown one. */
  readonly namespaceOf: (kind: string) => EndpointNamespace | undefined;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Logger;
  /** Default 10 s. */
  readonly defaultTimeout?: Duration;
  /** Near where objects come to life that do not exist yet. Default: near the caller. */
  readonly locationHint?: string;
}

const NO_JURISDICTION = "-";

/**
 * Calls endpoints that are Durable Objects. An address is the object's name: `<kind>/<id>`, or
 * `v1/<jurisdiction>/<cluster>/<kind>/<id>` where objects belong to clusters (jurisdiction `-`: none). The kind chooses the
 * namespace. Objects exist when they are called: connecting to a name activates it. One service per object, and in a
 * Worker one per request, as stubs belong to the context that made them.
 */
export class DurableObjectRpcService implements RpcService {
  readonly defaultTimeout: Duration;
  readonly deadLetters: DeadLetters;
  readonly #namespaceOf: (kind: string) => EndpointNamespace | undefined;
  readonly #locationHint: LocationHint | undefined;
  readonly #gateways: GatewayFactory;

  constructor(options: DurableObjectRpcServiceOptions) {
    this.defaultTimeout = options.defaultTimeout ?? DEFAULT_ASK_TIMEOUT;
    this.deadLetters = new DeadLetters(options.log);
    this.#namespaceOf = options.namespaceOf;
    // The platform's list of locations grows; it refuses the ones that it does not know.
    this.#locationHint = options.locationHint as LocationHint | undefined;
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock: options.clock, ids: options.ids }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(address: string): RpcChannel {
    return new DurableObjectChannel(address, () => this.#stub(address));
  }

  #stub(address: string): EndpointStub {
    const { jurisdiction, kind } = parseAddress(address) ?? {};
    const namespace = kind === undefined ? undefined : this.#namespaceOf(kind);
    if (namespace === undefined) throw new RpcConnectionException(`${address}: no such endpoint`);
    const within = jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
    return this.#locationHint === undefined
      ? within.getByName(address)
      : within.getByName(address, { locationHint: this.#locationHint });
  }
}

/** `undefined` if `address` is none. */
function parseAddress(address: string): { readonly kind: string; readonly jurisdiction?: string } | undefined {
  const [first = "", jurisdiction = "", cluster = "", kind = "", id = "", ...rest] = address.split("/");
  if (cluster === "") return first === "" || jurisdiction === "" ? undefined : { kind: first };
  if (first !== "v1" || kind === "" || id === "" || rest.length > 0) return undefined;
  return jurisdiction === NO_JURISDICTION ? { kind } : { kind, jurisdiction };
}

/**
 * The platform keeps the order of the calls on one stub, and of no others; and a stub whose object was reset fails for
 * ever. So calls that overlap share a stub, and one that finds none on its way takes a new one: what went before it has
 * been answered.
 */
class DurableObjectChannel implements RpcChannel {
  readonly #address: string;
  readonly #open: () => EndpointStub;
  #stub: EndpointStub | undefined;
  // Calls on the current stub that have no answer yet.
  #onTheWay = 0;

  constructor(address: string, open: () => EndpointStub) {
    this.#address = address;
    this.#open = open;
  }

  async send(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    let stub: EndpointStub | undefined;
    try {
      stub = this.#stub ??= this.#open();
      this.#onTheWay += 1;
      const reply = parseReplyEnvelope(await stub.rpc(envelope));
      if (this.#stub === stub && (this.#onTheWay -= 1) === 0) this.#stub = undefined;
      return reply;
    } catch (error) {
      if (this.#stub === stub) this.#forget();
      throw fromPlatformError(error, this.#address);
    }
  }

  #forget(): void {
    this.#stub = undefined;
    this.#onTheWay = 0;
  }
}
