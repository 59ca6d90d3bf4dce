import type { CheckpointStatsSnapshot } from "../messages/checkpoint-stats.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { RunningJob } from "./running-job.ts";
import type { TerminalHandover } from "./terminal-handover.ts";

/**
 * The job as one activation of its JobMaster has it.
 *
 * ```
 * none -> running -> terminal -> released
 * ```
 */
export type JobState =
  | { readonly kind: "none" }
  | { readonly kind: "running"; readonly job: RunningJob }
  | { readonly kind: "terminal"; readonly info: ExecutionGraphInfo; readonly handover: TerminalHandover }
  | { readonly kind: "released" };

/** A state in which the job can be asked about. */
export type PresentJobState = Extract<JobState, { readonly kind: "running" | "terminal" }>;

export function isPresent(state: JobState): state is PresentJobState {
  return state.kind === "running" || state.kind === "terminal";
}

export function infoOf(state: PresentJobState): ExecutionGraphInfo {
  return state.kind === "running" ? state.job.snapshot() : state.info;
}

export function statusOf(state: PresentJobState): JobStatus {
  return state.kind === "running" ? state.job.status : state.info.status;
}

/** `undefined` for a job without checkpointing. */
export function checkpointStatsOf(state: PresentJobState): CheckpointStatsSnapshot | undefined {
  return state.kind === "running" ? state.job.checkpointStats : state.info.checkpoints;
}
