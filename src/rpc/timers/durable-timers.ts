import type { Duration } from "../../common/duration.ts";

/**
 * Named timers that survive eviction and restart, multiplexed over the host's one alarm. While the endpoint is in memory an
 * in-memory timer fires them on time and the alarm is the back-stop. Delivery is at least once: the endpoint's
 * `onTimer` runs as a turn; the timer is removed in that same turn, so its effect and its removal are one transaction.
 */
export interface DurableTimers {
  /** Sets or replaces the timer `name`. A due time in the past fires at once. Takes effect with the turn. */
  set(name: string, dueMillis: number, payload?: unknown): void;
  /** {@link set} relative to now. */
  setAfter(name: string, delay: Duration, payload?: unknown): void;
  /** Idempotent. */
  delete(name: string): void;
  /** Names and due times of all pending timers, earliest first. */
  list(): readonly { readonly name: string; readonly dueMillis: number }[];
}
