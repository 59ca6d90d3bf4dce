import { setImmediate } from "node:timers/promises";
import type { Clock, ScheduledCallback } from "../../common/clock.ts";

interface Entry {
  readonly dueMillis: number;
  readonly order: number;
  readonly owner: object;
  /** A promise is waited for before anything else happens. */
  readonly run: () => void | Promise<void>;
  cancelled: boolean;
}

/**
 * Time of a simulation. It stands still while something happens; every event runs alone, until nothing is left that waits
 * for promises only, so the order of events is the whole of what can differ between two runs.
 */
export class VirtualTime {
  #nowMillis: number;
  #order = 0;
  readonly #heap: Entry[] = [];
  readonly #ended = new WeakSet<object>();
  readonly #pending = new Map<object, number>();
  #stepping = false;
  #live = false;
  #driving = false;

  constructor(startMillis = 0) {
    this.#nowMillis = startMillis;
  }

  now(): number {
    return this.#nowMillis;
  }

  /** @param owner whose event it is: dropped by {@link end}, counted by {@link pendingOf}. */
  schedule(delayMillis: number, run: () => void | Promise<void>, owner: object = this): ScheduledCallback {
    const dueMillis = this.#nowMillis + Math.max(0, delayMillis);
    const entry: Entry = { dueMillis, order: (this.#order += 1), owner, run, cancelled: false };
    if (this.#ended.has(owner)) return { cancel: () => undefined };
    this.#push(entry);
    this.#count(owner, 1);
    if (this.#live && dueMillis <= this.#nowMillis) this.#drive();
    return {
      cancel: () => {
        if (entry.cancelled) return;
        entry.cancelled = true;
        this.#count(owner, -1);
      },
    };
  }

  /** The clock that an owner's code sees. */
  clockOf(owner: object): Clock {
    return {
      now: () => this.#nowMillis,
      schedule: (delayMillis, callback) => this.schedule(delayMillis, callback, owner),
    };
  }

  /** Nothing of the owner's happens any more, and nothing can be scheduled for it. */
  end(owner: object): void {
    this.#ended.add(owner);
    this.#pending.delete(owner);
  }

  pendingOf(owner: object): number {
    return this.#pending.get(owner) ?? 0;
  }

  /** Runs the next event that is due by `untilMillis`, and whatever follows from it by promises. @returns false if there is none. */
  async step(untilMillis: number): Promise<boolean> {
    const entry = this.#pop(untilMillis);
    if (entry === undefined) return false;
    entry.cancelled = true;
    this.#count(entry.owner, -1);
    this.#nowMillis = Math.max(this.#nowMillis, entry.dueMillis);
    const running = entry.run();
    if (running !== undefined) await running;
    await settle();
    return true;
  }

  /** Moves time by `millis`, event by event. */
  async advance(millis: number): Promise<void> {
    const endMillis = this.#nowMillis + millis;
    this.#stepping = true;
    try {
      await settle();
      while (await this.step(endMillis));
      this.#nowMillis = Math.max(this.#nowMillis, endMillis);
    } finally {
      this.#stepping = false;
    }
  }

  /**
   * From now on events that are due at once run by themselves, so that code which awaits a call need not drive time; what is
   * due later waits for {@link advance}.
   */
  runLive(): void {
    this.#live = true;
  }

  #drive(): void {
    if (this.#driving || this.#stepping) return;
    this.#driving = true;
    void (async () => {
      await settle();
      while (!this.#stepping && (await this.step(this.#nowMillis)));
      this.#driving = false;
    })();
  }

  #count(owner: object, change: 1 | -1): void {
    if (this.#ended.has(owner)) return;
    const count = this.pendingOf(owner) + change;
    if (count === 0) this.#pending.delete(owner);
    else this.#pending.set(owner, count);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  /** The next event by `untilMillis`; those that were cancelled or whose owner has ended go on the way. */
  #pop(untilMillis: number): Entry | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      const dead = first.cancelled || this.#ended.has(first.owner);
      if (!dead && first.dueMillis > untilMillis) return undefined;
      this.#removeFirst();
      if (!dead) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let least = left;
      const leftEntry = heap[left];
      if (leftEntry === undefined) break;
      let child = leftEntry;
      const rightEntry = heap[right];
      if (rightEntry !== undefined && isBefore(rightEntry, leftEntry)) {
        least = right;
        child = rightEntry;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = least;
    }
    heap[index] = last;
  }
}

/** Lets everything run that waits for promises only: all microtasks come before the next macrotask. */
async function settle(): Promise<void> {
  await setImmediate();
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.dueMillis < right.dueMillis || (left.dueMillis === right.dueMillis && left.order < right.order);
}
