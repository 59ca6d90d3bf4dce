import type { CheckpointConfiguration } from "../jobgraph/job-configuration.ts";
import type { JobVertexID } from "../../common/ids.ts";
import type {
  CheckpointStats,
  CheckpointStatsSnapshot,
  CheckpointSubtasks,
  CheckpointType,
  SubtaskCheckpointStats,
  TaskCheckpointStats,
} from "../messages/checkpoint-stats.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import { stateSize } from "../messages/state-handle.ts";
import type { CheckpointEvent } from "./checkpoint-messages.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";
import { stopsTasks, type CheckpointRequest } from "./checkpoint-request.ts";
import { sourcePositionOf, type StoredCheckpoint } from "./completed-checkpoint.ts";

/** Finished and pending checkpoints kept (contract OBS-05). */
export const CHECKPOINT_HISTORY_SIZE = 10;

/** Acknowledgements that the picture of an ended job has room for: 200 kB of a row of 2 MB. */
const MAX_KEPT_SUBTASKS = 1_000;

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
  /** Acknowledgements by checkpoint and vertex, of the checkpoints in the history. */
  readonly #subtasks = new Map<number, ReadonlyMap<JobVertexID, SubtaskCheckpointStats[]>>();
  /** Newest first. */
  #history: readonly CheckpointStats[] = [];
  #counts: CheckpointCounts;
  #latestCompleted: CheckpointStats | undefined;
  #latestSavepoint: CheckpointStats | undefined;
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
      ...(this.#latestSavepoint === undefined ? {} : { latestSavepoint: this.#latestSavepoint }),
      ...(this.#latestFailed === undefined ? {} : { latestFailed: this.#latestFailed }),
      ...(this.#latestRestored === undefined ? {} : { latestRestored: this.#latestRestored }),
    };
  }

  /** Of one vertex, in order of their coming; `undefined` for a checkpoint or vertex that is not in the history. */
  subtasksOf(checkpointId: number, jobVertexId: JobVertexID): readonly SubtaskCheckpointStats[] | undefined {
    return this.#subtasks.get(checkpointId)?.get(jobVertexId);
  }

  /** {@link subtasksOf} the newest checkpoints, as far as they are not too large to be kept. */
  get keptSubtasks(): readonly CheckpointSubtasks[] {
    const kept: CheckpointSubtasks[] = [];
    let size = 0;
    for (const { checkpointId } of this.#history) {
      const vertices = [...(this.#subtasks.get(checkpointId) ?? [])];
      size += vertices.reduce((sum, [, subtasks]) => sum + subtasks.length, 0);
      if (size > MAX_KEPT_SUBTASKS) break;
      kept.push(...vertices.map(([vertexId, subtasks]) => ({ checkpointId, vertexId, subtasks })));
    }
    return kept;
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
      case "completed":
        this.#latestCompleted = this.#complete(event.checkpoint) ?? this.#latestCompleted;
        for (const dropped of event.dropped) this.#update(dropped, { discarded: true });
        return;
      case "savepoint-completed":
        this.#latestSavepoint = this.#complete(event.checkpoint) ?? this.#latestSavepoint;
        return;
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
        const { checkpointId, pointer, savepoint } = event.checkpoint;
        this.#counts = { ...counts, restored: counts.restored + 1 };
        this.#latestRestored = {
          checkpointId,
          savepoint: savepoint === true,
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

  #complete({ checkpointId, pointer, stateSize: size }: StoredCheckpoint): CheckpointStats | undefined {
    const counts = this.#counts;
    this.#counts = { ...counts, inProgress: counts.inProgress - 1, completed: counts.completed + 1 };
    const stats = this.#update(checkpointId, { status: "COMPLETED", externalPath: pointer, stateSize: size });
    this.#pending.delete(checkpointId);
    return stats;
  }

  #track(event: CheckpointEvent & { readonly kind: "triggered" }): void {
    const { waitFor, places } = event.plan;
    const expected = places.vertices.map(() => 0);
    for (let place = 0; place < places.size; place += 1) {
      const vertexIndex = places.vertexIndexAt(place);
      if (waitFor.hasPlace(place)) expected[vertexIndex] = (expected[vertexIndex] ?? 0) + 1;
    }
    const tasks = places.vertices.map((vertex, index) => ({
      jobVertexId: vertex.id,
      subtasks: expected[index] ?? 0,
      acknowledgedSubtasks: 0,
      latestAckTimestampMillis: -1,
      stateSize: 0,
      processedBytes: 0,
    }));
    const stats: CheckpointStats = {
      checkpointId: event.checkpointId,
      type: typeOf(event.request),
      status: "IN_PROGRESS",
      triggerTimestampMillis: event.nowMillis,
      latestAckTimestampMillis: -1,
      stateSize: 0,
      checkpointedSize: 0,
      processedBytes: 0,
      subtasks: waitFor.size,
      acknowledgedSubtasks: 0,
      tasks,
    };
    this.#pending.set(event.checkpointId, { plan: event.plan, tasks, stats });
    this.#history = [stats, ...this.#history].slice(0, CHECKPOINT_HISTORY_SIZE);
    this.#subtasks.set(event.checkpointId, new Map(places.vertices.map(({ id }) => [id, []])));
    const oldest = this.#history.at(-1)?.checkpointId ?? event.checkpointId;
    for (const checkpointId of this.#subtasks.keys()) if (checkpointId < oldest) this.#subtasks.delete(checkpointId);
  }

  #acknowledge(event: CheckpointEvent & { readonly kind: "acknowledged" }): void {
    const tracked = this.#pending.get(event.checkpointId);
    const { attemptId, metrics, state } = event.acknowledgement;
    if (tracked?.plan.waitFor.has(attemptId) !== true) return;
    const { places } = tracked.plan;
    const place = placeOf(attemptId);
    const vertexIndex = places.vertexIndexAt(place);
    const task = tracked.tasks[vertexIndex];
    if (task === undefined) return;
    const size = stateSize(state);
    const subtaskIndex = places.subtaskIndexAt(place);
    const acknowledged = { subtaskIndex, ackTimestampMillis: event.nowMillis, stateSize: size, metrics };
    this.#subtasks.get(event.checkpointId)?.get(task.jobVertexId)?.push(acknowledged);
    tracked.tasks[vertexIndex] = {
      ...task,
      acknowledgedSubtasks: task.acknowledgedSubtasks + 1,
      latestAckTimestampMillis: event.nowMillis,
      stateSize: task.stateSize + size,
      processedBytes: task.processedBytes + metrics.processedBytes,
    };
    const { stats } = tracked;
    this.#update(event.checkpointId, {
      acknowledgedSubtasks: stats.acknowledgedSubtasks + 1,
      latestAckTimestampMillis: event.nowMillis,
      stateSize: stats.stateSize + size,
      checkpointedSize: stats.checkpointedSize + size,
      processedBytes: stats.processedBytes + metrics.processedBytes,
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

function typeOf(request: CheckpointRequest): CheckpointType {
  if (request.kind !== "savepoint") return "CHECKPOINT";
  return stopsTasks(request) ? "SYNC_SAVEPOINT" : "SAVEPOINT";
}
