import type { AllocationID, ExecutionAttemptID } from "../../common/ids.ts";
import type { TaskIdleness } from "./task-idleness.ts";
import type { TaskMetrics } from "./task-metrics.ts";

/** JobMaster -> TaskExecutor: the allocations the JobMaster believes to hold there (contract HB-03). */
export interface AllocatedSlotReport {
  readonly allocations: readonly AllocationID[];
}

/** TaskExecutor -> JobMaster: attempts deployed there, with their counters (contract 2K). */
export interface TaskExecutorToJobMasterPayload {
  readonly deployed: readonly ExecutionAttemptID[];
  readonly metrics: readonly AttemptMetrics[];
  /** Of these the ones that have emitted all their data: said again each time, as the notice of it may be lost (CP-29). */
  readonly endOfData?: readonly ExecutionAttemptID[];
}

export interface AttemptMetrics {
  readonly attemptId: ExecutionAttemptID;
  readonly metrics: TaskMetrics;
  /** Absent while it works. */
  readonly idle?: TaskIdleness;
}
