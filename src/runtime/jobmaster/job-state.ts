import type { CheckpointStatsSnapshot } from "../messages/checkpoint-stats.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { JobSleep } from "./job-sleep.ts";
import type { RunningJob } from "./running-job.ts";
import type { TerminalHandover } from "./terminal-handover.ts";

/**
 * The job as one activation of its JobMaster has it.
 *
 * ```
 * none -> running -> terminal -> released
 *         |    ^
 *         v    |
 *         asleep
 * ```
 */
export type JobState =
  | { readonly kind: "none" }
  /** @property before what the job looks like until it runs again, if it slept */
  | { readonly kind: "running"; readonly job: RunningJob; readonly before?: ExecutionGraphInfo }
  | { readonly kind: "asleep"; readonly info: ExecutionGraphInfo; readonly sleep: JobSleep }
  | { readonly kind: "terminal"; readonly info: ExecutionGraphInfo; readonly handover: TerminalHandover }
  | { readonly kind: "released" };

/** A state in which the job can be asked about. */
export type PresentJobState = Extract<JobState, { readonly kind: "running" | "asleep" | "terminal" }>;

export function isPresent(state: JobState): state is PresentJobState {
  return state.kind !== "none" && state.kind !== "released";
}

export function infoOf(state: PresentJobState): ExecutionGraphInfo {
  return pictureOf(state) ?? (state.kind === "running" ? state.job.snapshot() : state.info);
}

export function statusOf(state: PresentJobState): JobStatus {
  return pictureOf(state)?.status ?? (state.kind === "running" ? state.job.status : state.info.status);
}

/** `undefined` for a job without checkpointing. */
export function checkpointStatsOf(state: PresentJobState): CheckpointStatsSnapshot | undefined {
  const picture = pictureOf(state);
  if (picture !== undefined || state.kind !== "running") return infoOf(state).checkpoints;
  return state.job.checkpointStats;
}

/** A job that wakes is, to everybody else, the one that slept. */
function pictureOf(state: PresentJobState): ExecutionGraphInfo | undefined {
  return state.kind === "running" && state.job.status === "CREATED" ? state.before : undefined;
}
