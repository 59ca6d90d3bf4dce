import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { minutes } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { HostedObject } from "./hosted-object.ts";
import type { StandaloneEndpoint } from "./hosted-object.ts";
import { HostRpcService } from "./host-rpc-service.ts";
import { addressOf, fileOf, kindOf } from "./object-file.ts";
import { openDatabase } from "./open-database.ts";
import type { DurableDatabase } from "./open-database.ts";

/** How long an object without work stays in memory. */
const DEFAULT_IDLE = minutes(1);

export interface StandaloneHostOptions {
  /** Where all state lies; one process at a time. */
  readonly folder: string;
  /** {@link openHostStore} of the same folder; the host closes it. */
  readonly store: DurableDatabase;
  /** By kind, the part of an address before its last. */
  readonly endpoints: Readonly<Record<string, StandaloneEndpoint>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  /** Run on every call that an object, or {@link StandaloneHost.rpcService}, sends, and on every one that is let in. */
  readonly filters?: CallFilters;
  /** Default one minute. */
  readonly idle?: Duration;
  /** The disk refuses writes: the process must end, nothing that it promises is true any more. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Hosts endpoints as Durable Objects do, in one process: an object exists when it is called, under its address
 * `<kind>/<id>` or `v1/<jurisdiction>/<cluster>/<kind>/<id>`; it has a SQLite file and an alarm of its own, leaves memory when idle, and
 * what it sends waits for what it wrote. The death of the process is a crash of all of them; the next host on the same
 * folder wakes those that have something due.
 */
export class StandaloneHost {
  /** For callers that are no objects of this host. */
  readonly rpcService: RpcService;
  readonly #options: StandaloneHostOptions;
  readonly #objects = new Map<string, HostedObject>();
  readonly #deadLetters: DeadLetters;
  #sweep: ScheduledCallback;
  #closed = false;

  constructor(options: StandaloneHostOptions) {
    this.#options = options;
    const { clock, ids, log, filters } = options;
    this.#deadLetters = new DeadLetters(log);
    const deliver = (envelope: RequestEnvelope): Promise<ReplyEnvelope> => this.#deliver(envelope);
    this.rpcService = new HostRpcService({ deliver, deadLetters: this.#deadLetters, clock, ids, filters });
    for (const address of storedAddresses(this.#objectsFolder)) this.#object(address)?.armStored();
    this.#sweep = this.#scheduleSweep();
  }

  /** Ends the activation of one object as a crash would; for tests. */
  crash(address: string): void {
    this.#objects.get(address)?.crash();
  }

  /** How many objects are in memory. */
  get loadedObjects(): number {
    return [...this.#objects.values()].filter((object) => object.isLoaded).length;
  }

  /** Ends every activation without notice to it; resolves when all files are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#sweep.cancel();
    await Promise.all([...this.#objects.values()].map((object) => object.close()));
    const { store } = this.#options;
    await new Promise<void>((resolve) => store.gate.pass(resolve));
    store.close();
  }

  get #objectsFolder(): string {
    return join(this.#options.folder, "objects");
  }

  async #deliver(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    // A message is never handled on its sender's stack; microtasks keep the order.
    await Promise.resolve();
    if (this.#closed) throw new RpcConnectionException(`${envelope.endpoint}: the host is closed`, { retryable: true });
    const object = this.#object(envelope.endpoint);
    if (object === undefined) throw new RpcConnectionException(`${envelope.endpoint}: no such endpoint`);
    return object.receive(envelope);
  }

  #object(address: string): HostedObject | undefined {
    const known = this.#objects.get(address);
    if (known !== undefined) return known;
    const { endpoints } = this.#options;
    const kind = kindOf(address);
    const endpoint = kind !== undefined && Object.hasOwn(endpoints, kind) ? endpoints[kind] : undefined;
    if (endpoint === undefined) return undefined;
    const { clock, random, ids, log, filters, onFatal } = this.#options;
    const object = new HostedObject({
      ...endpoint,
      address,
      path: join(this.#objectsFolder, fileOf(address)),
      deliver: (envelope) => this.#deliver(envelope),
      deadLetters: this.#deadLetters,
      clock,
      random,
      ids,
      log,
      filters,
      onFatal,
    });
    this.#objects.set(address, object);
    return object;
  }

  #scheduleSweep(): ScheduledCallback {
    const { clock, idle = DEFAULT_IDLE } = this.#options;
    return clock.schedule(idle, () => {
      const limit = clock.now() - idle;
      for (const [address, object] of this.#objects) {
        const since = object.idleSinceMillis;
        if (since === undefined || since > limit) continue;
        object.evict();
        if (!object.hasAlarm) this.#objects.delete(address);
      }
      this.#sweep = this.#scheduleSweep();
    });
  }
}

function storedAddresses(folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((path) => addressOf(path) ?? []);
}

/**
 * The host's own database, `host.sqlite`: kept open, it is the lock of the folder.
 *
 * @throws SluiceException `CONFLICT` if another process uses the folder.
 */
export function openHostStore(folder: string, onFatal: (error: unknown) => void): DurableDatabase {
  let store: DurableDatabase | undefined;
  try {
    store = openDatabase(join(folder, "host.sqlite"), onFatal);
    // The first write takes the lock, which the process keeps.
    store.database.exec("PRAGMA user_version = 1");
    return store;
  } catch (error) {
    store?.close();
    throw new SluiceException("CONFLICT", `${folder}: another process uses this data folder, or it cannot be written`, {
      cause: error,
    });
  }
}
