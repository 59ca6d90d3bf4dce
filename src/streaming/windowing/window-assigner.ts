import type { TimeWindow } from "./time-window.ts";

/** Which windows a record belongs to (Flink `WindowAssigner`, event time). Pure. */
export interface WindowAssigner {
  /** Canonical description for the graph's hash. */
  readonly description: string;
  /** Default name of the operator. */
  readonly name: string;
  assignWindows(timestamp: number): readonly TimeWindow[];
  /** The window that {@link assignWindows} starts at `start`. */
  windowAt(start: number): TimeWindow;
}
