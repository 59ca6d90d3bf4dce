import type { Clock, ScheduledCallback } from "../common/clock.ts";
import type { Duration } from "../common/duration.ts";
import { fromUnknown, SluiceException } from "../common/exceptions.ts";
import type { Logger } from "../common/log.ts";
import { detached, ROOT_CONTEXT } from "./call-context.ts";
import type { CallContext } from "./call-context.ts";
import { RecipientUnreachableException, TimeoutException, TurnFailedException } from "./exceptions.ts";
import type { SenderIdentity } from "./fencing/epoch.ts";
import type { TurnMode } from "./gateway-descriptor.ts";
import { Later } from "./later.ts";
import { Mailbox } from "./mailbox.ts";
import type { MailboxBounds, MailboxItem } from "./mailbox.ts";
import type { Stretches } from "./open-streams.ts";
import type { SqlDatabase } from "./ports/storage.ts";
import { currentTurn, currentTurnLabel, runAsTurn, Turn, turnOnStack } from "./turn.ts";
import type { HeldAction, Outcome } from "./turn.ts";

/** One entry of the turn queue. */
export interface Work extends MailboxItem {
  readonly label: string;
  readonly context: CallContext;
  readonly sender: SenderIdentity | undefined;
  readonly turns: TurnMode;
  /** Writes nothing durable: needs no transaction. */
  readonly readOnly: boolean;
  /** What undoes its writes; a savepoint if it does not say, or nothing else can. */
  readonly undo?: "savepoint" | "reset";
  /** Asked at dequeue; an exception refuses the work and becomes its outcome. */
  admit?(nowMillis: number): SluiceException | undefined;
  /** The turn itself. */
  run(): unknown;
  /**
   * Called exactly once, with a `Later` or promise already settled; also if the work never ran.
   *
   * @param endMillis when the turn ended, for whoever would read the clock; absent if the result is a late one.
   */
  settle(outcome: Outcome, endMillis?: number): void;
}

/** What a continuation waits for: a promise, as far as it matters here. */
export interface Settling<R> {
  then(onResult: (result: R) => void, onError: (error: unknown) => void): unknown;
}

export interface MainThreadOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly database: SqlDatabase | undefined;
  readonly bounds: MailboxBounds | undefined;
  /** A turn that takes longer is reported by name. */
  readonly slowTurnMillis: number;
  /** A turn threw and its writes were undone; before anyone is told. */
  readonly onUndone: (thrown: unknown) => void;
  /** The same, after its caller was told. */
  readonly onThrown: () => void;
}

/**
 * Which work runs: none before START, then the endpoint's own work only until `onStart` is done, then everything; none
 * for ever once the activation ended.
 */
type Gate = "closed" | "internal" | "open" | "ended";

/**
 * The endpoint's turn queue. Its work runs one turn at a time, in order of arrival (contract M1, M2, M4); a turn is one
 * transaction and sends what it holds only if it succeeds.
 */
export class MainThread {
  readonly #options: MainThreadOptions;
  readonly #mailbox: Mailbox<Work>;
  readonly #scheduled = new Set<ScheduledCallback>();
  // Work that ran and waits for its Later or promise.
  readonly #pending = new Map<Work, (outcome: Outcome) => void>();
  // Requests of `exclusive` handlers that have not settled, innermost last.
  readonly #owners: string[] = [];
  #gate: Gate = "closed";
  #draining = false;
  // What time it was when the last turn ended, while nothing but turns can have run since.
  #runMillis: number | undefined;
  // When the last turn that succeeded ended.
  #endMillis = 0;

  constructor(options: MainThreadOptions) {
    this.#options = options;
    this.#mailbox = new Mailbox(options.bounds);
  }

  /** Milliseconds since the epoch; the same for a whole turn, and real time after an `await`. */
  now(): number {
    return turnOnStack(this)?.nowMillis ?? this.#options.clock.now();
  }

  /** What the running turn begins and other turns run between: as the later stretches of an `async` handler. */
  stretches(): Stretches {
    const { work, nowMillis } = this.requireTurn("a stream");
    const turn = new Turn(this, work, nowMillis);
    turn.succeed();
    return { run: (body) => runAsTurn(turn, true, { run: body }), close: () => turn.close() };
  }

  get turn(): Turn | undefined {
    return currentTurn(this);
  }

  get mailboxMessages(): number {
    return this.#mailbox.messages;
  }

  /** @throws SluiceException `ILLEGAL_STATE` outside the endpoint's own turns (contract T2). */
  requireTurn(what: string): Turn {
    const turn = currentTurn(this);
    if (turn !== undefined) return turn;
    const found = currentTurnLabel();
    throw new SluiceException(
      "ILLEGAL_STATE",
      `${what} outside the endpoint's main thread: expected a turn of this endpoint, found ${found === undefined ? "none" : `${found} of another one, or a handler that has settled`}`,
    );
  }

  /** Runs `work` ahead of everything queued, then the endpoint's own work. */
  start(work: Work): void {
    this.#gate = "internal";
    this.#draining = true;
    try {
      this.#execute(work);
    } finally {
      this.#draining = false;
    }
    this.#drain();
  }

  /** Lets messages run. */
  open(): void {
    if (this.#gate === "ended") return;
    this.#gate = "open";
    this.#drain();
  }

  /** Runs nothing until the next {@link start}; keeps what is queued. */
  pause(): void {
    if (this.#gate !== "ended") this.#gate = "closed";
  }

  /** Queues work at the tail. @returns false if the mailbox is full; the work was not taken then and is not settled. */
  post(work: Work): boolean {
    if (this.#gate === "ended") {
      work.settle({ ok: false, error: activationEnded(work.label) });
      return true;
    }
    if (this.#isIdle()) {
      this.#draining = true;
      try {
        this.#execute(work);
      } finally {
        this.#draining = false;
      }
    } else if (!this.#mailbox.offer(work)) return false;
    this.#drain();
    return true;
  }

  /** Whatever `body` posts is worked off without anything between; a clock reading a turn is saved. */
  run(nowMillis: number, body: () => void): void {
    const outer = this.#runMillis;
    this.#runMillis = nowMillis;
    try {
      body();
    } finally {
      this.#runMillis = outer;
    }
  }

  /** Whether the next piece of work, whatever it is, runs at once. */
  #isIdle(): boolean {
    return !this.#draining && this.#gate === "open" && this.#mailbox.isEmpty && this.#owners.length === 0;
  }

  /**
   * The result of the message with this request id is not wanted: one that waits is dropped unrun, one that runs sees its
   * signal aborted. Without effect on what has settled, and on messages that `sender` did not send.
   */
  cancel(requestId: string, sender: SenderIdentity | undefined, reason: SluiceException): void {
    const isMeant = (work: Work): boolean =>
      work.origin === "message" && work.context.chain.at(-1) === requestId && work.sender?.address === sender?.address;
    const queued = this.#mailbox.find(isMeant);
    if (queued !== undefined) {
      this.#mailbox.take((work) => work === queued);
      queued.settle({ ok: false, error: reason });
      return;
    }
    for (const work of this.#pending.keys()) if (isMeant(work)) work.context.cancellation?.cancel(reason);
  }

  /** Handlers that hold the others up are given up, and no more messages run: the endpoint's own work goes on. */
  giveUpOwners(error: (label: string) => SluiceException): void {
    if (this.#gate === "ended") return;
    this.#gate = "internal";
    for (const [work, settle] of this.#pending) {
      if (work.turns !== "exclusive") continue;
      const reason = error(work.label);
      work.context.cancellation?.cancel(reason);
      settle({ ok: false, error: reason });
    }
  }

  /** Ends the activation: what is queued or waits fails, nothing of it runs any more, timers are cancelled. */
  end(error: (label: string) => SluiceException = activationEnded): void {
    if (this.#gate === "ended") return;
    this.#gate = "ended";
    this.cancelScheduled();
    for (const work of this.#mailbox.drain()) work.settle({ ok: false, error: error(work.label) });
    for (const [work, settle] of this.#pending) settle({ ok: false, error: error(work.label) });
  }

  cancelScheduled(): void {
    for (const handle of this.#scheduled) handle.cancel();
    this.#scheduled.clear();
  }

  /** In a turn: when it succeeds. Outside: at once. */
  hold(action: HeldAction): void {
    const turn = currentTurn(this);
    if (turn === undefined) action.send();
    else turn.hold(action);
  }

  ask<R, T>(
    promise: Settling<R>,
    onResult: (result: R) => T | Later<T>,
    onError?: (error: SluiceException) => T | Later<T>,
  ): Later<T> {
    const turn = this.requireTurn("ask");
    const { label, context, sender } = turn.work;
    const { promise: settled, resolve, reject } = Promise.withResolvers<T>();
    // A handler may drop its Later; that is no unhandled rejection.
    settled.catch(() => undefined);
    const resume = (body: () => T | Later<T>, readOnly = false): void => {
      if (turn.failed) return reject(turnFailed(label));
      this.post({
        ...INTERNAL,
        readOnly,
        label: `${label}, continued`,
        context,
        sender,
        run: body,
        // `run` gave a T, or a Later of one that was flattened before this.
        settle: (outcome) => (outcome.ok ? resolve(outcome.value as T) : reject(outcome.error)),
      });
    };
    promise.then(
      (result) => resume(() => onResult(result), Object.is(onResult, passThrough)),
      (error: unknown) => {
        const exception = fromUnknown(error);
        if (onError === undefined) reject(exception);
        else resume(() => onError(exception));
      },
    );
    return new Later(settled);
  }

  runAsync(body: () => unknown, label = "runAsync"): void {
    const context = detached(currentTurn(this)?.work.context ?? ROOT_CONTEXT);
    this.hold({
      send: () => void this.post(this.#task(label, context, body)),
      drop: () => undefined,
    });
  }

  callAsync<T>(body: () => T | Later<T>, timeout: Duration): Promise<T> {
    const turn = currentTurn(this);
    const context = turn?.work.context ?? ROOT_CONTEXT;
    const label = "callAsync";
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    const timer = this.#options.clock.schedule(timeout, () =>
      reject(new TimeoutException(`${label} gave no result within ${timeout} ms; its body is not interrupted`)),
    );
    this.hold({
      send: () =>
        void this.post({
          ...INTERNAL,
          label,
          context,
          sender: undefined,
          run: body,
          settle: (outcome) => {
            timer.cancel();
            // `run` gave a T, or a Later of one that was flattened before this.
            if (outcome.ok) resolve(outcome.value as T);
            else reject(outcome.error);
          },
        }),
      drop: () => {
        timer.cancel();
        reject(turnFailed(label));
      },
    });
    return promise;
  }

  schedule(body: () => unknown, delay: Duration): ScheduledCallback {
    let cancelled = false;
    let timer: ScheduledCallback | undefined;
    const label = "scheduleRunAsync";
    const handle: ScheduledCallback = {
      cancel: () => {
        cancelled = true;
        timer?.cancel();
        this.#scheduled.delete(handle);
      },
    };
    const due = (): void => {
      this.#scheduled.delete(handle);
      // Cancelled after it was posted: the body still does not run (contract S12).
      this.post(this.#task(label, ROOT_CONTEXT, () => (cancelled ? undefined : body())));
    };
    this.hold({
      send: () => {
        if (cancelled || this.#gate === "ended") return;
        this.#scheduled.add(handle);
        timer = this.#options.clock.schedule(delay, due);
      },
      drop: () => undefined,
    });
    return handle;
  }

  /** {@link schedule} again and again, each time when the run before has settled, failed ones too (contract P6). */
  every(body: () => unknown, interval: Duration): ScheduledCallback {
    let cancelled = false;
    let timer: ScheduledCallback | undefined;
    const handle: ScheduledCallback = {
      cancel: () => {
        cancelled = true;
        timer?.cancel();
        this.#scheduled.delete(handle);
      },
    };
    const due = (): void => {
      const task = this.#task("every", ROOT_CONTEXT, () => (cancelled ? undefined : body()));
      this.post({
        ...task,
        settle: (outcome) => {
          task.settle(outcome);
          arm();
        },
      });
    };
    const arm = (): void => {
      if (cancelled || this.#gate === "ended") return;
      this.#scheduled.add(handle);
      timer = this.#options.clock.schedule(interval, due);
    };
    this.hold({ send: arm, drop: () => undefined });
    return handle;
  }

  /** Work of the endpoint's own whose failure is logged and goes nowhere else (contract S2). */
  #task(label: string, context: CallContext, run: () => unknown): Work {
    const settle = (outcome: Outcome): void => {
      if (!outcome.ok)
        this.#options.log.error(`${label} failed: ${outcome.error.message}`, { stack: outcome.error.stack });
    };
    return { ...INTERNAL, label, context, sender: undefined, run, settle };
  }

  #drain(): void {
    if (this.#draining || this.#mailbox.isEmpty) return;
    this.#draining = true;
    try {
      for (let work = this.#next(); work !== undefined; work = this.#next()) this.#execute(work);
    } finally {
      this.#draining = false;
    }
  }

  #next(): Work | undefined {
    if (this.#gate === "closed" || this.#gate === "ended") return undefined;
    const owner = this.#owners.at(-1);
    return this.#mailbox.take(
      (work) =>
        (this.#gate === "open" || work.origin === "internal") &&
        (owner === undefined || work.context.chain.includes(owner)),
    );
  }

  #execute(work: Work): void {
    const { clock, database } = this.#options;
    const nowMillis = this.#runMillis ?? clock.now();
    const refusal = work.admit?.(nowMillis);
    if (refusal !== undefined) return work.settle({ ok: false, error: refusal });
    const turn = new Turn(this, work, nowMillis);
    const byReset = work.undo === "reset" && database?.discard !== undefined;
    let result: unknown;
    try {
      if (database === undefined || work.readOnly || byReset) {
        result = requireSettled(work, runAsTurn(turn, work.turns !== "sync", work));
      } else {
        const run = (): unknown => database.transactionSync(() => requireSettled(work, work.run()));
        result = runAsTurn(turn, work.turns !== "sync", { run });
      }
    } catch (thrown) {
      if (this.#runMillis !== undefined) this.#runMillis = clock.now();
      try {
        turn.fail();
      } finally {
        // Whatever else fails: what was written would stay.
        if (byReset && turn.wrote) database.discard?.(`${work.label} threw after it wrote: ${fromUnknown(thrown)}`);
      }
      this.#options.onUndone(thrown);
      work.settle({ ok: false, error: fromUnknown(thrown) });
      this.#options.onThrown();
      return;
    }
    turn.succeed();
    const endMillis = clock.now();
    if (this.#runMillis !== undefined) this.#runMillis = endMillis;
    const took = endMillis - nowMillis;
    if (took >= this.#options.slowTurnMillis) this.#options.log.warn(`slow turn: ${work.label} took ${took} ms`);
    this.#endMillis = endMillis;
    this.#finish(work, turn, result);
  }

  #finish(work: Work, turn: Turn, result: unknown): void {
    const waiting =
      result instanceof Later ? result.settled : work.turns !== "sync" && isThenable(result) ? result : undefined;
    if (waiting === undefined) {
      turn.close();
      work.settle({ ok: true, value: result }, this.#endMillis);
      return;
    }
    const owner = work.turns === "exclusive" ? work.context.chain.at(-1) : undefined;
    if (owner !== undefined) this.#owners.push(owner);
    const settle = (outcome: Outcome): void => {
      if (!this.#pending.delete(work)) return;
      turn.close();
      const index = owner === undefined ? -1 : this.#owners.lastIndexOf(owner);
      if (index >= 0) this.#owners.splice(index, 1);
      work.settle(outcome);
      this.#drain();
    };
    this.#pending.set(work, settle);
    Promise.resolve(waiting)
      .then(
        // An `async` handler may resolve to a Later as well.
        (value: unknown) =>
          value instanceof Later
            ? value.settled.then((late: unknown) => settle({ ok: true, value: late }))
            : settle({ ok: true, value }),
      )
      .catch((error: unknown) => settle({ ok: false, error: fromUnknown(error) }));
  }
}

/** What the endpoint's own work has in common. */
export const INTERNAL = { origin: "internal", control: false, bytes: 0, turns: "sync", readOnly: false } as const;

/** The continuation that does nothing: its turn needs no transaction. */
export function passThrough<R>(result: R): R {
  return result;
}

function requireSettled(work: Work, result: unknown): unknown {
  if (work.turns === "sync" && isThenable(result)) {
    throw new SluiceException(
      "ILLEGAL_STATE",
      `${work.label} returned a promise: a sync turn waits by ask(promise, continuation)`,
    );
  }
  return result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function turnFailed(label: string): SluiceException {
  return new TurnFailedException(`${label} was dropped: the turn that made it threw`);
}

function activationEnded(label: string): SluiceException {
  return new RecipientUnreachableException(`${label} was dropped: the activation of the endpoint ended`, {
    retryable: true,
  });
}
