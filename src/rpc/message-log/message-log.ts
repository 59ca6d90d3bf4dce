import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import { fromUnknown, SluiceException } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { ROOT_CONTEXT } from "../call-context.ts";
import type { EndpointContext } from "../endpoint-context.ts";
import type { Identity } from "../fencing/identity.ts";
import type { GatewayDescriptor } from "../gateway-descriptor.ts";
import { INTERNAL } from "../main-thread.ts";
import type { MainThread, MainThreadOptions } from "../main-thread.ts";
import type { SqlDatabase } from "../ports/storage.ts";
import { isRead } from "../storage/sql-text.ts";
import type { DurableTimers } from "../timers/durable-timers.ts";
import type { Turn } from "../turn.ts";
import { withTimerList } from "./journal.ts";
import type { Journal } from "./journal.ts";
import { encodeBase } from "./log-base.ts";
import { encodeCause, encodeEntry, loggedError } from "./log-entry.ts";
import type { Answer, AnswerKind, Answers, LoggedCause, LoggedMessage, LoggedOutcome } from "./log-entry.ts";
import { LoggedMainThread } from "./logged-main-thread.ts";
import type { LeftOver, TurnLog } from "./logged-main-thread.ts";
import { MessageEncoder } from "./message-encoder.ts";
import { MessageLogGateway } from "./message-log-gateway.ts";
import { MessageRing } from "./message-ring.ts";
import type { MessageLogOptions, StoredMessageLog } from "./message-ring.ts";

/** The endpoint whose turns are logged. */
export interface LoggedEndpoint {
  readonly address: string;
  readonly database: SqlDatabase;
  readonly identity: Identity;
  readonly log: Logger;
  /** What it remembers beyond its storage; undefined if it cannot say. */
  readonly snapshotState: (() => unknown) | undefined;
}

/** A turn that has not been stored yet. */
interface OpenEntry {
  readonly turn: Turn;
  readonly head: string;
  readonly what: string;
  failed: string | undefined;
}

/** So many rows of entries that wait are written at once: half of the ring. */
const FLUSHED_ROWS = 4;
/** How long a turn that wrote nothing durable may wait for its entry to be written. */
const FLUSH_AFTER = seconds(1);

/**
 * The message log of one activation. A turn that wrote something durable is stored by its own transaction, together with
 * all before it. Turns that wrote nothing wait for the next that does, for some rows of them, or for a second: a write
 * for each of them would cost more than they do, and hold back what they send. A crash loses those that wait with the
 * memory that they had changed; what is stored is always the beginning of what happened.
 */
export class MessageLog implements Journal, TurnLog {
  readonly #endpoint: LoggedEndpoint;
  readonly #ring: MessageRing;
  readonly #incarnation: number;
  readonly #methods = new Set<string>();
  readonly #encoder = new MessageEncoder();
  // Continuations and tasks that have not run.
  readonly #leftOver = new Set<LeftOver>();
  #mainThread: MainThread | undefined;
  #clock: Clock | undefined;
  /** Of the turn that runs, or ran last. */
  #number: number;
  #left: LeftOver[] = [];
  #open: OpenEntry | undefined;
  #answers: Answers | undefined;
  // Texts of the entries before the open one.
  #ended: string[] = [];
  // The ring has them, and the open one.
  #stored = false;
  #wrote = false;
  #begun = false;
  #timer: ScheduledCallback | undefined;
  #flushes = false;
  #waitingCharacters = 0;
  #closed = false;
  #nextBase: number;

  /**
   * Needs the schema of `applyEndpointSchema`.
   *
   * @throws RangeError for bounds that bound nothing.
   */
  constructor(endpoint: LoggedEndpoint, options: MessageLogOptions) {
    this.#endpoint = endpoint;
    this.#ring = new MessageRing(endpoint.database, options);
    this.#incarnation = endpoint.identity.incarnation;
    this.#number = this.#ring.last;
    const { last, lastBase, lastIncarnation } = this.#ring;
    const follows = lastBase !== undefined && (lastIncarnation ?? this.#incarnation - 1) === this.#incarnation - 1;
    this.#nextBase = follows ? lastBase + this.#distance : last;
    if (this.#nextBase <= last) this.#addBase({});
  }

  mainThread(options: MainThreadOptions): MainThread {
    const { clock, database, onUndone } = options;
    this.#clock = clock;
    return (this.#mainThread = new LoggedMainThread(
      {
        ...options,
        database: database === undefined ? undefined : this.#storingWith(database),
        onUndone: (thrown) => {
          this.#undone(thrown);
          onUndone(thrown);
        },
      },
      this,
    ));
  }

  random(source: Random): Random {
    return { next: () => this.#answered("random", source.next()) };
  }

  ids(source: IdSource): IdSource {
    return { hex: () => this.#answered("ids", source.hex()) };
  }

  timers(timers: DurableTimers): DurableTimers {
    return withTimerList(timers, () => this.#answered("timers", timers.list()));
  }

  storage(database: SqlDatabase): SqlDatabase {
    return {
      exec: (sql, ...bindings) => {
        if (!isRead(sql)) {
          this.#wrote = true;
          // Its turn has no transaction that would store it.
          if (this.#mainThread?.turn?.work.readOnly === true) this.#flushSoon();
        }
        return database.exec(sql, ...bindings);
      },
      transactionSync: (body) => database.transactionSync(body),
      deleteAll: () => database.deleteAll(),
    };
  }

  serve(gateways: readonly GatewayDescriptor[]): void {
    for (const gateway of gateways) {
      if (gateway === MessageLogGateway) continue;
      for (const [name, method] of Object.entries(gateway.methods)) {
        const turns = method.turns === "inherit" ? gateway.turns : method.turns;
        if (turns !== "sync" || "streams" in method) {
          throw new SluiceException(
            "UNSUPPORTED_OPERATION",
            `message log of ${this.#endpoint.address}: ${gateway.name}.${name} ${turns === "sync" ? "is a stream" : `has turns "${turns}"`}; only sync turns without streams can be replayed`,
          );
        }
        this.#methods.add(`${gateway.name}.${name}`);
      }
    }
  }

  message(message: LoggedMessage): void {
    this.#endEntry();
    // What the layer itself answers is no turn of the endpoint's code.
    if (!this.#methods.has(message.method)) return;
    const turn = this.#requireTurn();
    this.#beginEntry({
      turn,
      head: this.#encoder.encode(message, turn.nowMillis),
      what: message.method,
      failed: undefined,
    });
  }

  begin(cause: LoggedCause): void {
    this.#endEntry();
    const turn = this.#requireTurn();
    this.#beginEntry({ turn, head: encodeCause(cause, turn.nowMillis), what: cause.kind, failed: undefined });
    this.#wrote = cause.kind === "start";
  }

  leave(): LeftOver {
    if (this.#mainThread?.turn === undefined) return { origin: null };
    const left: LeftOver = { origin: [this.#number, this.#left.length] };
    this.#left.push(left);
    this.#leftOver.add(left);
    return left;
  }

  resume({ origin }: LeftOver): void {
    this.begin({ kind: "task", origin });
  }

  continue(what: LeftOver, outcome: LoggedOutcome): void {
    this.forget(what);
    const { origin } = what;
    if (origin === null) return;
    const reason = this.#requireTurn().work.context.cancellation?.reason;
    const cancelled = reason === undefined ? {} : { cancelled: loggedError(reason) };
    this.begin({ kind: "continuation", origin, outcome, ...cancelled });
  }

  forget(what: LeftOver): void {
    this.#leftOver.delete(what);
  }

  close(): void {
    this.#flush();
    this.#closed = true;
  }

  /** Everything that is kept, the running event's turns included. */
  read(): StoredMessageLog {
    this.#flush();
    return { address: this.#endpoint.address, ...this.#ring.read() };
  }

  get #distance(): number {
    return Math.ceil(this.#ring.capacity / 2);
  }

  /** The turns' transactions, each with the entry of its turn. */
  #storingWith(database: SqlDatabase): SqlDatabase {
    return {
      exec: (sql, ...bindings) => database.exec(sql, ...bindings),
      transactionSync: (body) =>
        database.transactionSync(() => {
          const result = body();
          if (this.#wrote && this.#open !== undefined && !this.#stored) this.#store();
          return result;
        }),
      deleteAll: () => database.deleteAll(),
    };
  }

  #beginEntry(entry: OpenEntry): void {
    this.#open = entry;
    this.#number += 1;
    this.#begun = true;
    this.#wrote = false;
    this.#timer ??= this.#clock?.schedule(FLUSH_AFTER, () => this.#flush());
  }

  #store(): void {
    this.#stored = true;
    const open = this.#open === undefined ? [] : [this.#text(this.#open)];
    this.#ring.append([...this.#ended, ...open], this.#incarnation);
    if (this.#number >= this.#nextBase) this.#flushSoon();
  }

  /** The turn that ran last is over, for good. */
  #endEntry(): void {
    if (this.#stored) this.#ended = [];
    else if (this.#open !== undefined) this.#wait(this.#text(this.#open));
    this.#stored = false;
    this.#open = undefined;
    // What the constructor asked belongs to the first turn.
    if (!this.#begun) return;
    this.#answers = undefined;
    if (this.#left.length > 0) this.#left = [];
  }

  #undone(thrown: unknown): void {
    // A turn may fail before it has an entry.
    if (this.#open?.turn.failed !== true) return;
    this.#open.failed = fromUnknown(thrown).message;
    for (const left of this.#left) this.#leftOver.delete(left);
    if (!this.#stored) return;
    this.#stored = false;
    this.#ring.reload();
  }

  #text({ head, what, failed }: OpenEntry): string {
    const text = encodeEntry(head, this.#answers, failed);
    if (text.length <= this.#ring.maxText) return text;
    return encodeEntry(encodeCause({ kind: "omitted", what, characters: text.length }, 0), undefined, failed);
  }

  #wait(text: string): void {
    if (this.#ended.length === 0) this.#waitingCharacters = 0;
    this.#ended.push(text);
    this.#waitingCharacters += text.length;
    const { maxEntries, maxText } = this.#ring;
    const full = this.#ended.length === maxEntries * FLUSHED_ROWS || this.#waitingCharacters > maxText * FLUSHED_ROWS;
    if (full) this.#flushSoon();
  }

  /** Not within the running turn, which may be undone, and the write with it. */
  #flushSoon(): void {
    if (this.#flushes) return;
    this.#flushes = true;
    queueMicrotask(() => this.#flush());
  }

  /** Outside of transactions. */
  #flush(): void {
    this.#flushes = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed) return;
    this.#endEntry();
    if (this.#ended.length === 0) return this.#snapshotIfQuiet();
    const ended = this.#ended;
    this.#ended = [];
    try {
      this.#ring.append(ended, this.#incarnation);
    } catch (error) {
      this.#endpoint.log.error(`message log of ${this.#endpoint.address}: ${ended.length} turns are lost`, {
        error: fromUnknown(error).message,
      });
    }
    this.#snapshotIfQuiet();
  }

  /** A base in a turn of its own, where nothing is under way that a base could not hold. */
  #snapshotIfQuiet(): void {
    const { snapshotState, address, log } = this.#endpoint;
    if (snapshotState === undefined || this.#number < this.#nextBase || this.#leftOver.size > 0) return;
    this.#nextBase = this.#number + this.#distance;
    const { last } = this.#ring;
    this.#mainThread?.post({
      ...INTERNAL,
      label: "snapshotState",
      context: ROOT_CONTEXT,
      sender: undefined,
      run: () => {
        // Not if it had to wait, while other turns ran.
        if (this.#number === last) this.#addBase({ memory: { state: snapshotState() } });
      },
      settle: (outcome) => {
        if (!outcome.ok) log.error(`snapshotState of ${address} failed: ${outcome.error.message}`);
      },
    });
  }

  #addBase(memory: { readonly memory?: { readonly state: unknown } }): void {
    const { database, identity, address, log } = this.#endpoint;
    const { epoch, incarnation } = identity;
    const nowMillis = this.#mainThread?.now() ?? 0;
    const content = encodeBase({ nowMillis, epoch, incarnation, ...memory }, database, this.#ring.maxText);
    this.#nextBase = this.#number + this.#distance;
    if (content !== undefined) this.#ring.addBase(content);
    else log.warn(`message log of ${address}: its storage is too large to begin a replay with`);
  }

  /** What is asked outside of turns is no part of any, but for what the constructor asks. */
  #answered<Kind extends AnswerKind>(kind: Kind, answer: Answer<Kind>): Answer<Kind> {
    if (this.#begun && this.#mainThread?.turn === undefined) return answer;
    this.#answers ??= { random: [], ids: [], timers: [] };
    this.#answers[kind].push(answer);
    return answer;
  }

  #requireTurn(): Turn {
    if (this.#mainThread === undefined) throw new SluiceException("ILLEGAL_STATE", "a turn before the main thread");
    return this.#mainThread.requireTurn("an entry of the message log");
  }
}

/**
 * The log of an endpoint that is built in `context`.
 *
 * @throws SluiceException `ILLEGAL_STATE` if it has no storage to keep one in.
 */
export function messageLogOf(
  { address, database, identity, log }: EndpointContext,
  options: MessageLogOptions,
  snapshotState: LoggedEndpoint["snapshotState"],
): MessageLog {
  if (database === undefined) {
    throw new SluiceException("ILLEGAL_STATE", `message log of ${address}: the endpoint was given no storage`);
  }
  return new MessageLog({ address, database, identity, log, snapshotState }, options);
}
