import type { JobVertexID } from "../../common/ids.ts";
import type { CheckpointConfiguration } from "../jobgraph/job-configuration.ts";

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
  readonly latestCompleted?: CheckpointStats;
  readonly latestFailed?: CheckpointStats;
  readonly latestRestored?: RestoredCheckpointStats;
}

export interface CheckpointStats {
  readonly checkpointId: number;
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
}

export interface RestoredCheckpointStats {
  readonly checkpointId: number;
  readonly restoreTimestampMillis: number;
  readonly externalPath?: string;
  /** Records all sources together had read as of that checkpoint. */
  readonly sourcePosition: number;
}
