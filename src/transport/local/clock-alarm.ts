import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import type { Alarm } from "../../rpc/ports/alarm.ts";

/** Longest delay that the platforms' timers know: about 24 days. */
const MAX_DELAY_MILLIS = 2 ** 31 - 1;

/** An alarm on a clock: as durable as its process. What must survive is armed again at the next activation. */
export class ClockAlarm implements Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #due: number | undefined;
  #timer: ScheduledCallback | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  get(): number | undefined {
    return this.#due;
  }

  set(dueMillis: number): void {
    this.delete();
    this.#due = dueMillis;
    const delay = Math.max(0, dueMillis - this.#clock.now());
    this.#timer = this.#clock.schedule(Math.min(delay, MAX_DELAY_MILLIS), () => {
      if (delay > MAX_DELAY_MILLIS) return this.set(dueMillis);
      this.delete();
      this.#ring();
    });
  }

  delete(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = undefined;
  }
}
