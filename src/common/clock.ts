/**
 * Time as endpoint code sees it. The system implementation is the only place in `src` that reads `Date.now` or calls
 * `setTimeout`; tests drive a manual one (`sluice/testing`).
 */
export interface Clock {
  /** Milliseconds since the epoch. Inside one turn of an endpoint every call gives the same value. */
  now(): number;
  /**
   * Runs `callback` once, not before `delayMillis` from now. The callback runs outside any turn: endpoint code uses
   * timers of its endpoint instead. Lost with the process.
   */
  schedule(delayMillis: number, callback: () => void): ScheduledCallback;
}

/** Handle of one scheduled callback. */
export interface ScheduledCallback {
  /** Idempotent; after it the callback does not run. */
  cancel(): void;
}

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMillis, callback) => {
    const handle = setTimeout(callback, delayMillis);
    return { cancel: () => clearTimeout(handle) };
  },
};
