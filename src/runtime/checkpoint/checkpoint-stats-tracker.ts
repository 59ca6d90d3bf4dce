import type { CheckpointConfiguration } from "../jobgraph/job-configuration.ts";
import type { CheckpointStats, CheckpointStatsSnapshot, TaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import { stateSize } from "../messages/state-handle.ts";
import type { CheckpointEvent } from "./checkpoint-messages.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";
import { sourcePositionOf } from "./completed-checkpoint.ts";

/** Finished and pending checkpoints kept (contract OBS-05). */
export const CHECKPOINT_HISTORY_SIZE = 10;

export type CheckpointCounts = CheckpointStatsSnapshot["counts"];

const NO_COUNTS: CheckpointCounts = { restored: 0, total: 0, inProgress: 0, completed: 0, failed: 0 };

/** One checkpoint while it can change. */
interface Tracked {
  readonly plan: CheckpointPlan;
  readonly tasks: TaskCheckpointStats[];
  stats: CheckpointStats;
}

/**
 * Counts and keeps what happened to a job's checkpoints: a fold of the coordinator's events (Flink
 * `CheckpointStatsTracker`).
 */
export class CheckpointStatsTracker {
  readonly #configuration: CheckpointConfiguration;
  readonly #pending = new Map<number, Tracked>();
  /** Newest first. */
  #history: readonly CheckpointStats[] = [];
  #counts: CheckpointCounts;
  #latestCompleted: CheckpointStats | undefined;
  #latestFailed: CheckpointStats | undefined;
  #latestRestored: CheckpointStatsSnapshot["latestRestored"];

  /** @param counts of earlier lives of the JobMaster; what was in progress then has failed. */
  constructor(configuration: CheckpointConfiguration, counts: CheckpointCounts = NO_COUNTS) {
    this.#configuration = configuration;
    this.#counts = { ...counts, failed: counts.failed + counts.inProgress, inProgress: 0 };
  }

  get counts(): CheckpointCounts {
    return this.#counts;
  }

  snapshot(): CheckpointStatsSnapshot {
    return {
      configuration: this.#configuration,
      counts: this.#counts,
      history: this.#history,
      ...(this.#latestCompleted === undefined ? {} : { latestCompleted: this.#latestCompleted }),
      ...(this.#latestFailed === undefined ? {} : { latestFailed: this.#latestFailed }),
      ...(this.#latestRestored === undefined ? {} : { latestRestored: this.#latestRestored }),
    };
  }

  apply(event: CheckpointEvent): void {
    const counts = this.#counts;
    switch (event.kind) {
      case "trigger-refused":
        // A periodic request that came too early was none.
        if (event.reason === "MINIMUM_TIME_BETWEEN_CHECKPOINTS") return;
        this.#counts = { ...counts, total: counts.total + 1, failed: counts.failed + 1 };
        return;
      case "triggered":
        this.#counts = { ...counts, total: counts.total + 1, inProgress: counts.inProgress + 1 };
        this.#track(event);
        return;
      case "acknowledged":
        return this.#acknowledge(event);
      case "completed": {
        this.#counts = { ...counts, inProgress: counts.inProgress - 1, completed: counts.completed + 1 };
        const { checkpointId, pointer, stateSize: size } = event.checkpoint;
        const stats = this.#update(checkpointId, { status: "COMPLETED", externalPath: pointer, stateSize: size });
        this.#pending.delete(checkpointId);
        if (stats !== undefined) this.#latestCompleted = stats;
        for (const dropped of event.dropped) this.#update(dropped, { discarded: true });
        return;
      }
      case "aborted": {
        this.#counts = { ...counts, inProgress: counts.inProgress - 1, failed: counts.failed + 1 };
        const { checkpointId, message, nowMillis } = event;
        const failed = { status: "FAILED", failureTimestampMillis: nowMillis, failureMessage: message } as const;
        const stats = this.#update(checkpointId, failed);
        this.#pending.delete(checkpointId);
        if (stats !== undefined) this.#latestFailed = stats;
        return;
      }
      case "restored": {
        const { checkpointId, pointer } = event.checkpoint;
        this.#counts = { ...counts, restored: counts.restored + 1 };
        this.#latestRestored = {
          checkpointId,
          restoreTimestampMillis: event.nowMillis,
          externalPath: pointer,
          sourcePosition: sourcePositionOf(event.checkpoint),
        };
        return;
      }
      default:
        return;
    }
  }

  #track(event: CheckpointEvent & { readonly kind: "triggered" }): void {
    const expected = event.plan.vertices.map(() => 0);
    for (const { vertexIndex } of event.plan.waitFor.values()) expected[vertexIndex] = (expected[vertexIndex] ?? 0) + 1;
    const tasks = event.plan.vertices.map((vertex, index) => ({
      jobVertexId: vertex.id,
      subtasks: expected[index] ?? 0,
      acknowledgedSubtasks: 0,
      latestAckTimestampMillis: -1,
      stateSize: 0,
    }));
    const stats: CheckpointStats = {
      checkpointId: event.checkpointId,
      status: "IN_PROGRESS",
      triggerTimestampMillis: event.nowMillis,
      latestAckTimestampMillis: -1,
      stateSize: 0,
      checkpointedSize: 0,
      processedBytes: 0,
      subtasks: event.plan.waitFor.size,
      acknowledgedSubtasks: 0,
      tasks,
    };
    this.#pending.set(event.checkpointId, { plan: event.plan, tasks, stats });
    this.#history = [stats, ...this.#history].slice(0, CHECKPOINT_HISTORY_SIZE);
  }

  #acknowledge(event: CheckpointEvent & { readonly kind: "acknowledged" }): void {
    const tracked = this.#pending.get(event.checkpointId);
    const place = tracked?.plan.waitFor.get(event.acknowledgement.attemptId);
    const task = place === undefined ? undefined : tracked?.tasks[place.vertexIndex];
    if (tracked === undefined || place === undefined || task === undefined) return;
    const size = stateSize(event.acknowledgement.state);
    tracked.tasks[place.vertexIndex] = {
      ...task,
      acknowledgedSubtasks: task.acknowledgedSubtasks + 1,
      latestAckTimestampMillis: event.nowMillis,
      stateSize: task.stateSize + size,
    };
    const { stats } = tracked;
    this.#update(event.checkpointId, {
      acknowledgedSubtasks: stats.acknowledgedSubtasks + 1,
      latestAckTimestampMillis: event.nowMillis,
      stateSize: stats.stateSize + size,
      checkpointedSize: stats.checkpointedSize + size,
      processedBytes: stats.processedBytes + event.acknowledgement.metrics.processedBytes,
    });
  }

  /** Replaces the record of a checkpoint; readers keep the one they have. */
  #update(checkpointId: number, change: Partial<CheckpointStats>): CheckpointStats | undefined {
    const tracked = this.#pending.get(checkpointId);
    const before = tracked?.stats ?? this.#history.find((stats) => stats.checkpointId === checkpointId);
    if (before === undefined) return undefined;
    const stats = { ...before, ...(tracked === undefined ? {} : { tasks: [...tracked.tasks] }), ...change };
    if (tracked !== undefined) tracked.stats = stats;
    this.#history = this.#history.map((entry) => (entry.checkpointId === checkpointId ? stats : entry));
    if (this.#latestCompleted?.checkpointId === checkpointId) this.#latestCompleted = stats;
    return stats;
  }
}
