import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { SerializedThrowable } from "./serialized-throwable.ts";
import type { StateHandle } from "./state-handle.ts";

/** Figures of one subtask's part of a checkpoint (Flink `CheckpointMetrics`). Times in milliseconds. */
export interface CheckpointMetrics {
  readonly alignmentMillis: number;
  readonly syncMillis: number;
  readonly asyncMillis: number;
  readonly startDelayMillis: number;
  readonly processedBytes: number;
  /** Records a source subtask has read since the job's first start, as of this checkpoint; only sources have it. */
  readonly sourcePosition?: number;
}

/** One subtask's acknowledgement. `state` is absent for a stateless subtask. */
export interface AcknowledgeCheckpoint {
  readonly attemptId: ExecutionAttemptID;
  readonly metrics: CheckpointMetrics;
  readonly state?: StateHandle;
}

/** Flink `CheckpointFailureReason`, the ones a task can give. */
export type TaskCheckpointFailureReason =
  | "CHECKPOINT_DECLINED"
  | "CHECKPOINT_DECLINED_TASK_NOT_READY"
  | "CHECKPOINT_DECLINED_TASK_CLOSING"
  | "CHECKPOINT_ASYNC_EXCEPTION"
  | "TASK_CHECKPOINT_FAILURE";

export interface DeclineCheckpoint {
  readonly checkpointId: number;
  readonly attemptId: ExecutionAttemptID;
  readonly reason: TaskCheckpointFailureReason;
  readonly failure?: SerializedThrowable;
}

/** Kind of a checkpoint; savepoints come with the control-plane work. */
export interface CheckpointOptions {
  readonly kind: "checkpoint";
}
