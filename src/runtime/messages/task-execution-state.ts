import type { ExecutionAttemptID, JobID } from "../../common/ids.ts";
import type { ExecutionState } from "./execution-state.ts";
import type { SerializedThrowable } from "./serialized-throwable.ts";
import type { TaskMetrics } from "./task-metrics.ts";

/** A transition of one attempt, reported by its TaskExecutor (Flink `TaskExecutionState`). */
export interface TaskExecutionState {
  readonly jobId: JobID;
  readonly attemptId: ExecutionAttemptID;
  readonly state: Exclude<ExecutionState, "CREATED" | "SCHEDULED" | "DEPLOYING" | "RECONCILING">;
  readonly failure?: SerializedThrowable;
  /** Final counters, with a terminal state. */
  readonly metrics?: TaskMetrics;
}
