import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import {
  CheckpointIdParameter,
  enumField,
  JobIdParameter,
  JobVertexIdParameter,
  TriggerIdField,
  TriggerIdParameter,
} from "./parameters.ts";
import { asynchronousOperationResult, FailureCause, TriggerResponse } from "./savepoint-messages.ts";
import { Count, Timestamp } from "./states.ts";

/** Flink `StatsSummaryDto`. */
export const StatsSummary = z.object({
  min: z.int(),
  max: z.int(),
  avg: z.int(),
  p50: z.number(),
  p90: z.number(),
  p95: z.number(),
  p99: z.number(),
  p999: z.number(),
});

const CheckpointStatus = z.enum(["IN_PROGRESS", "COMPLETED", "FAILED"]);

const ACKNOWLEDGED = {
  latest_ack_timestamp: Timestamp,
  checkpointed_size: z.int(),
  state_size: z.int(),
  /** -1 where not known. */
  end_to_end_duration: z.int(),
  alignment_buffered: z.int(),
  processed_data: z.int(),
  persisted_data: z.int(),
  num_subtasks: Count,
  num_acknowledged_subtasks: Count,
};

export const TaskCheckpointStatistics = z.object({ id: z.int(), status: CheckpointStatus, ...ACKNOWLEDGED });

/** `className` says which of the last four fields are there. `tasks` is empty in lists. */
export const CheckpointStatistics = z.object({
  className: z.enum(["completed", "failed", "in_progress"]),
  id: z.int(),
  status: CheckpointStatus,
  is_savepoint: z.boolean(),
  savepointFormat: z.string().nullable(),
  trigger_timestamp: Timestamp,
  ...ACKNOWLEDGED,
  checkpoint_type: z.enum(["CHECKPOINT", "UNALIGNED_CHECKPOINT", "SAVEPOINT", "SYNC_SAVEPOINT"]),
  tasks: z.record(z.string(), TaskCheckpointStatistics),
  external_path: z.string().optional(),
  discarded: z.boolean().optional(),
  failure_timestamp: Timestamp.optional(),
  failure_message: z.string().optional(),
});

export const RestoredCheckpointStatistics = z.object({
  id: z.int(),
  restore_timestamp: Timestamp,
  is_savepoint: z.boolean(),
  external_path: z.string(),
});

export const CheckpointingStatistics = z.object({
  counts: z.object({ restored: Count, total: Count, in_progress: Count, completed: Count, failed: Count }),
  summary: z.object({
    checkpointed_size: StatsSummary,
    state_size: StatsSummary,
    end_to_end_duration: StatsSummary,
    alignment_buffered: StatsSummary,
    processed_data: StatsSummary,
    persisted_data: StatsSummary,
  }),
  latest: z.object({
    completed: CheckpointStatistics.nullable(),
    savepoint: CheckpointStatistics.nullable(),
    failed: CheckpointStatistics.nullable(),
    restored: RestoredCheckpointStatistics.nullable(),
  }),
  history: z.array(CheckpointStatistics),
});

/** Of a subtask that has not acknowledged only the first three are there. */
export const SubtaskCheckpointStatistics = z.object({
  index: z.int(),
  status: z.enum(["completed", "pending_or_failed"]),
  className: z.enum(["completed", "pending_or_failed"]),
  ack_timestamp: Timestamp.optional(),
  end_to_end_duration: z.int().optional(),
  checkpointed_size: z.int().optional(),
  state_size: z.int().optional(),
  checkpoint: z.object({ sync: z.int(), async: z.int() }).optional(),
  alignment: z.object({ buffered: z.int(), processed: z.int(), persisted: z.int(), duration: z.int() }).optional(),
  start_delay: z.int().optional(),
  unaligned_checkpoint: z.boolean().optional(),
  aborted: z.boolean().optional(),
});

export const TaskCheckpointStatisticsWithSubtaskDetails = TaskCheckpointStatistics.extend({
  summary: z.object({
    checkpointed_size: StatsSummary,
    state_size: StatsSummary,
    end_to_end_duration: StatsSummary,
    checkpoint_duration: z.object({ sync: StatsSummary, async: StatsSummary }),
    alignment: z.object({
      buffered: StatsSummary,
      processed: StatsSummary,
      persisted: StatsSummary,
      duration: StatsSummary,
    }),
    start_delay: StatsSummary,
  }),
  subtasks: z.array(SubtaskCheckpointStatistics),
});

const JOB_PATH = { jobid: JobIdParameter };

export const CheckpointingStatisticsHeaders = defineHeaders({
  name: "CheckpointingStatisticsHeaders",
  method: "GET",
  url: "/jobs/:jobid/checkpoints",
  description:
    "Checkpoints of a job: counts, summary, the latest of each kind, the last ten. 404 without checkpointing.",
  scope: "read",
  path: JOB_PATH,
  response: CheckpointingStatistics,
});

export const CheckpointConfigHeaders = defineHeaders({
  name: "CheckpointConfigHeaders",
  method: "GET",
  url: "/jobs/:jobid/checkpoints/config",
  description: "Checkpoint settings of a job. 404 without checkpointing.",
  scope: "read",
  path: JOB_PATH,
  response: z.object({
    mode: z.enum(["exactly_once", "at_least_once"]),
    interval: z.int(),
    timeout: z.int(),
    min_pause: z.int(),
    max_concurrent: z.int(),
    externalization: z.object({ enabled: z.boolean(), delete_on_cancellation: z.boolean() }),
    state_backend: z.string(),
    checkpoint_storage: z.string(),
    unaligned_checkpoints: z.boolean(),
    tolerable_failed_checkpoints: z.int(),
    aligned_checkpoint_timeout: z.int(),
    checkpoints_after_tasks_finish: z.boolean(),
    state_changelog_enabled: z.boolean(),
    changelog_periodic_materialization_interval: z.int(),
    changelog_storage: z.string(),
  }),
});

export const CheckpointStatisticDetailsHeaders = defineHeaders({
  name: "CheckpointStatisticDetailsHeaders",
  method: "GET",
  url: "/jobs/:jobid/checkpoints/details/:checkpointid",
  description: "One checkpoint of the last ten, with figures per vertex.",
  scope: "read",
  path: { ...JOB_PATH, checkpointid: CheckpointIdParameter },
  response: CheckpointStatistics,
});

export const SubtaskCheckpointStatisticsHeaders = defineHeaders({
  name: "TaskCheckpointStatisticsHeaders",
  method: "GET",
  url: "/jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid",
  description: "One vertex's part of a checkpoint of the last ten, subtask by subtask; while the job runs.",
  scope: "read",
  path: { ...JOB_PATH, checkpointid: CheckpointIdParameter, vertexid: JobVertexIdParameter },
  response: TaskCheckpointStatisticsWithSubtaskDetails,
});

export const CheckpointTriggerHeaders = defineHeaders({
  name: "CheckpointTriggerHeaders",
  method: "POST",
  url: "/jobs/:jobid/checkpoints",
  status: 202,
  description:
    "Takes a checkpoint now. The same `triggerId` again is the same operation. Every checkpoint is a full one.",
  scope: "submit",
  path: JOB_PATH,
  requestName: "CheckpointTriggerRequestBody",
  request: z.object({
    checkpointType: enumField(["CONFIGURED", "FULL", "INCREMENTAL"]),
    triggerId: TriggerIdField,
  }),
  response: TriggerResponse,
});

export const CheckpointStatusHeaders = defineHeaders({
  name: "CheckpointStatusHeaders",
  method: "GET",
  url: "/jobs/:jobid/checkpoints/:triggerid",
  description: "How a checkpoint that was asked for stands. Kept for five minutes after its end.",
  scope: "read",
  path: { ...JOB_PATH, triggerid: TriggerIdParameter },
  response: asynchronousOperationResult(
    z.object({ checkpointId: z.int().optional(), failureCause: FailureCause.optional() }),
  ),
});
