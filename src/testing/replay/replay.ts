import { fromErrorData, fromUnknown, SluiceException } from "../../common/exceptions.ts";
import { ROOT_CONTEXT } from "../../rpc/call-context.ts";
import { Cancellation } from "../../rpc/cancellation.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { GatewayDescriptor, MethodDescriptor } from "../../rpc/gateway-descriptor.ts";
import { Later } from "../../rpc/later.ts";
import { INTERNAL } from "../../rpc/main-thread.ts";
import type { Work } from "../../rpc/main-thread.ts";
import type { Answers, Cause, LoggedMessage, LoggedOutcome } from "../../rpc/message-log/log-entry.ts";
import type { StoredMessageLog } from "../../rpc/message-log/message-ring.ts";
import { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import type { EndpointInternals } from "../../rpc/rpc-endpoint.ts";
import { captureResult } from "../../rpc/message-capture.ts";
import { SqliteDatabase } from "../../storage/sqlite/sqlite-database.ts";
import { loadStorage } from "./load-storage.ts";
import { readMessageLog } from "./recorded-log.ts";
import type { LogEntry, RecordedBase, RecordedLog } from "./recorded-log.ts";
import { replayContext } from "./replay-context.ts";
import { ReplayJournal } from "./replay-journal.ts";
import type { ReplayMainThread } from "./replay-main-thread.ts";

/** How the endpoint is built: as where the log was written. */
export interface ReplayedEndpoint<E extends RpcEndpoint> {
  readonly gateways: readonly GatewayDescriptor[];
  readonly factory: (context: EndpointContext) => E;
}

/** One turn, run again. */
export interface ReplayedTurn {
  readonly entry: LogEntry;
  /** The messages that it sent; they go nowhere. */
  readonly sent: readonly RequestEnvelope[];
  /** What the handler of a message returned; undefined if that came later, or not at all. */
  readonly result: unknown;
  /** What it threw, if it did. */
  readonly error: SluiceException | undefined;
}

/** The endpoint in one of its activations. */
interface Activation<E> {
  readonly endpoint: E;
  readonly internals: EndpointInternals;
  readonly journal: ReplayJournal;
  readonly thread: ReplayMainThread;
  stopped: boolean;
}

const NO_ANSWERS: Answers = { random: [], ids: [], timers: [] };

/**
 * The endpoint as it was after the turn `upTo` of its message log; further turns by {@link Replay.step}.
 *
 * @throws SluiceException `NOT_FOUND` if the log holds no state to begin with, `ILLEGAL_STATE` if the endpoint does
 *   otherwise than the log says, `UNSUPPORTED_OPERATION` at a turn that had from outside what no log can hold.
 */
export function replay<E extends RpcEndpoint>(
  log: StoredMessageLog,
  upTo: number,
  endpoint: ReplayedEndpoint<E>,
): Replay<E> {
  const begun = new Replay(readMessageLog(log), upTo, endpoint);
  return begun.advanceTo(upTo);
}

/** An endpoint whose turns run once more, one after the other, on a storage of its own. */
export class Replay<E extends RpcEndpoint> {
  readonly log: RecordedLog;
  /** What the endpoint has stored. */
  readonly database = new SqliteDatabase();
  readonly #endpoint: ReplayedEndpoint<E>;
  readonly #methods: ReadonlyMap<string, MethodDescriptor>;
  readonly #entries: ReadonlyMap<number, LogEntry>;
  #position: number;
  #nowMillis: number;
  #sent: RequestEnvelope[] = [];
  #result: unknown;
  #activation: Activation<E> | undefined;

  /** Begins with the newest state that is kept and not after the turn `before`. */
  constructor(log: RecordedLog, before: number, endpoint: ReplayedEndpoint<E>) {
    this.log = log;
    this.#endpoint = endpoint;
    this.#methods = new Map(
      endpoint.gateways.flatMap(({ name, methods }) =>
        Object.entries(methods).map(([method, declaration]) => [`${name}.${method}`, declaration] as const),
      ),
    );
    this.#entries = new Map(log.entries.map((entry) => [entry.number, entry]));
    const base =
      // There is no endpoint yet where its start is to come.
      log.bases.findLast(({ after, memory }) => after < before || (after === before && memory !== undefined)) ??
      log.bases.find(({ after }) => after === before);
    if (base === undefined) throw new SluiceException("NOT_FOUND", noBase(log, before));
    this.#position = base.after;
    this.#nowMillis = base.nowMillis;
    loadStorage(this.database, base.storage);
    if (base.memory !== undefined) this.#restore(base, base.memory.state);
  }

  /** The turn that ran last. */
  get position(): number {
    return this.#position;
  }

  /** @throws SluiceException `ILLEGAL_STATE` before its first turn. */
  get endpoint(): E {
    return this.#living().endpoint;
  }

  /** Looks at the endpoint from inside of a turn, where it may read its storage; what `look` sends goes nowhere. */
  inspect<T>(look: (endpoint: E) => T): T {
    const { endpoint, thread } = this.#living();
    let seen: { readonly value: T } | undefined;
    const { thrown } = run(thread, this.#position, () =>
      thread.post(workOf("inspect", () => void (seen = { value: look(endpoint) }), { readOnly: true })),
    );
    if (seen === undefined) throw fromUnknown(thrown?.error);
    return seen.value;
  }

  /** Runs the next turn. @returns undefined at the end of the log. Throws as {@link replay}. */
  step(): ReplayedTurn | undefined {
    const entry = this.#entries.get(this.#position + 1);
    if (entry === undefined) return undefined;
    this.#sent = [];
    this.#result = undefined;
    this.#nowMillis = entry.nowMillis;
    this.#position = entry.number;
    const { cause } = entry;
    const living = cause.kind === "start" ? this.#activate(cause, entry.answers) : this.#living();
    if (cause.kind !== "start") living.journal.expect(entry.answers);
    const { thrown } = run(living.thread, entry.number, () => this.#run(entry, living));
    const divergence = divergenceOf(entry, living.journal, thrown);
    if (divergence !== undefined) throw this.#diverged(entry, divergence, thrown?.error);
    return {
      entry,
      sent: this.#sent,
      result: this.#result,
      error: thrown === undefined ? undefined : fromUnknown(thrown.error),
    };
  }

  /** Runs turns until `turn` has run. @throws SluiceException `NOT_FOUND` if the log has no such turn ahead. */
  advanceTo(turn: number): this {
    while (this.#position < turn && this.step() !== undefined);
    if (this.#position === turn) return this;
    throw new SluiceException(
      "NOT_FOUND",
      `replay of ${this.log.address}: no turn ${turn}; the log ends, or has a gap, after turn ${this.#position}`,
    );
  }

  /** Releases the storage. */
  close(): void {
    this.database.close();
  }

  #living(): Activation<E> {
    if (this.#activation !== undefined) return this.#activation;
    throw new SluiceException("ILLEGAL_STATE", `replay of ${this.log.address}: its endpoint has not started yet`);
  }

  #activate(
    { epoch, incarnation }: { readonly epoch: number; readonly incarnation: number },
    answers: Answers,
  ): Activation<E> {
    const journal = new ReplayJournal();
    journal.expect(answers);
    const endpoint = this.#endpoint.factory(
      replayContext({
        address: this.log.address,
        epoch,
        incarnation,
        database: this.database,
        journal,
        nowMillis: () => this.#nowMillis,
        onSent: (envelope) => void this.#sent.push(envelope),
      }),
    );
    const internals = RpcEndpoint.internals(endpoint);
    const { thread } = journal;
    if (thread === undefined)
      throw new SluiceException("ILLEGAL_STATE", "an endpoint is built from the context it is given");
    const activation: Activation<E> = { endpoint, internals, journal, thread, stopped: false };
    internals.attach({
      isRunning: () => !activation.stopped,
      isServing: () => false,
      terminate: () => undefined,
      reload: () => undefined,
    });
    thread.open();
    return (this.#activation = activation);
  }

  #restore(base: RecordedBase, state: unknown): void {
    const { thread, internals } = this.#activate(base, NO_ANSWERS);
    const { thrown } = run(thread, base.after, () =>
      thread.post(workOf("restoreState", () => internals.restore(state))),
    );
    if (thrown !== undefined) throw fromUnknown(thrown.error);
  }

  #run(entry: LogEntry, living: Activation<E>): void {
    const { thread, internals } = living;
    const { cause } = entry;
    switch (cause.kind) {
      case "start":
        thread.post(workOf("onStart", () => internals.start(cause.recovered ? "recovered" : "created")));
        return;
      case "message":
        thread.post(this.#message(cause, living.endpoint));
        return;
      case "continuation":
        return this.#continue(entry, cause, thread);
      case "task": {
        const left = cause.origin === null ? undefined : thread.take(cause.origin);
        if (cause.origin === null) throw this.#unknown(entry, "it was posted by code that was no turn of the endpoint");
        if (left?.kind !== "task") throw this.#diverged(entry, "no turn has left such a task");
        thread.post(left.work);
        return;
      }
      case "timer":
        thread.post(workOf(`timer ${cause.name}`, () => internals.fire(cause.name, cause.payload, cause.firing)));
        return;
      case "stop":
        thread.post(
          workOf("onStop", () => {
            try {
              return internals.stop();
            } finally {
              living.stopped = true;
            }
          }),
        );
        return;
      case "omitted":
        throw this.#unknown(entry, `${cause.what} was too large to be kept, ${cause.characters} characters`);
    }
  }

  #message({ method, args, sender, deadlineMillis, trace }: LoggedMessage, endpoint: E): Work {
    const declaration = this.#methods.get(method);
    const handler: unknown = Reflect.get(endpoint, method.slice(method.lastIndexOf(".") + 1));
    if (declaration === undefined || typeof handler !== "function") {
      throw new SluiceException("ILLEGAL_STATE", `replay of ${this.log.address}: it has no method ${method}`);
    }
    const isTell = declaration.kind === "tell";
    const cancellation = isTell ? undefined : new Cancellation();
    return {
      ...workOf(method, () => {
        const result: unknown = Reflect.apply(handler, endpoint, args);
        if (!isTell && !(result instanceof Later)) this.#result = captureResult(result, method).value;
        return result;
      }),
      sender,
      readOnly: declaration.options.readOnly ?? false,
      context: { deadlineMillis, depth: 1, chain: [], trace: trace ?? null, cancellation },
    };
  }

  #continue(entry: LogEntry, cause: Cause & { readonly kind: "continuation" }, thread: ReplayMainThread): void {
    const left = thread.take(cause.origin);
    if (left?.kind !== "continuation") throw this.#diverged(entry, "no turn has left such a continuation");
    if (cause.cancelled !== undefined) left.context.cancellation?.cancel(fromErrorData(cause.cancelled));
    left.settle(this.#outcome(entry, cause.outcome));
  }

  #outcome(entry: LogEntry, outcome: LoggedOutcome): { readonly value: unknown } | { readonly error: SluiceException } {
    if ("unstorable" in outcome) throw this.#unknown(entry, outcome.unstorable);
    return "error" in outcome ? { error: fromErrorData(outcome.error) } : outcome;
  }

  #unknown(entry: LogEntry, why: string): SluiceException {
    return new SluiceException("UNSUPPORTED_OPERATION", `${this.#at(entry)} cannot go on: ${why}`);
  }

  #diverged(entry: LogEntry, how: string, cause?: unknown): SluiceException {
    return new SluiceException("ILLEGAL_STATE", `${this.#at(entry)} has left the log: ${how}`, { cause });
  }

  #at({ number, cause }: LogEntry): string {
    const what = cause.kind === "message" ? `message ${cause.method}` : cause.kind;
    return `replay of ${this.log.address} at turn ${number} (${what})`;
  }
}

/** Runs turn `number` on `thread`. @returns with what it threw. */
function run(thread: ReplayMainThread, number: number, body: () => void): Pick<ReplayMainThread, "thrown"> {
  thread.enter(number);
  body();
  return thread;
}

function workOf(label: string, body: () => unknown, { readOnly = false } = {}): Work {
  return {
    ...INTERNAL,
    label,
    context: ROOT_CONTEXT,
    sender: undefined,
    readOnly,
    run: body,
    settle: () => undefined,
  };
}

function divergenceOf(
  { failed }: LogEntry,
  journal: ReplayJournal,
  thrown: ReplayMainThread["thrown"],
): string | undefined {
  const message = thrown === undefined ? undefined : fromUnknown(thrown.error).message;
  if (failed === undefined && message !== undefined) return `it threw "${message}", the logged turn did not`;
  if (failed !== undefined && message === undefined) return `it did not throw, the logged turn threw "${failed}"`;
  return journal.divergence();
}

function noBase({ address, bases, entries }: RecordedLog, turn: number): string {
  const oldest = bases[0];
  const kept = `its turns ${entries[0]?.number ?? 0} to ${entries.at(-1)?.number ?? 0} are kept`;
  return oldest === undefined
    ? `replay of ${address}: the log holds no state to begin with: its storage was too large, or an activation outgrew the log (${kept})`
    : `replay of ${address}: the log reaches back to turn ${oldest.after}, not to ${turn} (${kept})`;
}
