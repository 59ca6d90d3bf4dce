import type { JobVertexID } from "../../common/ids.ts";
import type { CheckpointConfiguration } from "../jobgraph/job-configuration.ts";
import type { CheckpointMetrics } from "./checkpoint-messages.ts";

/** Statistics of a job's checkpoints (Flink `CheckpointStatsSnapshot`; contract OBS-05). */
export interface CheckpointStatsSnapshot {
  readonly configuration: CheckpointConfiguration;
  readonly counts: {
    readonly restored: number;
    readonly total: number;
    readonly inProgress: number;
    readonly completed: number;
    readonly failed: number;
  };
  /** Newest first, at most ten. */
  readonly history: readonly CheckpointStats[];
  /** Savepoints excepted. */
  readonly latestCompleted?: CheckpointStats;
  readonly latestSavepoint?: CheckpointStats;
  readonly latestFailed?: CheckpointStats;
  readonly latestRestored?: RestoredCheckpointStats;
}

/** `SYNC_SAVEPOINT`: the job was to end with it. */
export type CheckpointType = "CHECKPOINT" | "SAVEPOINT" | "SYNC_SAVEPOINT";

export interface CheckpointStats {
  readonly checkpointId: number;
  readonly type: CheckpointType;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly triggerTimestampMillis: number;
  /** -1 until the first acknowledgement. */
  readonly latestAckTimestampMillis: number;
  readonly stateSize: number;
  readonly checkpointedSize: number;
  readonly processedBytes: number;
  readonly subtasks: number;
  readonly acknowledgedSubtasks: number;
  readonly externalPath?: string;
  readonly discarded?: boolean;
  readonly failureTimestampMillis?: number;
  readonly failureMessage?: string;
  readonly tasks: readonly TaskCheckpointStats[];
}

export interface TaskCheckpointStats {
  readonly jobVertexId: JobVertexID;
  readonly subtasks: number;
  readonly acknowledgedSubtasks: number;
  readonly latestAckTimestampMillis: number;
  readonly stateSize: number;
  readonly processedBytes: number;
}

/** One subtask's acknowledgement, with the figures it gave. */
export interface SubtaskCheckpointStats {
  readonly subtaskIndex: number;
  readonly ackTimestampMillis: number;
  readonly stateSize: number;
  readonly metrics: CheckpointMetrics;
}

/** Acknowledgements of one vertex in one checkpoint, as a job leaves them behind at its end. */
export interface CheckpointSubtasks {
  readonly checkpointId: number;
  readonly vertexId: JobVertexID;
  readonly subtasks: readonly SubtaskCheckpointStats[];
}

export interface RestoredCheckpointStats {
  readonly checkpointId: number;
  readonly savepoint: boolean;
  readonly restoreTimestampMillis: number;
  readonly externalPath?: string;
  /** Records all sources together had read as of that checkpoint. */
  readonly sourcePosition: number;
}
