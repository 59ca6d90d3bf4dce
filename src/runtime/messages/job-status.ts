/** State of a job (Flink `JobStatus`; contract: runtime-semantics 1.2). */
export const JOB_STATUSES = [
  "INITIALIZING",
  "CREATED",
  "RUNNING",
  "FAILING",
  "FAILED",
  "CANCELLING",
  "CANCELED",
  "FINISHED",
  "RESTARTING",
  "SUSPENDED",
  "RECONCILING",
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** FINISHED, CANCELED and FAILED never change again and drop the job's recovery data. */
export function isGloballyTerminal(status: JobStatus): status is "FINISHED" | "CANCELED" | "FAILED" {
  return status === "FINISHED" || status === "CANCELED" || status === "FAILED";
}
