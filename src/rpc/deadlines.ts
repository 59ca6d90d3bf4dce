import type { Clock, ScheduledCallback } from "../common/clock.ts";

interface Entry {
  readonly millis: number;
  expire: (() => void) | undefined;
}

/** Entries of one instant. */
interface Instant {
  readonly millis: number;
  readonly entries: Entry[];
  waiting: number;
}

/** Many deadlines on one timer: calls of one turn mostly share an instant. Holds no timer while nothing waits. */
export class Deadlines {
  readonly #clock: Clock;
  // Earliest first.
  readonly #instants: Instant[] = [];
  #timer: ScheduledCallback | undefined;
  #timerMillis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `expire` once when it is `millis`, unless it is cancelled before. */
  add(millis: number, expire: () => void): ScheduledCallback {
    const entry: Entry = { millis, expire };
    const instant = this.#instant(millis);
    instant.entries.push(entry);
    instant.waiting += 1;
    if (this.#timer === undefined || millis < this.#timerMillis) this.#arm(millis);
    return {
      cancel: () => {
        if (entry.expire === undefined) return;
        entry.expire = undefined;
        instant.waiting -= 1;
        if (instant.waiting === 0) this.#remove(instant);
      },
    };
  }

  #instant(millis: number): Instant {
    let index = this.#instants.length;
    while (index > 0 && (this.#instants[index - 1]?.millis ?? 0) > millis) index -= 1;
    const known = this.#instants[index - 1];
    if (known?.millis === millis) return known;
    const instant: Instant = { millis, entries: [], waiting: 0 };
    this.#instants.splice(index, 0, instant);
    return instant;
  }

  #remove(instant: Instant): void {
    const index = this.#instants.indexOf(instant);
    if (index >= 0) this.#instants.splice(index, 1);
    // A timer that is early finds nothing and is set again; none may be left, as it keeps its object in memory.
    if (this.#instants.length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(millis: number): void {
    this.#timer?.cancel();
    this.#timerMillis = millis;
    this.#timer = this.#clock.schedule(Math.max(0, millis - this.#clock.now()), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    for (let first = this.#instants[0]; first !== undefined; first = this.#instants[0]) {
      if (first.millis > this.#timerMillis) return this.#arm(first.millis);
      this.#instants.shift();
      for (const entry of first.entries) {
        const { expire } = entry;
        entry.expire = undefined;
        expire?.();
      }
    }
  }
}
