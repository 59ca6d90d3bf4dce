import type { z } from "zod";
import type {
  CheckpointStats,
  SubtaskCheckpointStats,
  TaskCheckpointStats,
} from "../../runtime/messages/checkpoint-stats.ts";
import type {
  SubtaskCheckpointStatistics,
  TaskCheckpointStatisticsWithSubtaskDetails,
} from "../messages/checkpoint-messages.ts";
import { durationUntil, taskStatistics } from "./checkpoint-statistics.ts";
import { statsSummary } from "./statistics-summary.ts";

/** One vertex's part of a checkpoint with its subtasks by index; those that have not acknowledged say so. */
export function taskCheckpointStatistics(
  stats: CheckpointStats,
  task: TaskCheckpointStats,
  acknowledged: readonly SubtaskCheckpointStats[],
): z.output<typeof TaskCheckpointStatisticsWithSubtaskDetails> {
  const summaryOf = (figure: (subtask: SubtaskCheckpointStats) => number) => statsSummary(acknowledged.map(figure));
  const byIndex = new Map(acknowledged.map((subtask) => [subtask.subtaskIndex, subtask]));
  const highest = acknowledged.reduce((most, { subtaskIndex }) => Math.max(most, subtaskIndex + 1), 0);
  return {
    ...taskStatistics(task, stats),
    summary: {
      checkpointed_size: summaryOf(({ stateSize }) => stateSize),
      state_size: summaryOf(({ stateSize }) => stateSize),
      end_to_end_duration: summaryOf(({ ackTimestampMillis }) => durationUntil(ackTimestampMillis, stats)),
      checkpoint_duration: {
        sync: summaryOf(({ metrics }) => metrics.syncMillis),
        async: summaryOf(({ metrics }) => metrics.asyncMillis),
      },
      alignment: {
        buffered: summaryOf(() => 0),
        processed: summaryOf(({ metrics }) => metrics.processedBytes),
        persisted: summaryOf(() => 0),
        duration: summaryOf(({ metrics }) => metrics.alignmentMillis),
      },
      start_delay: summaryOf(({ metrics }) => metrics.startDelayMillis),
    },
    // A subtask that had finished before takes no part, so indexes may lie beyond the number of those that do.
    subtasks: Array.from({ length: Math.max(task.subtasks, highest) }, (_, index) =>
      subtaskStatistics(index, byIndex.get(index), stats),
    ),
  };
}

function subtaskStatistics(
  index: number,
  subtask: SubtaskCheckpointStats | undefined,
  stats: CheckpointStats,
): z.output<typeof SubtaskCheckpointStatistics> {
  if (subtask === undefined) return { index, status: "pending_or_failed", className: "pending_or_failed" };
  const { ackTimestampMillis, stateSize, metrics } = subtask;
  return {
    index,
    status: "completed",
    className: "completed",
    ack_timestamp: ackTimestampMillis,
    end_to_end_duration: durationUntil(ackTimestampMillis, stats),
    checkpointed_size: stateSize,
    state_size: stateSize,
    checkpoint: { sync: metrics.syncMillis, async: metrics.asyncMillis },
    alignment: { buffered: 0, processed: metrics.processedBytes, persisted: 0, duration: metrics.alignmentMillis },
    start_delay: metrics.startDelayMillis,
    unaligned_checkpoint: false,
    aborted: false,
  };
}
