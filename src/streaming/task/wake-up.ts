import type { Clock } from "../../common/clock.ts";

/** Lets one waiter sleep until something happens or a time has passed. A signal without a waiter is kept. */
export class WakeUp {
  readonly #clock: Clock;
  #signaled = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#signaled = true;
    this.#resolve?.();
  }

  /** Returns at the next {@link wake}; at once if a signal is kept. */
  async sleep(): Promise<void> {
    if (!this.#signaled) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resolve = resolve;
      await promise;
      this.#resolve = undefined;
    }
    this.#signaled = false;
  }

  /** The same, but not beyond `dueMillis` by the clock. */
  async sleepUntil(dueMillis: number): Promise<void> {
    const timer = this.#clock.schedule(Math.max(0, dueMillis - this.#clock.now()), () => this.wake());
    await this.sleep();
    timer.cancel();
  }
}
