import type { Duration } from "../../common/duration.ts";

/**
 * Named timers that survive eviction and restart, multiplexed over the host's one alarm. While the endpoint is in memory an
 * in-memory timer fires them on time and the alarm is the back-stop.
 *
 * The endpoint's `onTimer` runs as a turn, at least once. What it stores happens exactly once: a handler that returns
 * nothing and its timer's removal are one transaction. One that returns a `Later` keeps its timer until that has settled,
 * so after a crash it runs again with the same token: what it had others do is told apart by it.
 */
export interface DurableTimers {
  /** Sets or replaces the timer `name`. A due time in the past fires at once. Takes effect with the turn. */
  set(name: string, dueMillis: number, payload?: unknown): void;
  /** {@link set} relative to now. */
  setAfter(name: string, delay: Duration, payload?: unknown): void;
  /**
   * Sets or replaces a timer that is due again and again, each time `interval` after it was due before; the first time
   * after one interval. Instants that passed while the endpoint was away or busy become one.
   */
  every(name: string, interval: Duration, payload?: unknown): void;
  /**
   * The same by a cron pattern (five fields, or six with seconds first).
   *
   * @param options `timeZone` is an IANA name; default UTC.
   * @throws SluiceException `INVALID_ARGUMENT` for a pattern or time zone that does not exist.
   */
  cron(name: string, pattern: string, options?: { readonly payload?: unknown; readonly timeZone?: string }): void;
  /** Idempotent; ends a series, too. */
  delete(name: string): void;
  /** Names and due times of all pending timers, earliest first. */
  list(): readonly { readonly name: string; readonly dueMillis: number }[];
}

/** One firing of a durable timer. */
export interface TimerFiring {
  /** The same for every attempt at this firing, also after a crash; another for every other. */
  readonly token: string;
  /** From 1. */
  readonly attempt: number;
}
