import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { milliseconds } from "../../common/duration.ts";
import type { MainThreadExecutor } from "../main-thread-executor.ts";

/** Something that is waited for. */
export interface Awaited {
  /** The {@link HeartbeatTimeouts}' own note. */
  deadlineMillis: number;
  /** In a turn of its own. */
  onTimeout(): void;
}

/**
 * The timeouts of many targets on one timer of the main thread. All wait equally long, so they end in the order in which
 * they began. Holds no timer while nothing waits.
 */
export class HeartbeatTimeouts {
  readonly #executor: MainThreadExecutor;
  readonly #clock: Clock;
  readonly #timeoutMillis: number;
  // Longest silent first.
  readonly #waiting = new Set<Awaited>();
  #timer: ScheduledCallback | undefined;
  #timerMillis = 0;

  constructor(services: { readonly executor: MainThreadExecutor; readonly clock: Clock }, timeoutMillis: number) {
    this.#executor = services.executor;
    this.#clock = services.clock;
    this.#timeoutMillis = timeoutMillis;
  }

  /** Has `awaited` time out once, unless it is stopped or started anew before. */
  start(awaited: Awaited): void {
    const nowMillis = this.#clock.now();
    this.#waiting.delete(awaited);
    awaited.deadlineMillis = nowMillis + this.#timeoutMillis;
    this.#waiting.add(awaited);
    // One that is long overdue was never set: its turn threw.
    if (this.#timer !== undefined && nowMillis - this.#timerMillis <= this.#timeoutMillis) return;
    for (const first of this.#waiting) return this.#arm(first, nowMillis);
  }

  isWaiting(awaited: Awaited): boolean {
    return this.#waiting.has(awaited);
  }

  /** Idempotent. */
  stop(awaited: Awaited): void {
    // A timer that is early finds nothing and is set again.
    if (this.#waiting.delete(awaited) && this.#waiting.size === 0) this.#cancel();
  }

  stopAll(): void {
    this.#waiting.clear();
    this.#cancel();
  }

  #arm(first: Awaited, nowMillis: number): void {
    this.#cancel();
    this.#timerMillis = Math.max(first.deadlineMillis, nowMillis);
    this.#timer = this.#executor.schedule(() => this.#sweep(), milliseconds(this.#timerMillis - nowMillis));
  }

  /** Only what was due when the timer was: heartbeats of others may be queued behind it and win (H20). */
  #sweep(): undefined {
    this.#timer = undefined;
    const dueMillis = this.#timerMillis;
    for (const awaited of this.#waiting) {
      if (awaited.deadlineMillis > dueMillis) {
        this.#arm(awaited, this.#clock.now());
        return;
      }
      this.#executor.execute(() => this.#expire(awaited, dueMillis));
    }
  }

  #expire(awaited: Awaited, dueMillis: number): undefined {
    // A heartbeat that was queued before this has started it anew.
    if (awaited.deadlineMillis > dueMillis || !this.#waiting.has(awaited)) return;
    this.stop(awaited);
    awaited.onTimeout();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
