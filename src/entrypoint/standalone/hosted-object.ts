import type { Clock } from "../../common/clock.ts";
import { minutes } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import type { DeadLetters } from "../../rpc/dead-letters.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import { RpcServer } from "../../rpc/rpc-server.ts";
import { ClockAlarm } from "../../transport/local/clock-alarm.ts";
import { HostRpcService } from "./host-rpc-service.ts";
import { openDatabase } from "./open-database.ts";
import type { DurableDatabase } from "./open-database.ts";

/** When an object is tried again whose activation failed in its alarm. */
const FAILED_ALARM_RETRY = minutes(1);

/** How endpoints of one kind are built, once per activation. */
export interface StandaloneEndpoint {
  readonly gateways: readonly GatewayDescriptor[];
  readonly factory: (context: EndpointContext) => RpcEndpoint;
}

export interface HostedObjectOptions extends StandaloneEndpoint {
  readonly address: string;
  /** Its database; made when the object first lives. */
  readonly path: string;
  /** Takes what the object sends, in order. */
  readonly deliver: (envelope: RequestEnvelope) => Promise<ReplyEnvelope>;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly filters: CallFilters | undefined;
  /** The disk refuses writes: nothing that the process promises is true any more. */
  readonly onFatal: (error: unknown) => void;
}

/** One name of a standalone host: at most one living endpoint, its database, its alarm. */
export class HostedObject {
  readonly #options: HostedObjectOptions;
  readonly #alarm: ClockAlarm;
  readonly #rpcService: HostRpcService;
  #store: DurableDatabase | undefined;
  #server: RpcServer | undefined;
  #underWay = 0;
  #usedMillis = 0;

  constructor(options: HostedObjectOptions) {
    this.#options = options;
    const { clock, ids, deadLetters, deliver, filters } = options;
    this.#alarm = new ClockAlarm(clock, () => void this.#ring());
    this.#rpcService = new HostRpcService({
      clock,
      ids,
      deadLetters,
      filters,
      deliver: (envelope) => this.#whileUsed(() => this.#behindGate().then(() => deliver(envelope))),
    });
  }

  /** Since when nothing has happened to it, or `undefined` while something does. */
  get idleSinceMillis(): number | undefined {
    return this.#underWay > 0 || this.#store?.gate.busy === true ? undefined : this.#usedMillis;
  }

  /** Whether its file is open; it may have no living endpoint all the same. */
  get isLoaded(): boolean {
    return this.#store !== undefined;
  }

  get hasAlarm(): boolean {
    return this.#alarm.get() !== undefined;
  }

  /**
   * Lets one message in; the object is built if it does not live. The reply leaves when what it tells of is durable.
   *
   * @throws (rejects) what the endpoint's constructor throws.
   */
  receive(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    return this.#whileUsed(async () => {
      const reply = await this.#activate().receive(envelope);
      await this.#behindGate();
      return reply;
    });
  }

  /** Arms the alarm for what is stored: once, when the host starts on files that were there. */
  armStored(): void {
    const { database } = this.#open();
    const timers = database.exec("SELECT name FROM sqlite_master WHERE name = 'sluice_timers'");
    if (timers.length > 0) {
      const due = database.exec("SELECT min(due) AS due FROM sluice_timers")[0]?.["due"];
      if (typeof due === "number") this.#alarm.set(due);
    }
    this.evict();
  }

  /** Ends the activation without any notice to the endpoint, as a crash would; the next message or alarm builds it anew. */
  crash(): void {
    this.#server?.kill();
    this.#server = undefined;
  }

  /** {@link crash}, and lets go of the file. Only while it is idle. */
  evict(): void {
    this.crash();
    this.#store?.close();
    this.#store = undefined;
  }

  /** {@link evict} once everything that was written is durable; its alarm rings no more. */
  async close(): Promise<void> {
    this.#alarm.delete();
    this.crash();
    if (this.#store !== undefined) await this.#behindGate();
    this.evict();
  }

  #open(): DurableDatabase {
    this.#store ??= openDatabase(this.#options.path, this.#options.onFatal);
    return this.#store;
  }

  #activate(): RpcServer {
    if (this.#server !== undefined) return this.#server;
    const { address, gateways, factory, clock, random, ids, log } = this.#options;
    const { database } = this.#open();
    const alarm = this.#alarm;
    const server = new RpcServer({
      address,
      gateways,
      factory,
      ports: { rpcService: this.#rpcService, clock, random, ids, log, database, alarm },
      onBroken: () => {
        // In an event of its own: the replies that tell callers leave before it.
        clock.schedule(0, () => {
          if (this.#server === server) this.crash();
        });
      },
    });
    this.#server = server;
    if (server.state !== "terminated") server.start();
    return server;
  }

  async #ring(): Promise<void> {
    const { clock, log, address } = this.#options;
    try {
      await this.#whileUsed(async () => this.#activate().onAlarm());
    } catch (error) {
      log.error(`alarm of ${address}: the endpoint could not be started`, { error: String(error) });
      this.#alarm.set(clock.now() + FAILED_ALARM_RETRY);
    }
  }

  #behindGate(): Promise<void> {
    const gate = this.#open().gate;
    return new Promise((resolve) => gate.pass(resolve));
  }

  async #whileUsed<T>(body: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await body();
    } finally {
      this.#underWay -= 1;
      this.#usedMillis = this.#options.clock.now();
    }
  }
}
