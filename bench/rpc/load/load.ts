/** The ways in which a target is called; `runLoad` has one function for each. */
export const LOADS = [
  "one at a time",
  "in flight",
  "in flight, object",
  "out of step",
  "tells",
  "durable, one at a time",
  "durable, in flight",
  "batches",
  "batches with a slow call",
  "thousand calls",
] as const;

export type Load = (typeof LOADS)[number];

/** One measurement, as it is ordered from the process or object that makes the calls. */
export interface LoadPlan {
  readonly load: Load;
  /** Calls in flight, where the load has several. */
  readonly width: number;
  /** How long to go on, for loads that measure a rate. */
  readonly budgetMillis: number;
}

/** Calls per second, or for the two loads of batches the 99th percentile of a call's milliseconds. */
export interface LoadResult {
  readonly value: number;
}
