import { brandId } from "../../src/common/ids.ts";
import type {
  ExecutionAttemptID,
  IntermediateDataSetID,
  JobID,
  JobVertexID,
  OperatorID,
} from "../../src/common/ids.ts";
import {
  CHECKPOINT_DEFAULTS,
  DEFAULT_RESTART_STRATEGY,
  type JobConfiguration,
} from "../../src/runtime/jobgraph/job-configuration.ts";
import type { JobGraph, JobModuleReference } from "../../src/runtime/jobgraph/job-graph.ts";
import type { CheckpointStats, CheckpointStatsSnapshot } from "../../src/runtime/messages/checkpoint-stats.ts";
import type {
  ExecutionGraphInfo,
  ExecutionInfo,
  ExecutionJobVertexInfo,
  JobDetails,
} from "../../src/runtime/messages/execution-graph-info.ts";
import { EXECUTION_STATES, type ExecutionState } from "../../src/runtime/messages/execution-state.ts";
import { JOB_STATUSES, type JobStatus } from "../../src/runtime/messages/job-status.ts";
import { NO_METRICS, type TaskMetrics } from "../../src/runtime/messages/task-metrics.ts";

export const JOB_ID = brandId<JobID>("a".repeat(32));
export const UNKNOWN_JOB_ID = brandId<JobID>("b".repeat(32));
export const SOURCE_ID = brandId<JobVertexID>("1".repeat(32));
export const SINK_ID = brandId<JobVertexID>("2".repeat(32));
const DATA_SET_ID = brandId<IntermediateDataSetID>("3".repeat(32));
/** When the running job entered INITIALIZING; each later state is a second later. */
export const STARTED = Date.UTC(2025, 11, 31, 23);

const EDGE = { source: SOURCE_ID, dataSet: DATA_SET_ID, shipStrategy: "HASH", exchange: "pipelined_bounded" } as const;

export function jobConfiguration(parallelism: number): JobConfiguration {
  return {
    parallelism,
    checkpointing: { ...CHECKPOINT_DEFAULTS, intervalMillis: 1_000 },
    restartStrategy: DEFAULT_RESTART_STRATEGY,
    userConfiguration: { region: "all", "api-key": "hunter2" },
  };
}

export function jobGraph(of: {
  readonly jobId: JobID;
  readonly module: JobModuleReference;
  readonly parallelism: number;
}): JobGraph {
  const vertex = { parallelism: of.parallelism, maxParallelism: 128, slotSharingGroup: "default" };
  return {
    jobId: of.jobId,
    name: "quakes",
    jobType: "STREAMING",
    vertices: [
      {
        ...vertex,
        id: SOURCE_ID,
        name: "Source: quakes",
        operators: [{ id: brandId<OperatorID>("4".repeat(32)), name: "quakes", kind: "source", stateful: true }],
        inputs: [],
        outputs: [{ id: DATA_SET_ID, shipStrategy: "HASH", consumer: SINK_ID }],
      },
      {
        ...vertex,
        id: SINK_ID,
        name: "window -> Sink: rows",
        operators: [{ id: brandId<OperatorID>("5".repeat(32)), name: "rows", kind: "sink", stateful: true }],
        inputs: [EDGE],
        outputs: [],
      },
    ],
    configuration: jobConfiguration(of.parallelism),
    hash: of.parallelism.toString(16).padStart(64, "0"),
    module: of.module,
  };
}

export function execution(of: {
  readonly subtask: number;
  readonly state?: ExecutionState;
  readonly metrics?: Partial<TaskMetrics>;
  readonly timestamps?: Partial<Record<ExecutionState, number>>;
  readonly location?: string;
}): ExecutionInfo {
  const timestamps = Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as Record<ExecutionState, number>;
  return {
    attemptId: brandId<ExecutionAttemptID>(of.subtask.toString(16).padStart(32, "e")),
    attemptNumber: 1,
    subtaskIndex: of.subtask,
    state: of.state ?? "RUNNING",
    stateTimestamps: {
      ...timestamps,
      CREATED: STARTED,
      SCHEDULED: STARTED + 1_000,
      DEPLOYING: STARTED + 2_000,
      INITIALIZING: STARTED + 3_000,
      RUNNING: STARTED + 4_000,
      ...of.timestamps,
    },
    location: brandId(of.location ?? `${JOB_ID}-te-${Math.floor(of.subtask / 2)}`),
    metrics: { ...NO_METRICS, ...of.metrics },
  };
}

function vertices(): readonly ExecutionJobVertexInfo[] {
  const subtasks = [0, 1, 2, 3];
  return [
    {
      id: SOURCE_ID,
      name: "Source: quakes",
      parallelism: 4,
      maxParallelism: 128,
      slotSharingGroup: "default",
      inputs: [],
      executions: subtasks.map((subtask) =>
        execution({
          subtask,
          metrics: {
            recordsOut: 10,
            bytesOut: 100,
            remoteRecordsOut: 5,
            busyMillis: 1.5,
            sourcePosition: 16,
          },
        }),
      ),
    },
    {
      id: SINK_ID,
      name: "window -> Sink: <rows>",
      parallelism: 4,
      maxParallelism: 128,
      slotSharingGroup: "default",
      inputs: [EDGE],
      executions: subtasks.map((subtask) =>
        execution({
          subtask,
          metrics: {
            recordsIn: 10,
            bytesIn: 100,
            peakChannelBytes: 4_000,
            channelCreditBytes: 65_536,
            sinkRecords: 2,
          },
        }),
      ),
    },
  ];
}

export function checkpoint(id: number, overrides: Partial<CheckpointStats> = {}): CheckpointStats {
  return {
    checkpointId: id,
    type: "CHECKPOINT",
    status: "COMPLETED",
    triggerTimestampMillis: STARTED + id * 1_000,
    latestAckTimestampMillis: STARTED + id * 1_000 + id * 10,
    stateSize: 1_000 * id,
    checkpointedSize: 1_000 * id,
    processedBytes: 7,
    subtasks: 8,
    acknowledgedSubtasks: 8,
    externalPath: `v1/default/jobs/${JOB_ID}/chk-${id}/_metadata`,
    tasks: [SOURCE_ID, SINK_ID].map((jobVertexId) => ({
      jobVertexId,
      subtasks: 4,
      acknowledgedSubtasks: 4,
      latestAckTimestampMillis: STARTED + id * 1_000 + id * 5,
      stateSize: 500 * id,
      processedBytes: 3,
    })),
    ...overrides,
  };
}

export function checkpointStats(): CheckpointStatsSnapshot {
  const failed = checkpoint(3, {
    status: "FAILED",
    acknowledgedSubtasks: 2,
    failureTimestampMillis: STARTED + 3_500,
    failureMessage: "declined",
  });
  const running = checkpoint(4, { status: "IN_PROGRESS", latestAckTimestampMillis: -1, acknowledgedSubtasks: 0 });
  return {
    configuration: { ...CHECKPOINT_DEFAULTS, intervalMillis: 1_000 },
    counts: { restored: 1, total: 4, inProgress: 1, completed: 2, failed: 1 },
    history: [running, failed, checkpoint(2), checkpoint(1)],
    latestCompleted: checkpoint(2),
    latestFailed: failed,
    latestRestored: { checkpointId: 1, savepoint: false, restoreTimestampMillis: STARTED + 1_500, sourcePosition: 25 },
  };
}

export function executionGraphInfo(jobId: JobID, overrides: Partial<ExecutionGraphInfo> = {}): ExecutionGraphInfo {
  const timestamps = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<JobStatus, number>;
  return {
    jobId,
    name: "quakes",
    jobType: "STREAMING",
    status: "RUNNING",
    statusTimestamps: { ...timestamps, INITIALIZING: STARTED, CREATED: STARTED + 1_000, RUNNING: STARTED + 2_000 },
    configuration: jobConfiguration(4),
    vertices: vertices(),
    exceptionHistory: [],
    restarts: 1,
    checkpoints: checkpointStats(),
    ...overrides,
  };
}

export function jobDetails(overrides: Partial<JobDetails> = {}): JobDetails {
  const tasks = Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as Record<ExecutionState, number>;
  return {
    jobId: JOB_ID,
    name: "quakes",
    jobType: "STREAMING",
    status: "RUNNING",
    startTimeMillis: STARTED,
    endTimeMillis: -1,
    lastModificationMillis: STARTED + 2_000,
    tasksPerState: { ...tasks, RUNNING: 8 },
    ...overrides,
  };
}
