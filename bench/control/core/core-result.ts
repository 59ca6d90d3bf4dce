export const CORE_PHASES = ["build", "schedule", "failover", "checkpoint"] as const;
export type CorePhase = (typeof CORE_PHASES)[number];

/** Microseconds per subtask. */
export type PhaseTimes = Readonly<Record<CorePhase, number>>;

/** The widths that are compared, in subtasks; the large one is a multiple of the small one. */
export const SMALL_SUBTASKS = 1_000;
export const LARGE_SUBTASKS = 100_000;

/** One pass of each width. */
export interface Growth {
  readonly small: PhaseTimes;
  readonly large: PhaseTimes;
}

/** What a measuring process prints; each load has its own figures. */
export interface CoreResult {
  readonly seconds?: number;
  readonly peakMebibytes?: number;
  readonly growth?: readonly Growth[];
  readonly acknowledgementsPerSecond?: number;
}
