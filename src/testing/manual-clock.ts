import { setImmediate } from "node:timers/promises";
import type { Clock, ScheduledCallback } from "../common/clock.ts";

interface Entry {
  readonly dueMillis: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that a test drives. Callbacks run in order of their due times (of equal ones, in order of scheduling), each
 * at its own instant, so one that schedules itself again fires at every instant of a jump.
 */
export class ManualClock implements Clock {
  #nowMillis: number;
  #order = 0;
  readonly #entries = new Set<Entry>();

  constructor(startMillis = 0) {
    this.#nowMillis = startMillis;
  }

  now(): number {
    return this.#nowMillis;
  }

  schedule(delayMillis: number, callback: () => void): ScheduledCallback {
    const entry: Entry = { dueMillis: this.#nowMillis + Math.max(0, delayMillis), order: (this.#order += 1), callback };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** Callbacks that wait. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Moves time by `millis`, step by step; promises settle between steps and at the end. */
  async advance(millis: number): Promise<void> {
    const endMillis = this.#nowMillis + millis;
    await this.settle();
    for (let entry = this.#next(endMillis); entry !== undefined; entry = this.#next(endMillis)) {
      this.#entries.delete(entry);
      this.#nowMillis = Math.max(this.#nowMillis, entry.dueMillis);
      entry.callback();
      await this.settle();
    }
    this.#nowMillis = endMillis;
  }

  /** Lets everything run that waits for promises only. */
  async settle(): Promise<void> {
    // All microtasks run before the next macrotask.
    await setImmediate();
  }

  #next(endMillis: number): Entry | undefined {
    let next: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.dueMillis > endMillis) continue;
      if (
        next === undefined ||
        entry.dueMillis < next.dueMillis ||
        (entry.dueMillis === next.dueMillis && entry.order < next.order)
      ) {
        next = entry;
      }
    }
    return next;
  }
}
