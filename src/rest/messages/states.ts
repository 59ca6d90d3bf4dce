import * as z from "zod";

/** Flink `JobStatus`; the same list as the control plane's (a test compares them). */
export const JobStatusInfo = z.enum([
  "INITIALIZING", "CREATED", "RUNNING", "FAILING", "FAILED", "CANCELLING", "CANCELED", "FINISHED", "RESTARTING",
  "SUSPENDED", "RECONCILING",
]); // prettier-ignore
export type JobStatusInfo = z.output<typeof JobStatusInfo>;

/** Flink `ExecutionState`; CANCELING with one L. */
export const ExecutionStateInfo = z.enum([
  "CREATED", "SCHEDULED", "DEPLOYING", "RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED", "RECONCILING",
  "INITIALIZING",
]); // prettier-ignore

export const JobTypeInfo = z.enum(["BATCH", "STREAMING"]);
/** Flink `JobManagerOptions.SchedulerType`. */
export const SchedulerTypeInfo = z.enum(["Default", "Adaptive", "AdaptiveBatch"]);

/** Milliseconds since the epoch; -1 where not reached. */
export const Timestamp = z.int();
export const Count = z.int();
export const HexId = z.string().regex(/^[0-9a-f]{32}$/);

/** Whether a job in this state is over. */
export function isTerminalJobStatus(status: JobStatusInfo): boolean {
  return status === "FINISHED" || status === "CANCELED" || status === "FAILED";
}
