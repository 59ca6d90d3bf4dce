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

/** What a barrier asks of the tasks it reaches (Flink `CheckpointOptions` and `SnapshotType`). */
export type CheckpointOptions = OrdinaryCheckpoint | SavepointOptions | StopWithSavepointOptions;

interface OrdinaryCheckpoint {
  readonly kind: "checkpoint";
}

/** State goes into the savepoint's own directory. Tasks hear nothing of its completion and commit nothing at it. */
interface SavepointOptions {
  readonly kind: "savepoint";
  /** Logical prefix of its objects, `savepoints/<path>/`. */
  readonly directory: string;
}

/** A task that took it takes no more input; it commits and ends at the completion notice of this very id (SVP-05). */
interface StopWithSavepointOptions {
  readonly kind: "stop-with-savepoint";
  readonly directory: string;
  /** Sources end first: the last watermark, timers and the end of input come before the snapshot. */
  readonly drain: boolean;
}
