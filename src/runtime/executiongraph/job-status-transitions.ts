import type { JobStatus } from "../messages/job-status.ts";

/**
 * Where a job may go from each status (contract: runtime-semantics 1.2).
 *
 * ```
 * INITIALIZING -> CREATED -> RUNNING <-> RESTARTING
 *                               |-> FINISHED
 *                 any of these -+-> CANCELLING -> CANCELED
 *                               +-> FAILING -> FAILED
 * ```
 */
export const JOB_STATUS_TRANSITIONS: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  INITIALIZING: ["CREATED", "FAILED", "SUSPENDED"],
  CREATED: ["RUNNING", "CANCELLING", "FAILING", "SUSPENDED"],
  RUNNING: ["RESTARTING", "FINISHED", "CANCELLING", "FAILING", "SUSPENDED"],
  RESTARTING: ["RUNNING", "CANCELLING", "FAILING", "SUSPENDED"],
  CANCELLING: ["CANCELED", "FAILED", "FAILING", "SUSPENDED"],
  FAILING: ["FAILED", "CANCELLING", "SUSPENDED"],
  RECONCILING: ["SUSPENDED"],
  SUSPENDED: [],
  FINISHED: [],
  CANCELED: [],
  FAILED: [],
};

export function canTransitionJob(from: JobStatus, to: JobStatus): boolean {
  return JOB_STATUS_TRANSITIONS[from].includes(to);
}
