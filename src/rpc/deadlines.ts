import type { Clock, ScheduledCallback } from "../common/clock.ts";

/** Something that expires. */
export interface DeadlineEntry {
  /** The {@link Deadlines}' own note. */
  instant: Instant | undefined;
  expire(): void;
}

/** Entries of one point in time. */
export interface Instant {
  millis: number;
  readonly entries: DeadlineEntry[];
  waiting: number;
}

/** A timer that may be left is set for no later than this, and then again: none keeps its object in memory for longer. */
const TICK_MILLIS = 1_000;

/** Many deadlines on one timer: calls of one turn mostly share an instant. Holds no timer while nothing waits. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #mayLeave: boolean;
  // Earliest first. Where a timer may be left, the last may have nothing that waits: the next entry takes it over.
  readonly #instants: Instant[] = [];
  #timer: ScheduledCallback | undefined;
  #timerMillis = 0;

  /**
   * @param mayLeave a timer may be left for a second when nothing waits any more: calls made one at a time would set one
   *   and cancel it each, which takes longer than the rest of them.
   */
  constructor(clock: Clock, mayLeave = false) {
    this.#clock = clock;
    this.#mayLeave = mayLeave;
  }

  /** Has `entry` expire once when it is `millis`, unless it is removed before. @param nowMillis what time it is. */
  add(entry: DeadlineEntry, millis: number, nowMillis: number): void {
    const instant = this.#instant(millis);
    entry.instant = instant;
    instant.entries.push(entry);
    instant.waiting += 1;
    if (this.#timer === undefined || millis < this.#timerMillis) this.#arm(millis, nowMillis);
  }

  /** Without effect on an entry that expired or was removed. */
  remove(entry: DeadlineEntry): void {
    const { instant } = entry;
    if (instant === undefined) return;
    entry.instant = undefined;
    instant.waiting -= 1;
    if (instant.waiting > 0) return;
    if (this.#instants[this.#instants.length - 1] !== instant) return this.#removeInstant(instant);
    // A timer that is early finds nothing and is set again.
    if (this.#mayLeave) return;
    this.#instants.pop();
    if (this.#instants.length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #instant(millis: number): Instant {
    let index = this.#instants.length;
    const last = this.#instants[index - 1];
    if (last?.waiting === 0) {
      if (index === 1 || (this.#instants[index - 2]?.millis ?? 0) < millis) return moved(last, millis);
      this.#instants.pop();
      index -= 1;
    }
    while (index > 0 && (this.#instants[index - 1]?.millis ?? 0) > millis) index -= 1;
    const known = this.#instants[index - 1];
    if (known?.millis === millis) return known;
    const instant: Instant = { millis, entries: [], waiting: 0 };
    // Most are later than all others.
    if (index === this.#instants.length) this.#instants.push(instant);
    else this.#instants.splice(index, 0, instant);
    return instant;
  }

  #removeInstant(instant: Instant): void {
    const index = this.#instants.indexOf(instant);
    if (index >= 0) this.#instants.splice(index, 1);
  }

  #arm(millis: number, nowMillis: number): void {
    this.#timer?.cancel();
    const dueMillis = Math.max(millis, nowMillis);
    this.#timerMillis = this.#mayLeave ? Math.min(dueMillis, nowMillis + TICK_MILLIS) : dueMillis;
    this.#timer = this.#clock.schedule(this.#timerMillis - nowMillis, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMillis = Math.max(this.#timerMillis, this.#clock.now());
    for (let first = this.#instants[0]; first !== undefined; first = this.#instants[0]) {
      if (first.waiting > 0 && first.millis > nowMillis) return this.#arm(first.millis, nowMillis);
      this.#instants.shift();
      for (const entry of first.entries) {
        if (entry.instant !== first) continue;
        entry.instant = undefined;
        entry.expire();
      }
    }
  }
}

/** `instant`, for which nothing waits, at another time. */
function moved(instant: Instant, millis: number): Instant {
  instant.millis = millis;
  // What was removed from it: mostly one entry.
  while (instant.entries.length > 0) instant.entries.pop();
  return instant;
}
