import { systemClock } from "../../common/clock.ts";
import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { systemIds } from "../../common/ids.ts";
import type { IdSource } from "../../common/ids.ts";
import { silentLogger } from "../../common/log.ts";
import type { Logger } from "../../common/log.ts";
import { systemRandom } from "../../common/random.ts";
import type { Random } from "../../common/random.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RecipientUnreachableException, RpcConnectionException, RpcRuntimeException } from "../../rpc/exceptions.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import { TransientIdentity } from "../../rpc/fencing/identity.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { OutgoingMessage, RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import type { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import { RpcServer } from "../../rpc/rpc-server.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { ClockAlarm } from "./clock-alarm.ts";
import { InstanceDatabase } from "./instance-database.ts";
import { LocalMessageChannel } from "./local-message-channel.ts";
import { LocalMessage } from "./local-message.ts";

/** What happens to one message: delivered, lost before it arrives, or handled with its reply lost. */
export type LocalDelivery = "deliver" | "lose-request" | "lose-reply";

export interface LocalRpcServiceOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly ids?: IdSource;
  readonly log?: Logger;
  /** Default 10 s. */
  readonly defaultTimeout?: Duration;
  /** Run on every call. */
  readonly filters?: CallFilters;
  /** Decides the fate of every message; for tests. Default: all are delivered. */
  readonly intercept?: (envelope: RequestEnvelope) => LocalDelivery;
}

/** How an endpoint is built, once per activation. */
export interface LocalEndpoint {
  readonly gateways: readonly GatewayDescriptor[];
  readonly factory: (context: EndpointContext) => RpcEndpoint;
  /** Kept over restarts by whoever made it; without one the endpoint keeps nothing. */
  readonly database?: SqlDatabase;
}

/** An activation, and what its next one is built from. */
interface Hosted {
  readonly endpoint: LocalEndpoint;
  readonly server: RpcServer;
  readonly identity: TransientIdentity;
  readonly alarm: ClockAlarm | undefined;
  readonly database: InstanceDatabase | undefined;
  /** Its activation ended by {@link LocalRpcService.kill}; there is nothing left to terminate. */
  readonly killed: boolean;
}

/**
 * Many endpoints in one process: tests, the standalone host. Arguments and results are copied, messages of one sender
 * to one receiver arrive in order, in microtasks; with a manual clock every run is the same.
 */
export class LocalRpcService implements RpcService {
  readonly defaultTimeout: Duration;
  readonly deadLetters: DeadLetters;
  readonly filters: CallFilters | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ids: IdSource;
  readonly #log: Logger;
  readonly #intercept: ((envelope: RequestEnvelope) => LocalDelivery) | undefined;
  readonly #hosted = new Map<string, Hosted>();
  // They live on without an address.
  readonly #superseded = new Set<RpcServer>();
  readonly #gateways: GatewayFactory;
  #closing: Promise<void> | undefined;

  constructor(options: LocalRpcServiceOptions = {}) {
    this.defaultTimeout = options.defaultTimeout ?? DEFAULT_ASK_TIMEOUT;
    this.filters = options.filters;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#ids = options.ids ?? systemIds;
    this.#log = options.log ?? silentLogger;
    this.#intercept = options.intercept;
    this.deadLetters = new DeadLetters(this.#log);
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock: this.#clock, ids: this.#ids }));
  }

  /**
   * Builds an endpoint at `address` without starting it (contract L1).
   *
   * @throws RpcRuntimeException if an endpoint lives there (contract V5); SluiceException `ILLEGAL_STATE` after
   *   {@link closeAsync} (contract V4).
   */
  createServer(address: string, endpoint: LocalEndpoint): RpcServer {
    this.#requireOpen("createServer");
    const former = this.#hosted.get(address);
    if (former !== undefined && former.server.state !== "terminated" && former.server.state !== "failed") {
      throw new RpcRuntimeException(`${address}: an endpoint of this name lives already`);
    }
    return this.#activate(
      address,
      endpoint,
      former?.server.state === "failed" ? former.identity : new TransientIdentity(),
    );
  }

  /** {@link createServer}, then start. */
  startServer(address: string, endpoint: LocalEndpoint): RpcServer {
    const server = this.createServer(address, endpoint);
    server.start();
    return server;
  }

  /** Terminates the endpoint for ever; without effect on an unknown or stopped one (contract V7, L11). */
  stopServer(address: string): Promise<void> {
    return this.#hosted.get(address)?.server.closeAsync() ?? Promise.resolve();
  }

  /** Ends the endpoint's activation as a crash of its process would; nothing of it runs any more. */
  kill(address: string): void {
    const hosted = this.#hosted.get(address);
    if (hosted === undefined || hosted.server.state === "terminated") return;
    hosted.alarm?.delete();
    hosted.server.kill();
    this.#hosted.set(address, { ...hosted, killed: true });
  }

  /** {@link kill} if it lives, then a new activation on the same database. @throws RpcConnectionException if unknown. */
  restart(address: string): RpcServer {
    this.#requireOpen("restart");
    const hosted = this.#hosted.get(address);
    if (hosted === undefined) throw new RpcConnectionException(`${address}: no such endpoint`);
    if (hosted.server.state !== "failed" && hosted.server.state !== "terminated") this.kill(address);
    const server = this.#activate(address, hosted.endpoint, hosted.identity);
    if (server.state !== "terminated") server.start();
    return server;
  }

  /**
   * Another instance becomes current while the present one goes on believing that it is: it calls, and answers what it
   * has taken, until it touches the storage, which ends it. As a platform does that lost sight of an instance; for tests
   * of fencing. @returns the server of the new instance. @throws RpcConnectionException if unknown; SluiceException
   *   `ILLEGAL_STATE` without a database, from which alone the new instance knows that it is one.
   */
  supersede(address: string): RpcServer {
    this.#requireOpen("supersede");
    const hosted = this.#hosted.get(address);
    if (hosted === undefined) throw new RpcConnectionException(`${address}: no such endpoint`);
    if (hosted.database === undefined) throw new SluiceException("ILLEGAL_STATE", `${address} has no database`);
    hosted.alarm?.delete();
    this.#superseded.add(hosted.server);
    hosted.database.fence(() => queueMicrotask(() => this.#endSuperseded(hosted.server)));
    const server = this.#activate(address, hosted.endpoint, hosted.identity);
    if (server.state !== "terminated") server.start();
    return server;
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
    const send = (envelope: RequestEnvelope): Promise<ReplyEnvelope> => this.#send(address, envelope);
    // Whoever decides over messages is shown envelopes.
    if (this.#intercept !== undefined) return { send };
    const deliver = (message: OutgoingMessage): void => this.#deliver(address, message);
    return { send, messages: new LocalMessageChannel(deliver) };
  }

  /**
   * Terminates every endpoint, then the service. Idempotent: the same promise again (contract V8 to V12).
   *
   * @throws (rejects) what the first endpoint failed with that did not terminate well; the others terminate all the same.
   */
  closeAsync(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const server of this.#superseded) this.#endSuperseded(server);
    const living = [...this.#hosted.values()].filter(({ killed }) => !killed).map(({ server }) => server);
    const outcomes = await Promise.allSettled(living.map((server) => server.closeAsync()));
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  async #send(address: string, envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    const fate = this.#intercept?.(envelope);
    if (fate === "lose-request") return NEVER;
    // A message is never handled on its sender's stack; microtasks keep the order.
    await Promise.resolve();
    const reply = await this.#serverAt(address).receive(envelope);
    return fate === "lose-reply" ? NEVER : reply;
  }

  #deliver(address: string, message: OutgoingMessage): void {
    let server: RpcServer;
    try {
      server = this.#serverAt(address);
    } catch (error) {
      return message.failed(error);
    }
    server.accept(new LocalMessage(message, this.#clock.now()));
  }

  /** @throws RpcConnectionException, RecipientUnreachableException if nothing can be delivered there. */
  #serverAt(address: string): RpcServer {
    const hosted = this.#hosted.get(address);
    if (hosted === undefined) throw new RpcConnectionException(`${address}: no such endpoint`);
    if (this.#closing !== undefined && hosted.server.state === "failed") {
      throw new RecipientUnreachableException(`${address}: the service is closed`);
    }
    return hosted.server;
  }

  #endSuperseded(server: RpcServer): void {
    this.#superseded.delete(server);
    server.kill();
  }

  #activate(address: string, endpoint: LocalEndpoint, identity: TransientIdentity): RpcServer {
    const { gateways, factory } = endpoint;
    const database = endpoint.database === undefined ? undefined : new InstanceDatabase(endpoint.database);
    const alarm =
      database === undefined
        ? undefined
        : new ClockAlarm(this.#clock, () => {
            // A failed start was reported by its own path.
            server.onAlarm().catch(() => undefined);
          });
    const server = new RpcServer({
      address,
      gateways,
      factory,
      identity,
      ports: {
        rpcService: this,
        clock: this.#clock,
        random: this.#random,
        ids: this.#ids,
        log: this.#log,
        ...(database === undefined || alarm === undefined ? {} : { database, alarm }),
      },
      onBroken: (reason) => {
        if (reason === "superseded")
          queueMicrotask(() => {
            if (this.#hosted.get(address)?.server === server) this.kill(address);
            else this.#endSuperseded(server);
          });
      },
    });
    this.#hosted.set(address, { endpoint, server, identity, alarm, database, killed: false });
    return server;
  }

  #requireOpen(what: string): void {
    if (this.#closing !== undefined) throw new SluiceException("ILLEGAL_STATE", `${what} on a closed RpcService`);
  }
}

const NEVER = new Promise<never>(() => undefined);
