import { milliseconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, JobVertexID, ResourceID } from "../../common/ids.ts";
import { CheckpointStatsTracker } from "../checkpoint/checkpoint-stats-tracker.ts";
import type { CheckpointStorage } from "../checkpoint/checkpoint-storage.ts";
import type { StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import { assignState } from "../checkpoint/state-assignment.ts";
import { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import { snapshotExecutionGraph } from "../executiongraph/execution-graph-snapshot.ts";
import type { AssignedSlot, Execution } from "../executiongraph/execution.ts";
import { CHECKPOINT_DEFAULTS } from "../jobgraph/job-configuration.ts";
import type {
  CheckpointStatsSnapshot,
  CheckpointSubtasks,
  SubtaskCheckpointStats,
} from "../messages/checkpoint-stats.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskRestore } from "../messages/task-deployment-descriptor.ts";
import { DefaultScheduler } from "../scheduler/default-scheduler.ts";
import type { SchedulerEffect, SchedulerEvent, SchedulerInput } from "../scheduler/scheduler-messages.ts";
import { SchedulerState } from "../scheduler/scheduler-state.ts";
import { createTaskDeployments } from "../scheduler/task-deployment.ts";
import { Checkpointing, type CheckpointingListener } from "./checkpointing.ts";
import type { JobInlets } from "./job-inlets.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { JobMasterStorage, StoredJob } from "./job-master-storage.ts";
import { recordSchedulerEvent } from "./scheduler-event-recorder.ts";
import type { SlotPool } from "./slot-pool.ts";
import { SlotRequests } from "./slot-requests.ts";
import { TaskReconciliation } from "./task-reconciliation.ts";
import type { TaskManagerTracker } from "./task-manager-tracker.ts";
import { TaskOperations } from "./task-operations.ts";
import { VersionGate } from "./version-gate.ts";

export interface JobExecutionParts {
  readonly services: JobMasterServices;
  readonly storage: JobMasterStorage;
  readonly pool: SlotPool;
  readonly taskManagers: TaskManagerTracker;
  readonly checkpointStorage: CheckpointStorage;
  readonly inlets: Pick<JobInlets, "withProducers">;
  /** The job has ended; called once, within the turn that ended it. */
  readonly onTerminated: () => void;
  readonly onRequestSettled: CheckpointingListener["onRequestSettled"];
}

/**
 * One life of a job in its JobMaster: feeds the scheduler and the checkpoint coordinator, and carries out what they
 * decide. Every method is part of a turn.
 */
export class JobExecution {
  readonly graph: ExecutionGraph;
  readonly #parts: JobExecutionParts;
  readonly #quotas: JobQuotas;
  readonly #scheduler: DefaultScheduler;
  readonly #tasks: TaskOperations;
  readonly #slotRequests: SlotRequests;
  readonly #stats: CheckpointStatsTracker;
  #checkpointing: Checkpointing | undefined;
  #restoreOf: (execution: Execution) => TaskRestore | undefined = () => undefined;
  /** The job has stopped with this savepoint: attempts that start from now on only commit it. */
  #stoppedAt: StoredCheckpoint | undefined;
  /** Such attempts have been started. */
  #finishing = false;
  /** Until it is decided which tasks of an earlier life go on. */
  #reconciliation: { readonly tasks: TaskReconciliation; readonly cause: SerializedThrowable } | undefined;
  /** Attempts that finished, and whether a source may have come to its end, since the coordinator was last told. */
  #finished: ExecutionAttemptID[] = [];
  #dataMayHaveEnded = false;
  #released = false;

  constructor(parts: JobExecutionParts, job: StoredJob) {
    this.#parts = parts;
    this.#quotas = job.quotas;
    const { services, storage, taskManagers } = parts;
    const { checkpointing } = job.jobGraph.configuration;
    this.graph = new ExecutionGraph(job.jobGraph, job.submittedMillis, {
      restarts: storage.restarts,
      exceptions: storage.exceptions,
    });
    this.#stats = new CheckpointStatsTracker(
      checkpointing ?? { intervalMillis: Number.MAX_SAFE_INTEGER, ...CHECKPOINT_DEFAULTS },
      storage.checkpointCounts,
    );
    this.#scheduler = new DefaultScheduler(new SchedulerState(this.graph), services, (event) => this.#onEvent(event));
    const versions = new VersionGate({
      services,
      versions: () => parts.pool.locations.map((id) => taskManagers.get(id)?.registration.runtimeVersion),
      onTimeout: () => this.onSlotsOffered(),
    });
    this.#slotRequests = new SlotRequests(
      { services, pool: parts.pool, state: this.#scheduler.state, versions },
      {
        onFulfilled: (slotRequestId, slots) => {
          this.handle({ kind: "slots-fulfilled", slotRequestId, slots });
        },
        onFailed: (slotRequestId, failure) => this.handle({ kind: "slot-request-failed", slotRequestId, failure }),
        onExcess: (slot) => this.freeSlot(slot, new SluiceException("JOB_MASTER", "the job needs this slot no longer")),
      },
    );
    this.#tasks = new TaskOperations(services, taskManagers, {
      onDeployed: (attemptIds) => this.handle({ kind: "deployment-acknowledged", attemptIds }),
      onDeploymentFailed: (attemptId, failure) => this.handle({ kind: "attempt-failed", attemptId, failure }),
      onCancelFailed: (attemptId, slot, reachable) => this.#onCancelFailed(attemptId, slot, reachable),
    });
  }

  /** `undefined` for a job that did not ask for checkpoints, though its end takes one. */
  get checkpointStats(): CheckpointStatsSnapshot | undefined {
    return this.graph.jobGraph.configuration.checkpointing === undefined ? undefined : this.#stats.snapshot();
  }

  /** `undefined` for what is not among the newest checkpoints. */
  checkpointSubtasks(checkpointId: number, vertexId: JobVertexID): readonly SubtaskCheckpointStats[] | undefined {
    return this.#stats.subtasksOf(checkpointId, vertexId);
  }

  /** What a job leaves behind of them. */
  get keptCheckpointSubtasks(): readonly CheckpointSubtasks[] {
    return this.#stats.keptSubtasks;
  }

  snapshot(): ExecutionGraphInfo {
    return snapshotExecutionGraph(this.graph, this.checkpointStats);
  }

  /** Creates the attempts of this life, and ends the job at once if that had been decided before. */
  create(recovery: SerializedThrowable | undefined): void {
    const { storage } = this.#parts;
    const { ending } = storage;
    const lost = ending === undefined || ending.kind === "stop" ? recovery : undefined;
    // Tasks of a job that has stopped may have ended, with nobody left who knows: none is waited for.
    if (lost !== undefined && ending === undefined) {
      this.#reconciliation = { tasks: new TaskReconciliation(storage.deployedAttempts), cause: lost };
    }
    const attemptNumber = storage.attemptNumber + 1;
    this.handle({ kind: "create", attemptNumber, ...(lost === undefined ? {} : { recovery: lost }) });
    if (ending?.kind === "cancel") this.handle({ kind: "cancel" });
    if (ending?.kind === "fail") this.handle({ kind: "fail", failure: ending.failure });
  }

  /** Begins to run, from the latest of the `completed` checkpoints if there is one. */
  start(completed: readonly StoredCheckpoint[]): void {
    if (this.graph.status !== "CREATED") return;
    const { services, storage, taskManagers, checkpointStorage } = this.#parts;
    this.#checkpointing = new Checkpointing(
      {
        services,
        storage,
        taskManagers,
        checkpointStorage,
        graph: this.graph,
        stats: this.#stats,
        quotas: this.#quotas,
        inlets: this.#parts.inlets,
      },
      {
        onProgress: () => this.handle({ kind: "progress-made" }),
        onFailJob: (failure) => this.handle({ kind: "global-failure", failure }),
        onRequestSettled: this.#parts.onRequestSettled,
      },
      completed,
    );
    if (this.#reconciliation === undefined) this.#restoreState();
    this.handle({ kind: "start" });
  }

  /** The job has stopped with `savepoint`: there is no way back behind it, whatever is lost from now on. */
  stopAt(savepoint: StoredCheckpoint): void {
    this.#stoppedAt = savepoint;
  }

  handle(input: SchedulerInput): void {
    if (this.#released) return;
    const effects = this.#scheduler.handle(input);
    this.#informCoordinator();
    for (const effect of effects) this.#perform(effect);
  }

  /** Lets go of the tasks of a job that sleeps; what still comes for them means nothing any more. */
  release(): void {
    this.#released = true;
    this.#slotRequests.close();
    this.#checkpointing?.close();
  }

  /** `undefined` until the job has begun to run. */
  get checkpointing(): Checkpointing | undefined {
    return this.#checkpointing;
  }

  /** Slots came: runs what waited for them. */
  onSlotsOffered(): void {
    if (this.#reconciliation === undefined || this.#reconcile(this.#reconciliation)) this.#slotRequests.serve();
  }

  /** Set while tasks of an earlier life may still be found. */
  get reconciliation(): TaskReconciliation | undefined {
    return this.#reconciliation?.tasks;
  }

  /** Ends tasks of an earlier life that have no place in this one. */
  endStrayTasks(location: ResourceID, attemptIds: readonly ExecutionAttemptID[]): void {
    this.#tasks.cancelStray(location, attemptIds);
  }

  /** What waits for slots waits in vain (SCH-16). */
  onSlotRequestFailed(reason: string): void {
    this.#slotRequests.failAll(reason);
  }

  /** Gives a slot back to its TaskExecutor. */
  freeSlot({ location, allocationId }: AssignedSlot, cause: SluiceException): void {
    const { pool, taskManagers, services } = this.#parts;
    if (!pool.remove(location, allocationId)) return;
    const freed = taskManagers.get(location)?.gateway.freeSlot(allocationId, serializeThrowable(cause));
    // The next heartbeat tells the TaskExecutor what is held, so a lost call is made good (HB-03).
    if (freed !== undefined)
      services.whenSettled(
        freed,
        () => undefined,
        () => undefined,
      );
  }

  /**
   * Lets the regions go on whose tasks all run, and ends what is left over: when all tasks are found, or when the job
   * has all its slots, from where on waiting would cost time.
   *
   * @returns whether it is decided.
   */
  #reconcile({ tasks, cause }: { readonly tasks: TaskReconciliation; readonly cause: SerializedThrowable }): boolean {
    const { pool } = this.#parts;
    const { state } = this.#scheduler;
    const [slotRequestId] = state.slotRequests.keys();
    // The job has not begun to run yet.
    if (slotRequestId === undefined) return false;
    const attempts = tasks.adoptable(state, pool);
    const complete = attempts.length === this.graph.size;
    if (!complete && pool.size < pool.required) return false;
    this.#abandonReconciliation(new Set(attempts.map(({ attemptId }) => attemptId)));
    if (attempts.length > 0) {
      this.#checkpointing?.resume();
      this.handle({ kind: "tasks-adopted", slotRequestId, attempts });
    }
    if (complete) return true;
    this.handle({ kind: "recovery-restart", failure: cause });
    this.#restoreState();
    return true;
  }

  /** No task of an earlier life goes on, but those in `adopted`. */
  #abandonReconciliation(adopted: ReadonlySet<ExecutionAttemptID> = new Set()): void {
    const found = this.#reconciliation?.tasks.all() ?? [];
    this.#reconciliation = undefined;
    for (const { attemptId, location } of found) {
      if (!adopted.has(attemptId)) this.#tasks.cancelStray(location, [attemptId]);
    }
  }

  #restoreState(): void {
    const stoppedAt = this.#stoppedAt;
    const checkpoint = stoppedAt ?? this.#checkpointing?.latestCompleted;
    if (checkpoint === undefined) return;
    try {
      const { savepointRestoreSettings } = this.graph.jobGraph;
      const restoreOf = assignState(checkpoint, this.graph.jobGraph, {
        allowNonRestoredState: savepointRestoreSettings?.allowNonRestoredState ?? false,
      });
      this.#finishing = stoppedAt !== undefined;
      this.#restoreOf = stoppedAt === undefined ? restoreOf : (execution) => finalRestore(restoreOf(execution));
    } catch (cause) {
      // FO-11; the same checkpoint will not fit the next time either.
      return this.handle({ kind: "global-failure", failure: serializeThrowable(cause, { nonRecoverable: true }) });
    }
    if (stoppedAt === undefined) this.#checkpointing?.handle({ kind: "restore" });
  }

  #perform(effect: SchedulerEffect): void {
    const { services } = this.#parts;
    switch (effect.kind) {
      case "request-slots":
        this.#slotRequests.open(effect.slotRequestId);
        return this.onSlotsOffered();
      case "deploy-tasks":
        this.#parts.storage.endSleep();
        return this.#tasks.deploy(
          createTaskDeployments(this.graph, effect.attemptIds, this.#restoreOf),
          (attemptId) => this.graph.stateOf(attemptId) === "DEPLOYING",
        );
      case "cancel-tasks":
        return this.#tasks.cancel(
          effect.attemptIds.filter((attemptId) => this.graph.stateOf(attemptId) !== undefined),
          (attemptId) => this.graph.slotOf(attemptId),
        );
      case "schedule-restart": {
        const { restartId, delayMillis } = effect;
        services.executor.schedule(() => {
          this.handle({ kind: "restart-delay-elapsed", restartId });
          return undefined;
        }, milliseconds(delayMillis));
        return;
      }
      case "restore-state":
        this.#abandonReconciliation();
        return this.#restoreState();
      case "job-terminated":
        this.#slotRequests.close();
        return this.#parts.onTerminated();
    }
  }

  #onEvent(event: SchedulerEvent): void {
    recordSchedulerEvent(event, this.#scheduler.state, this.#parts.storage);
    if (event.kind === "executions-changed" && event.state === "FINISHED") this.#finished.push(...event.attemptIds);
    this.#dataMayHaveEnded ||= event.kind === "end-of-data" || this.#finished.length > 0;
  }

  /** Checkpoints are taken while the job and all its tasks run (CP-02, CP-03). */
  #informCoordinator(): void {
    const checkpointing = this.#checkpointing;
    if (checkpointing === undefined) return;
    const { status, counts, size } = this.graph;
    const runs =
      !this.#finishing && status === "RUNNING" && counts.RUNNING > 0 && counts.RUNNING + counts.FINISHED === size;
    const wasActive = checkpointing.active;
    const finished = this.#finished;
    this.#finished = [];
    if (runs !== wasActive) checkpointing.handle({ kind: runs ? "activate" : "deactivate" });
    else if (runs && finished.length > 0) checkpointing.handle({ kind: "tasks-ended", attemptIds: finished });
    if (!runs || checkpointing.endOfData || !(this.#dataMayHaveEnded || !wasActive)) return;
    this.#dataMayHaveEnded = false;
    if (this.graph.allSourcesAtEnd) checkpointing.handle({ kind: "end-of-data" });
  }

  #onCancelFailed(attemptId: ExecutionAttemptID, slot: AssignedSlot | undefined, reachable: boolean): void {
    const current = this.graph.stateOf(attemptId) === "CANCELING";
    this.handle({ kind: "cancel-failed", attemptId });
    // A late answer about an attempt that ended otherwise: its slot may have a later one's tasks by now.
    if (reachable || slot === undefined || !current) return;
    const cause = new SluiceException("CANCEL_TASK", "a task here could not be cancelled");
    this.freeSlot(slot, cause);
    // Tasks of other regions may have shared it.
    const failure = serializeThrowable(cause, { infrastructure: true });
    this.handle({ kind: "slots-lost", allocationIds: new Set([slot.allocationId]), failure });
  }
}

function finalRestore(restore: TaskRestore | undefined): TaskRestore | undefined {
  return restore && { ...restore, final: true };
}
