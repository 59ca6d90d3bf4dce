import type { ExecutionAttemptID, JobID, JobVertexID, ResourceID } from "../../common/ids.ts";
import type { JobConfiguration } from "../jobgraph/job-configuration.ts";
import type { JobEdge, JobGraph } from "../jobgraph/job-graph.ts";
import type { CheckpointStatsSnapshot, CheckpointSubtasks, SubtaskCheckpointStats } from "./checkpoint-stats.ts";
import type { ExecutionState } from "./execution-state.ts";
import type { JobStatus } from "./job-status.ts";
import type { SerializedThrowable } from "./serialized-throwable.ts";
import type { SnapshotOperationInfo } from "./snapshot-operations.ts";
import type { TaskMetrics } from "./task-metrics.ts";

/**
 * Immutable picture of a job: what REST answers are made of, while it runs and after (Flink `ArchivedExecutionGraph` and
 * `ExecutionGraphInfo`). Times are milliseconds since the epoch, -1 where not reached.
 */
export interface ExecutionGraphInfo {
  readonly jobId: JobID;
  readonly name: string;
  readonly jobType: JobGraph["jobType"];
  readonly status: JobStatus;
  /** When each status was entered; 0 if never. */
  readonly statusTimestamps: Readonly<Record<JobStatus, number>>;
  readonly configuration: JobConfiguration;
  readonly vertices: readonly ExecutionJobVertexInfo[];
  readonly failure?: SerializedThrowable;
  /** Oldest first. */
  readonly exceptionHistory: readonly ExceptionHistoryEntry[];
  /**
   * Restarts of the job, over all lives of its JobMaster and whatever caused them; those that the infrastructure caused are not
   * charged to the restart strategy.
   */
  readonly restarts: number;
  /** The job sleeps, as nothing happens in it; absent: it does not. */
  readonly quiescent?: true;
  readonly checkpoints?: CheckpointStatsSnapshot;
  /** Of a job that has ended: of its newest checkpoints, as far as they are not too large. */
  readonly checkpointSubtasks?: readonly CheckpointSubtasks[];
  /** Checkpoints and savepoints that were asked for, of a job that has ended. */
  readonly operations?: readonly SnapshotOperationInfo[];
}

export interface ExecutionJobVertexInfo {
  readonly id: JobVertexID;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly slotSharingGroup: string;
  readonly inputs: readonly JobEdge[];
  /** Current attempt of each subtask, by index. */
  readonly executions: readonly ExecutionInfo[];
}

export interface ExecutionInfo {
  readonly attemptId: ExecutionAttemptID;
  readonly attemptNumber: number;
  readonly subtaskIndex: number;
  readonly state: ExecutionState;
  /** When each state was entered; 0 if never. */
  readonly stateTimestamps: Readonly<Record<ExecutionState, number>>;
  readonly location?: ResourceID;
  readonly failure?: SerializedThrowable;
  readonly metrics: TaskMetrics;
}

/** One failover, with the failures that fell into it (contract OBS-01). */
export interface ExceptionHistoryEntry {
  readonly timestampMillis: number;
  readonly failure: SerializedThrowable;
  /** `undefined` for a global failure. */
  readonly taskName?: string;
  readonly location?: ResourceID;
  readonly labels: Readonly<Record<string, string>>;
  readonly concurrent: readonly Omit<ExceptionHistoryEntry, "concurrent">[];
}

/** Short form for lists (Flink `JobDetails`). */
export interface JobDetails {
  readonly jobId: JobID;
  readonly name: string;
  readonly jobType: JobGraph["jobType"];
  readonly status: JobStatus;
  readonly startTimeMillis: number;
  readonly endTimeMillis: number;
  readonly lastModificationMillis: number;
  readonly tasksPerState: Readonly<Record<ExecutionState, number>>;
}

/** How a job ended (Flink `JobResult`). */
export interface JobResult {
  readonly jobId: JobID;
  readonly name: string;
  readonly applicationStatus: "SUCCEEDED" | "FAILED" | "CANCELED" | "UNKNOWN";
  readonly netRuntimeMillis: number;
  readonly startTimeMillis: number;
  readonly endTimeMillis: number;
  readonly failure?: SerializedThrowable;
}

/** Acknowledgements of one vertex; `undefined` for a checkpoint that the ended job has not kept. */
export function checkpointSubtasksIn(
  { checkpointSubtasks }: ExecutionGraphInfo,
  wanted: { readonly checkpointId: number; readonly vertexId: JobVertexID },
): readonly SubtaskCheckpointStats[] | undefined {
  return checkpointSubtasks?.find(
    ({ checkpointId, vertexId }) => checkpointId === wanted.checkpointId && vertexId === wanted.vertexId,
  )?.subtasks;
}
