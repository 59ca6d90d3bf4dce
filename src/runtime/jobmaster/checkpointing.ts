import type { ScheduledCallback } from "../../common/clock.ts";
import { milliseconds, seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { CheckpointCoordinator } from "../checkpoint/checkpoint-coordinator.ts";
import { CheckpointCoordinatorState } from "../checkpoint/checkpoint-coordinator-state.ts";
import type {
  CheckpointEffect,
  CheckpointEvent,
  CheckpointInput,
  RequestOutcome,
} from "../checkpoint/checkpoint-messages.ts";
import type { AwaitedRequest } from "../checkpoint/checkpoint-request.ts";
import type { CheckpointStatsTracker } from "../checkpoint/checkpoint-stats-tracker.ts";
import type { CheckpointStorage } from "../checkpoint/checkpoint-storage.ts";
import {
  sourcePositionOf,
  type CompletedCheckpoint,
  type StoredCheckpoint,
} from "../checkpoint/completed-checkpoint.ts";
import { groupByTaskExecutor } from "../executiongraph/task-executor-table.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { JobInlets } from "./job-inlets.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { JobMasterStorage } from "./job-master-storage.ts";
import type { TaskManagerTracker } from "./task-manager-tracker.ts";

export interface CheckpointingParts {
  readonly services: JobMasterServices;
  readonly storage: JobMasterStorage;
  readonly taskManagers: TaskManagerTracker;
  readonly checkpointStorage: CheckpointStorage;
  readonly graph: ExecutionGraph;
  readonly stats: CheckpointStatsTracker;
  readonly quotas: JobQuotas;
  readonly inlets: Pick<JobInlets, "withProducers">;
}

export interface CheckpointingListener {
  /** A checkpoint was completed at which the sources are further than at any before. */
  onProgress(): void;
  onFailJob(failure: SerializedThrowable): void;
  /** A request that somebody waits for has come to something, or to nothing. */
  onRequestSettled(request: AwaitedRequest, outcome: RequestOutcome): void;
}

/** A notice that was lost is repeated while a job stops with a savepoint: no later checkpoint makes up for it. */
const STOP_NOTICE_INTERVAL = seconds(5);

/** Carries out what the checkpoint coordinator decides: timers, calls to TaskExecutors, objects, rows. */
export class Checkpointing {
  readonly #parts: CheckpointingParts;
  readonly #listener: CheckpointingListener;
  readonly #coordinator: CheckpointCoordinator;
  /** Ids that earlier lives of the JobMaster may have used. */
  readonly #usedIds: number;
  #furthestPosition: number;
  #closed = false;
  #wake: { readonly atMillis: number; readonly timer: ScheduledCallback } | undefined;

  /** @param completed the retained checkpoints, oldest first. */
  constructor(parts: CheckpointingParts, listener: CheckpointingListener, completed: readonly StoredCheckpoint[]) {
    this.#parts = parts;
    this.#listener = listener;
    const { graph, services, storage } = parts;
    const { checkpointing } = graph.jobGraph.configuration;
    const state = new CheckpointCoordinatorState(checkpointing, {
      completed,
      reservedUpTo: storage.reservedCheckpointIds,
    });
    this.#usedIds = storage.reservedCheckpointIds;
    const { latestCompleted } = state;
    // Sources that are sent their records count anew in each job.
    const isOwn = latestCompleted !== undefined && parts.checkpointStorage.owns(latestCompleted);
    this.#furthestPosition = isOwn ? sourcePositionOf(latestCompleted) : 0;
    this.#coordinator = new CheckpointCoordinator(
      state,
      { graph, clock: services.clock, random: services.random },
      (event) => this.#onEvent(event),
    );
  }

  get latestCompleted(): StoredCheckpoint | undefined {
    return this.#coordinator.state.latestCompleted;
  }

  get active(): boolean {
    return this.#coordinator.state.active;
  }

  /** No checkpoint is under way or asked for. */
  get isQuiet(): boolean {
    return this.#coordinator.state.isQuiet;
  }

  get endOfData(): boolean {
    return this.#coordinator.state.endOfData;
  }

  /** The tasks are released: nothing is decided any more. */
  close(): void {
    this.#closed = true;
    this.#wake?.timer.cancel();
    this.#wake = undefined;
  }

  handle(input: CheckpointInput): void {
    if (this.#closed) return;
    const effects = this.#coordinator.handle(input);
    this.#armWake();
    for (const effect of effects) this.#perform(effect);
  }

  /**
   * Tasks of an earlier life go on: whatever was pending then is aborted, and the notice of the newest completed
   * checkpoint, which may have been lost, is repeated.
   */
  resume(): void {
    const { services, taskManagers } = this.#parts;
    const latest = this.latestCompleted;
    const latestId = latest?.checkpointId ?? 0;
    for (const { gateway } of taskManagers.all) {
      if (latest !== undefined) {
        gateway.confirmCheckpoint(latestId, latest.triggerTimestampMillis, services.jobMasterId);
      }
      for (let id = latestId + 1; id <= this.#usedIds; id += 1) {
        gateway.abortCheckpoint(id, latestId, services.jobMasterId);
      }
    }
  }

  /** Stored with the turn that decided it. */
  #onEvent(event: CheckpointEvent): void {
    const { storage, stats } = this.#parts;
    stats.apply(event);
    if (event.kind === "ids-reserved") storage.reserveCheckpointIds(event.upTo);
    if (event.kind === "completed") {
      const { checkpointId, pointer, etag } = event.checkpoint;
      storage.addCheckpoint({ checkpointId, pointer, etag }, event.dropped);
      storage.putCheckpointCounts(stats.counts);
    }
  }

  #perform(effect: CheckpointEffect): void {
    const { services, checkpointStorage, taskManagers, quotas, inlets } = this.#parts;
    switch (effect.kind) {
      case "trigger-tasks":
        return this.#triggerTasks(effect);
      case "write-metadata": {
        const { checkpointId, stateSize } = effect.checkpoint;
        // What was written for it goes when the failure of the job aborts it.
        if (stateSize > quotas.stateBytes) return this.#listener.onFailJob(tooMuchState(effect.checkpoint, quotas));
        return services.whenSettled(
          effect.directory === undefined
            ? checkpointStorage.writeMetadata(effect.checkpoint)
            : checkpointStorage.writeSavepoint(inlets.withProducers(effect.checkpoint), effect.directory),
          (pointer) => this.handle({ kind: "metadata-written", ...pointer }),
          (error) => this.handle({ kind: "metadata-failed", checkpointId, detail: error.message }),
        );
      }
      case "notify-complete":
        this.#notifyComplete(effect);
        return this.#noteProgress();
      case "notify-aborted":
        for (const { gateway } of taskManagers.all) {
          gateway.abortCheckpoint(effect.checkpointId, effect.latestCompletedId, services.jobMasterId);
        }
        return;
      case "request-settled":
        return this.#listener.onRequestSettled(effect.request, effect.outcome);
      case "discard":
        // What stays behind goes with the job's whole prefix at its end.
        return services.whenSettled(
          checkpointStorage.discard(effect.stateKeys, effect.pointers),
          () => undefined,
          (error) => services.log.warn("checkpoint objects could not be deleted", { reason: error.message }),
        );
      case "fail-job":
        return this.#listener.onFailJob(effect.failure);
    }
  }

  #notifyComplete(effect: CheckpointEffect & { readonly kind: "notify-complete" }): void {
    const { services, taskManagers } = this.#parts;
    for (const { gateway } of taskManagers.all) {
      gateway.confirmCheckpoint(effect.checkpointId, effect.timestampMillis, services.jobMasterId);
    }
    if (!this.#coordinator.state.paused) return;
    services.executor.schedule(() => {
      if (this.active) this.#notifyComplete(effect);
      return undefined;
    }, STOP_NOTICE_INTERVAL);
  }

  /** A job that goes down before the same record each time completes checkpoints too, but gets no further. */
  #noteProgress(): void {
    const position = positionOf(this.latestCompleted);
    if (position <= this.#furthestPosition) return;
    this.#furthestPosition = position;
    this.#listener.onProgress();
  }

  #triggerTasks(effect: CheckpointEffect & { readonly kind: "trigger-tasks" }): void {
    const { services, taskManagers, graph } = this.#parts;
    const { checkpointId, timestampMillis } = effect;
    const byLocation = groupByTaskExecutor(effect.attemptIds, (attemptId) => graph.slotOf(attemptId)?.location);
    for (const location of byLocation.keys()) {
      const attemptIds = byLocation.get(location) ?? [];
      const gateway = taskManagers.get(location)?.gateway;
      const checkpoint = { checkpointId, timestampMillis, options: effect.options };
      const failed = (detail: string): void => this.handle({ kind: "trigger-failed", checkpointId, detail });
      if (gateway === undefined) return failed(`TaskExecutor ${location} is not registered any more`);
      services.whenSettled(
        gateway.triggerCheckpoint(attemptIds, checkpoint, services.jobMasterId),
        () => undefined,
        (error) => failed(`TaskExecutor ${location}: ${error.message}`),
      );
    }
  }

  #armWake(): void {
    const atMillis = this.#coordinator.state.nextWakeMillis;
    if (atMillis === this.#wake?.atMillis) return;
    this.#wake?.timer.cancel();
    this.#wake = undefined;
    if (atMillis === undefined) return;
    const { executor, clock } = this.#parts.services;
    const delay = milliseconds(Math.max(0, atMillis - clock.now()));
    const timer = executor.schedule(() => {
      this.#wake = undefined;
      this.handle({ kind: "tick" });
      return undefined;
    }, delay);
    this.#wake = { atMillis, timer };
  }
}

function positionOf(checkpoint: StoredCheckpoint | undefined): number {
  return checkpoint === undefined ? 0 : sourcePositionOf(checkpoint);
}

/** It would not be less after a restart. */
function tooMuchState(
  { checkpointId, stateSize }: CompletedCheckpoint,
  { stateBytes }: JobQuotas,
): SerializedThrowable {
  const message = `stateBytes: checkpoint ${checkpointId} holds ${stateSize} bytes of state; the cluster allows a job ${stateBytes}`;
  return serializeThrowable(new SluiceException("QUOTA_EXCEEDED", message), { nonRecoverable: true });
}
