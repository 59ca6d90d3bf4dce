import type { AllocationID, ExecutionAttemptID } from "../../common/ids.ts";
import type { TaskMetrics } from "./task-metrics.ts";

/** JobMaster -> TaskExecutor: the allocations the JobMaster believes to hold there (contract HB-03). */
export interface AllocatedSlotReport {
  readonly allocations: readonly AllocationID[];
}

/** TaskExecutor -> JobMaster: attempts deployed there, with their counters (contract 2K). */
export interface TaskExecutorToJobMasterPayload {
  readonly deployed: readonly ExecutionAttemptID[];
  readonly metrics: readonly AttemptMetrics[];
}

export interface AttemptMetrics {
  readonly attemptId: ExecutionAttemptID;
  readonly metrics: TaskMetrics;
}
