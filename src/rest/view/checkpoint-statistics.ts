import type { z } from "zod";
import type {
  CheckpointStats,
  CheckpointStatsSnapshot,
  TaskCheckpointStats,
} from "../../runtime/messages/checkpoint-stats.ts";
import type {
  CheckpointingStatistics,
  CheckpointStatistics,
  TaskCheckpointStatistics,
} from "../messages/checkpoint-messages.ts";
import { statsSummary } from "./statistics-summary.ts";

/** What Flink shows where a checkpoint has no place that a user could restore from. */
const NO_EXTERNAL_PATH = "<checkpoint-not-externally-addressable>";

const CLASS_NAMES = { COMPLETED: "completed", FAILED: "failed", IN_PROGRESS: "in_progress" } as const;

/** The summary is over the completed ones of the history. */
export function checkpointingStatistics(snapshot: CheckpointStatsSnapshot): z.output<typeof CheckpointingStatistics> {
  const completed = snapshot.history.filter(({ status }) => status === "COMPLETED");
  const summaryOf = (figure: (stats: CheckpointStats) => number) => statsSummary(completed.map(figure));
  const { counts, latestCompleted, latestSavepoint, latestFailed, latestRestored } = snapshot;
  return {
    counts: {
      restored: counts.restored,
      total: counts.total,
      in_progress: counts.inProgress,
      completed: counts.completed,
      failed: counts.failed,
    },
    summary: {
      checkpointed_size: summaryOf((stats) => stats.checkpointedSize),
      state_size: summaryOf((stats) => stats.stateSize),
      end_to_end_duration: summaryOf(endToEndDuration),
      alignment_buffered: summaryOf(() => 0),
      processed_data: summaryOf((stats) => stats.processedBytes),
      persisted_data: summaryOf(() => 0),
    },
    latest: {
      completed: latestCompleted === undefined ? null : checkpointStatistics(latestCompleted, "listed"),
      savepoint: latestSavepoint === undefined ? null : checkpointStatistics(latestSavepoint, "listed"),
      failed: latestFailed === undefined ? null : checkpointStatistics(latestFailed, "listed"),
      restored:
        latestRestored === undefined
          ? null
          : {
              id: latestRestored.checkpointId,
              restore_timestamp: latestRestored.restoreTimestampMillis,
              is_savepoint: latestRestored.savepoint,
              external_path: externalPath(latestRestored.externalPath),
            },
    },
    history: snapshot.history.map((stats) => checkpointStatistics(stats, "listed")),
  };
}

/** @param form in lists `tasks` stays empty, as in Flink. */
export function checkpointStatistics(
  stats: CheckpointStats,
  form: "listed" | "detailed",
): z.output<typeof CheckpointStatistics> {
  return {
    className: CLASS_NAMES[stats.status],
    id: stats.checkpointId,
    status: stats.status,
    is_savepoint: stats.type !== "CHECKPOINT",
    savepointFormat: stats.type === "CHECKPOINT" ? null : "CANONICAL",
    trigger_timestamp: stats.triggerTimestampMillis,
    latest_ack_timestamp: stats.latestAckTimestampMillis,
    checkpointed_size: stats.checkpointedSize,
    state_size: stats.stateSize,
    end_to_end_duration: endToEndDuration(stats),
    alignment_buffered: 0,
    processed_data: stats.processedBytes,
    persisted_data: 0,
    num_subtasks: stats.subtasks,
    num_acknowledged_subtasks: stats.acknowledgedSubtasks,
    checkpoint_type: stats.type,
    tasks:
      form === "listed"
        ? {}
        : Object.fromEntries(stats.tasks.map((task) => [task.jobVertexId, taskStatistics(task, stats)])),
    ...(stats.status === "COMPLETED"
      ? { external_path: externalPath(stats.externalPath), discarded: stats.discarded ?? false }
      : {}),
    ...(stats.status === "FAILED"
      ? { failure_timestamp: stats.failureTimestampMillis ?? -1, failure_message: stats.failureMessage ?? "" }
      : {}),
  };
}

export function taskStatistics(
  task: TaskCheckpointStats,
  of: CheckpointStats,
): z.output<typeof TaskCheckpointStatistics> {
  return {
    id: of.checkpointId,
    status: task.acknowledgedSubtasks === task.subtasks ? "COMPLETED" : of.status,
    latest_ack_timestamp: task.latestAckTimestampMillis,
    checkpointed_size: task.stateSize,
    state_size: task.stateSize,
    end_to_end_duration: durationUntil(task.latestAckTimestampMillis, of),
    alignment_buffered: 0,
    processed_data: task.processedBytes,
    persisted_data: 0,
    num_subtasks: task.subtasks,
    num_acknowledged_subtasks: task.acknowledgedSubtasks,
  };
}

/** As a job is started from it: `savepoints/<path>` or `jobs/<job id>/chk-<n>`. */
function externalPath(pointer: string | undefined): string {
  return /^v1\/[^/]+\/(.+)\/_metadata$/.exec(pointer ?? "")?.[1] ?? NO_EXTERNAL_PATH;
}

function endToEndDuration(stats: CheckpointStats): number {
  return durationUntil(stats.latestAckTimestampMillis, stats);
}

export function durationUntil(acknowledged: number, stats: CheckpointStats): number {
  return acknowledged < 0 ? -1 : Math.max(0, acknowledged - stats.triggerTimestampMillis);
}
