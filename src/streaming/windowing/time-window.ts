/** From `start` to before `end`, in epoch milliseconds (Flink `TimeWindow`). */
export interface TimeWindow {
  readonly start: number;
  readonly end: number;
}

/** The last instant that belongs to the window: its results carry it, and it fires when the watermark reaches it. */
export function maxTimestamp(window: TimeWindow): number {
  return window.end - 1;
}
