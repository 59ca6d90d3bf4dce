import type { ScheduledCallback } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { Later } from "../later.ts";
import { MainThread } from "../main-thread.ts";
import type { MainThreadOptions, Settling } from "../main-thread.ts";
import { loggedError, valueOutcome } from "./log-entry.ts";
import type { LoggedOutcome, Origin } from "./log-entry.ts";

/** What a turn left to a later one: a continuation or a task. */
export interface LeftOver {
  readonly origin: Origin | null;
}

/** What the main thread tells its log. */
export interface TurnLog {
  /** The running turn, if there is one, leaves something to a later one. */
  leave(): LeftOver;
  /** It runs now. */
  resume(what: LeftOver): void;
  continue(what: LeftOver, outcome: LoggedOutcome): void;
  /** It will not run, or not again. */
  forget(what: LeftOver): void;
  /** Nothing runs any more. */
  close(): void;
}

/** A turn queue that says of every continuation and task which turn it comes from. */
export class LoggedMainThread extends MainThread {
  readonly #log: TurnLog;

  constructor(options: MainThreadOptions, log: TurnLog) {
    super(options);
    this.#log = log;
  }

  override ask<R, T>(
    promise: Settling<R>,
    onResult: (result: R) => T | Later<T>,
    onError?: (error: SluiceException) => T | Later<T>,
  ): Later<T> {
    const log = this.#log;
    const left = log.leave();
    const resumed = (result: R): T | Later<T> => {
      log.continue(left, valueOutcome(result));
      return onResult(result);
    };
    if (onError === undefined) {
      // Its error passes by without a turn.
      promise.then(
        () => undefined,
        () => log.forget(left),
      );
      return super.ask(promise, resumed);
    }
    return super.ask(promise, resumed, (error) => {
      log.continue(left, { error: loggedError(error) });
      return onError(error);
    });
  }

  override runAsync(body: () => unknown, label?: string): void {
    const left = this.#log.leave();
    super.runAsync(this.#once(left, body), label);
  }

  override callAsync<T>(body: () => T | Later<T>, timeout: Duration): Promise<T> {
    const left = this.#log.leave();
    return super.callAsync(this.#once(left, body), timeout);
  }

  override schedule(body: () => unknown, delay: Duration): ScheduledCallback {
    const left = this.#log.leave();
    return this.#cancelling(left, super.schedule(this.#once(left, body), delay));
  }

  override every(body: () => unknown, interval: Duration): ScheduledCallback {
    const left = this.#log.leave();
    const handle = super.every(() => {
      this.#log.resume(left);
      return body();
    }, interval);
    return this.#cancelling(left, handle);
  }

  override end(error?: (label: string) => SluiceException): void {
    super.end(error);
    this.#log.close();
  }

  #once<T>(left: LeftOver, body: () => T): () => T {
    return () => {
      this.#log.resume(left);
      this.#log.forget(left);
      return body();
    };
  }

  #cancelling(left: LeftOver, handle: ScheduledCallback): ScheduledCallback {
    return {
      cancel: () => {
        handle.cancel();
        this.#log.forget(left);
      },
    };
  }
}
