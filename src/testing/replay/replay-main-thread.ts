import type { ScheduledCallback } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import { detached, ROOT_CONTEXT } from "../../rpc/call-context.ts";
import type { CallContext } from "../../rpc/call-context.ts";
import type { Later } from "../../rpc/later.ts";
import { INTERNAL, MainThread } from "../../rpc/main-thread.ts";
import type { MainThreadOptions, Settling, Work } from "../../rpc/main-thread.ts";
import type { Origin } from "../../rpc/message-log/log-entry.ts";

/** What a turn left to a later one, until the log says that it ran. */
export type LeftOver =
  | {
      readonly kind: "continuation";
      readonly context: CallContext;
      readonly settle: (outcome: { readonly value: unknown } | { readonly error: SluiceException }) => void;
    }
  | { readonly kind: "task"; readonly work: Work; readonly repeats: boolean };

/** A turn queue in which nothing runs by itself: continuations and tasks wait until the log says that they ran. */
export class ReplayMainThread extends MainThread {
  /** Number of the turn that runs. */
  number = 0;
  /** What the turn that ran last threw. */
  thrown: { readonly error: unknown } | undefined;
  readonly #leftOver = new Map<string, LeftOver>();
  #left = 0;

  constructor(options: MainThreadOptions) {
    super({
      ...options,
      onUndone: (error) => {
        this.thrown = { error };
        options.onUndone(error);
      },
      // A reload is the next start of the log.
      onThrown: () => undefined,
    });
  }

  /** Turn `number` is about to run. */
  enter(number: number): void {
    this.number = number;
    this.#left = 0;
    this.thrown = undefined;
  }

  take(origin: Origin): LeftOver | undefined {
    const key = origin.join(".");
    const left = this.#leftOver.get(key);
    if (left?.kind !== "task" || !left.repeats) this.#leftOver.delete(key);
    return left;
  }

  override ask<R, T>(
    _promise: Settling<R>,
    onResult: (result: R) => T | Later<T>,
    onError?: (error: SluiceException) => T | Later<T>,
  ): Later<T> {
    const { context } = this.requireTurn("ask").work;
    return super.ask(
      {
        // oxlint-disable-next-line unicorn/no-thenable -- it settles within the turn that replay runs, which no promise does
        then: (onValue, onFailure) => {
          this.#leave({
            kind: "continuation",
            context,
            settle: (outcome) => {
              // The promise was fulfilled with an R when the log was written.
              if ("value" in outcome) onValue(outcome.value as R);
              else onFailure(outcome.error);
            },
          });
        },
      },
      onResult,
      onError,
    );
  }

  override runAsync(body: () => unknown, label = "runAsync"): void {
    const context = detached(this.turn?.work.context ?? ROOT_CONTEXT);
    this.#leave({ kind: "task", work: taskOf(body, label, context), repeats: false });
  }

  override callAsync<T>(body: () => T | Later<T>, _timeout: Duration): Promise<T> {
    const context = this.turn?.work.context ?? ROOT_CONTEXT;
    this.#leave({ kind: "task", work: taskOf(body, "callAsync", context), repeats: false });
    // Whoever waits for it has its outcome in the log.
    return new Promise(() => undefined);
  }

  override schedule(body: () => unknown, _delay: Duration): ScheduledCallback {
    return this.#cancellable(body, { label: "scheduleRunAsync", repeats: false });
  }

  override every(body: () => unknown, _interval: Duration): ScheduledCallback {
    return this.#cancellable(body, { label: "every", repeats: true });
  }

  #cancellable(body: () => unknown, { label, repeats }: { label: string; repeats: boolean }): ScheduledCallback {
    let cancelled = false;
    const work = taskOf(() => (cancelled ? undefined : body()), label, ROOT_CONTEXT);
    this.#leave({ kind: "task", work, repeats });
    return { cancel: () => void (cancelled = true) };
  }

  #leave(what: LeftOver): void {
    this.#leftOver.set(`${this.number}.${this.#left}`, what);
    this.#left += 1;
  }
}

function taskOf(run: () => unknown, label: string, context: CallContext): Work {
  return { ...INTERNAL, label, context, sender: undefined, run, settle: () => undefined };
}
