import type { Clock } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { SessionChannel } from "../../rpc/session/session-channel.ts";
import type { EndpointNamespace, EndpointStub, LocationHint } from "./endpoint-stub.ts";
import { sessionFailureOf } from "./error-mapping.ts";
import { openSession } from "./session-stub.ts";

export interface DurableObjectRpcServiceOptions {
  /** The namespace of an endpoint kind, `undefined` for an unknown one. */
  readonly namespaceOf: (kind: string) => EndpointNamespace | undefined;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Logger;
  /** Default 10 s. */
  readonly defaultTimeout?: Duration;
  /** Run on every call. */
  readonly filters?: CallFilters;
  /** Near where objects come to life that do not exist yet. Default: near the caller. */
  readonly locationHint?: string;
  /**
   * How long a session outlives its last message, default 5 s: an open one keeps both objects in memory, and a call that
   * opens one is billed. 0 for callers that end with the event that made them.
   */
  readonly lease?: Duration;
  /** The endpoint of this very object: what it sends to itself does not leave it. */
  readonly own?: { readonly address: string; receive(envelope: RequestEnvelope): Promise<ReplyEnvelope> };
}

const DEFAULT_LEASE = seconds(5);

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
  readonly filters: CallFilters | undefined;
  readonly #options: DurableObjectRpcServiceOptions;
  readonly #gateways: GatewayFactory;

  constructor(options: DurableObjectRpcServiceOptions) {
    this.defaultTimeout = options.defaultTimeout ?? DEFAULT_ASK_TIMEOUT;
    this.deadLetters = new DeadLetters(options.log);
    this.filters = options.filters;
    this.#options = options;
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock: options.clock, ids: options.ids }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(address: string): RpcChannel {
    const { own } = this.#options;
    if (address === own?.address) {
      // In memory, but never on the sender's stack.
      return { send: (envelope) => Promise.resolve().then(() => own.receive(envelope)) };
    }
    const { clock, ids, lease } = this.#options;
    return new SessionChannel({
      address,
      clock,
      lease: lease ?? DEFAULT_LEASE,
      newConversation: () => ids.hex(),
      // A stub whose object was reset fails for ever, so each session has a fresh one.
      open: (request) => openSession(this.#stub(address), request),
      failureOf: (thrown) => sessionFailureOf(thrown, address),
    });
  }

  #stub(address: string): EndpointStub {
    const { namespaceOf, locationHint } = this.#options;
    const { jurisdiction, kind } = parseAddress(address) ?? {};
    const namespace = kind === undefined ? undefined : namespaceOf(kind);
    if (namespace === undefined) throw new RpcConnectionException(`${address}: no such endpoint`);
    const within = jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
    if (locationHint === undefined) return within.getByName(address);
    // The platform's list of locations grows; it refuses the ones that it does not know.
    return within.getByName(address, { locationHint: locationHint as LocationHint });
  }
}

/** `undefined` if `address` is none. */
function parseAddress(address: string): { readonly kind: string; readonly jurisdiction?: string } | undefined {
  const [first = "", jurisdiction = "", cluster = "", kind = "", id = "", ...rest] = address.split("/");
  if (cluster === "") return first === "" || jurisdiction === "" ? undefined : { kind: first };
  if (first !== "v1" || kind === "" || id === "" || rest.length > 0) return undefined;
  return jurisdiction === NO_JURISDICTION ? { kind } : { kind, jurisdiction };
}
