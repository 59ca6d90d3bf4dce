import { DurableObject, RpcTarget } from "cloudflare:workers";
import { systemClock } from "../common/clock.ts";
import { consoleLogger } from "../common/console-logger.ts";
import { systemIds } from "../common/ids.ts";
import { systemRandom } from "../common/random.ts";
import type { CallFilters } from "../rpc/call-filter.ts";
import type { EndpointContext } from "../rpc/endpoint-context.ts";
import type { GatewayDescriptor, HandlerOf } from "../rpc/gateway-descriptor.ts";
import type { IncomingHead } from "../rpc/incoming-message.ts";
import type { RpcEndpoint } from "../rpc/rpc-endpoint.ts";
import type { HeldSession } from "../rpc/session/session-acceptor.ts";
import type { Session } from "../rpc/session/session-protocol.ts";
import { DurableObjectAlarm } from "../storage/durable-object/durable-object-alarm.ts";
import { DurableObjectDatabase } from "../storage/durable-object/durable-object-database.ts";
import { DurableObjectHost } from "../transport/durable-object/durable-object-host.ts";
import { DurableObjectRpcService } from "../transport/durable-object/durable-object-rpc-service.ts";
import type { EndpointNamespace } from "../transport/durable-object/endpoint-stub.ts";

/** What an endpoint of several gateways implements. */
export type HandlersOf<Gateways extends readonly GatewayDescriptor[]> = Gateways extends readonly [
  infer First extends GatewayDescriptor,
  ...infer Rest extends readonly GatewayDescriptor[],
]
  ? HandlerOf<First> & HandlersOf<Rest>
  : unknown;

/** The object of an endpoint: nothing of the endpoint itself can be called from outside but through sessions. */
export interface EndpointObject {
  /**
   * An OpenRequest in, an OpenReply out. Their types are not told here: the platform's type of a stub unrolls every value
   * that they may carry, beyond what the compiler bears.
   */
  openSession(request: unknown): Promise<unknown>;
  alarm(): Promise<void>;
}

export interface DurableObjectOptions {
  /** Run on every call that the object's endpoint sends, and on every one that is let in. */
  readonly filters?: CallFilters;
}

/** @internal the class that {@link durableObject} makes. */
export type EndpointObjectClass<Env> = new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & EndpointObject;

/**
 * The Durable Object class of an endpoint:
 *
 *     export const CounterObject = durableObject((context, env: Env) => new Counter(context), [CounterGateway]);
 *
 * The object's name is the endpoint's address. Other endpoints are reached through the binding that is called like their
 * kind (`job-master`: `JOB_MASTER`). With the variable SLUICE_EVENT_LOG set to "1" each message, each wait
 * for later replies and each alarm prints one line.
 */
export function durableObject<Env extends object, const Gateways extends readonly GatewayDescriptor[]>(
  factory: (context: EndpointContext, env: Env, state: DurableObjectState) => RpcEndpoint & HandlersOf<Gateways>,
  gateways: Gateways,
  options: DurableObjectOptions = {},
): EndpointObjectClass<Env> {
  return class extends DurableObject<Env> implements EndpointObject {
    readonly #host: DurableObjectHost;
    readonly #event: EventLog | undefined;

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env);
      const address = ctx.id.name;
      if (address === undefined) throw new TypeError("an endpoint's object is addressed by its name: use getByName");
      this.#event = eventLog(env, address);
      const common = { clock: systemClock, ids: systemIds, random: systemRandom, log: consoleLogger() };
      this.#host = new DurableObjectHost({
        address,
        gateways,
        factory: (context) => factory(context, env, ctx),
        ports: {
          ...common,
          rpcService: new DurableObjectRpcService({
            ...common,
            ...options,
            namespaceOf: namespacesOf(env),
            own: { address, receive: (envelope) => this.#host.receive(envelope) },
          }),
          database: new DurableObjectDatabase(ctx.storage, (reason) => ctx.abort(reason)),
          alarm: new DurableObjectAlarm(ctx.storage),
        },
        abort: (reason) => ctx.abort(reason),
        ...(this.#event === undefined ? {} : { onMessage: (head) => this.#event?.(`rpc ${callText(head)}`) }),
      });
    }

    openSession(request: unknown): Promise<unknown> {
      return this.#host.openSession(request, (session) => new SessionTarget(session, this.#event));
    }

    override alarm(): Promise<void> {
      this.#event?.("alarm");
      return this.#host.alarm();
    }
  };
}

/** The namespace of an endpoint kind among the bindings of a worker, by the naming rule of {@link durableObject}. */
export function namespacesOf(env: object): (kind: string) => EndpointNamespace | undefined {
  return (kind) => {
    const binding: unknown = Reflect.get(env, kind.toUpperCase().replaceAll("-", "_"));
    if (typeof binding !== "object" || binding === null || !("getByName" in binding)) return undefined;
    // The platform's type of a namespace unrolls every value that a method may carry; this is the part used here.
    return binding as unknown as EndpointNamespace;
  };
}

/** A session as the platform hands it out; it notices when its holder lets it go or is gone. */
class SessionTarget extends RpcTarget implements Session, Disposable {
  readonly #session: HeldSession;
  readonly #event: EventLog | undefined;

  constructor(session: HeldSession, event: EventLog | undefined) {
    super();
    this.#session = session;
    this.#event = event;
  }

  replies(received: unknown): ReturnType<HeldSession["replies"]> {
    this.#event?.("replies");
    return this.#session.replies(received);
  }

  [Symbol.dispose](): void {
    this.#session.ended();
  }
}

type EventLog = (what: string) => void;

function eventLog(env: object, address: string): EventLog | undefined {
  if (Reflect.get(env, "SLUICE_EVENT_LOG") !== "1") return undefined;
  return (what) => console.log(`event ${address} ${what}`);
}

function callText({ gateway, method, kind }: IncomingHead): string {
  return `${gateway}.${kind === "handshake" ? "handshake" : method}`;
}
