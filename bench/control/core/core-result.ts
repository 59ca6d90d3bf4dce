export const CORE_PHASES = ["build", "schedule", "failover", "checkpoint"] as const;
export type CorePhase = (typeof CORE_PHASES)[number];

/** Microseconds per subtask. */
export type PhaseTimes = Readonly<Record<CorePhase, number>>;

/** What a measuring process prints; each load has its own figures. */
export interface CoreResult {
  readonly seconds?: number;
  readonly peakMebibytes?: number;
  readonly phases?: PhaseTimes;
  readonly acknowledgementsPerSecond?: number;
}
