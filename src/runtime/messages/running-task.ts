import type { AllocationID, ExecutionAttemptID, JobVertexID } from "../../common/ids.ts";

/**
 * A task that runs on a TaskExecutor although the JobMaster that deployed it is gone: what the next one has to know to
 * let it run on.
 */
export interface RunningTask {
  readonly attemptId: ExecutionAttemptID;
  readonly attemptNumber: number;
  readonly jobVertexId: JobVertexID;
  readonly subtaskIndex: number;
  readonly allocationId: AllocationID;
  /** Whether it has emitted all its data (CP-29). */
  readonly endOfData: boolean;
}
