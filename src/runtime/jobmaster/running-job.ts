import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, ExecutionAttemptID, JobID, JobVertexID, ResourceID } from "../../common/ids.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import type { CheckpointInput } from "../checkpoint/checkpoint-messages.ts";
import { CheckpointStorage } from "../checkpoint/checkpoint-storage.ts";
import type { StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import { adoptMaxParallelism } from "../checkpoint/max-parallelism.ts";
import { isDeployed } from "../executiongraph/execution-transitions.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { CheckpointStatsSnapshot, SubtaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import type { TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import { isGloballyTerminal, type JobStatus } from "../messages/job-status.ts";
import type { RunningTask } from "../messages/running-task.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SlotOffer, TaskExecutorRegistration } from "../messages/slots.ts";
import type { SnapshotOperation, SnapshotOperationStatus } from "../messages/snapshot-operations.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import { requiredSlots } from "../scheduler/slot-sharing.ts";
import type { AwaitedRequest } from "../checkpoint/checkpoint-request.ts";
import { CheckpointRecovery } from "./checkpoint-recovery.ts";
import type { Checkpointing } from "./checkpointing.ts";
import { JobExecution } from "./job-execution.ts";
import type { JobInlets } from "./job-inlets.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { JobMasterStorage, StoredJob } from "./job-master-storage.ts";
import { Quiescence } from "./quiescence.ts";
import { ResourceManagerConnection, type ResourceManagerTarget } from "./resource-manager-connection.ts";
import { SavepointOperations } from "./savepoint-operations.ts";
import { SlotPool } from "./slot-pool.ts";
import { TaskManagerTracker, type RegisteredTaskManager } from "./task-manager-tracker.ts";

export interface RunningJobParts {
  readonly services: JobMasterServices;
  readonly storage: JobMasterStorage;
  readonly objects: ObjectStore;
  readonly inlets: Pick<JobInlets, "adoptProducers" | "discardRead" | "isDrained" | "withProducers">;
  readonly cluster: string;
  readonly resourceManager: ResourceManagerTarget;
  /** Called once, within the turn in which the job ended; nothing of this object runs afterwards. */
  readonly onTerminated: (info: ExecutionGraphInfo) => void;
  /** Nothing happens in the job, and nothing is going to before `dueMillis`: it may {@link RunningJob.fallAsleep}. */
  readonly onQuiescent: (dueMillis: number | undefined) => void;
  /** What the job starts from needs another graph: nothing of this object runs afterwards. */
  readonly onGraphAdopted: (jobGraph: JobGraph) => void;
}

/** How a life of a job in its JobMaster begins; `woken` is no loss of anything. */
export type JobStart = "created" | "recovered" | "woken";

/**
 * A job in its JobMaster from its start to its end: its execution, its slots, its TaskExecutors, its ResourceManager.
 */
export class RunningJob {
  readonly jobId: JobID;
  readonly #parts: RunningJobParts;
  readonly #checkpointStorage: CheckpointStorage;
  readonly #pool: SlotPool;
  readonly #taskManagers: TaskManagerTracker;
  readonly #resourceManager: ResourceManagerConnection;
  readonly #execution: JobExecution;
  readonly #operations: SavepointOperations;
  #quiescence: Quiescence | undefined;
  /** Waits until all that was sent to the job has been read. */
  #held: AwaitedRequest | undefined;
  #waking = false;

  constructor(parts: RunningJobParts, job: StoredJob) {
    const { services, storage, objects, cluster, resourceManager } = parts;
    this.jobId = job.jobGraph.jobId;
    this.#parts = parts;
    this.#pool = new SlotPool(requiredSlots(job.jobGraph));
    this.#taskManagers = new TaskManagerTracker(services, {
      onTaskManagerLost: (resourceId, cause) =>
        this.disconnectTaskManager(resourceId, serializeThrowable(cause, { infrastructure: true })),
      onPayload: (resourceId, payload) => this.#reconcile(resourceId, payload),
      slotReport: (resourceId) => ({ allocations: this.#pool.allocationsOf(resourceId) }),
    });
    this.#resourceManager = new ResourceManagerConnection(services, resourceManager, {
      slots: this.#pool.required,
      module: job.jobGraph.module,
      ...(storage.sleeps === 0 ? {} : { sleeps: storage.sleeps }),
    });
    this.#checkpointStorage = new CheckpointStorage(objects, cluster, this.jobId);
    this.#execution = new JobExecution(
      {
        services,
        storage,
        pool: this.#pool,
        taskManagers: this.#taskManagers,
        inlets: parts.inlets,
        checkpointStorage: this.#checkpointStorage,
        onTerminated: () => this.#onTerminated(),
        onRequestSettled: (request, outcome) => this.#operations.settle(request, outcome),
      },
      job,
    );
    this.#operations = new SavepointOperations(
      { services, storage, jobId: this.jobId },
      {
        onRequest: (request) => {
          const checkpointing = this.#execution.checkpointing;
          if (checkpointing === undefined) return false;
          const ends = request.kind === "savepoint" && request.afterwards !== "go-on";
          // What was accepted must be in the savepoint that the job ends with; nothing more is accepted meanwhile.
          if (ends && !parts.inlets.isDrained(checkpointing.latestCompleted)) this.#held = request;
          else checkpointing.handle({ kind: "request", request });
          return true;
        },
        onCancel: () => this.cancel(),
        onStopping: (savepoint, { location, failure }) => {
          // Nobody must start the job again from an older checkpoint: its tasks may have ended and committed.
          storage.putEnding({ kind: "stop", location });
          this.#execution.stopAt(savepoint);
          this.#execution.handle({ kind: "stopping", failure });
        },
      },
    );
  }

  /** Starts the job, or starts it again from its last completed checkpoint. */
  begin(reason: JobStart): void {
    const { services, storage } = this.#parts;
    this.#waking = reason === "woken";
    this.#quiescence = new Quiescence({ nowMillis: services.clock.now(), woken: this.#waking });
    this.#operations.recover();
    this.#execution.create(reason === "recovered" ? lostMemory() : undefined);
    if (this.#ended) return;
    this.#resourceManager.start();
    const recovery = new CheckpointRecovery(services, this.#checkpointStorage);
    const onUnreadable = (failure: SerializedThrowable): void =>
      this.#execution.handle({ kind: "global-failure", failure });
    const { ending } = storage;
    if (ending?.kind === "stop") {
      const settings = { restorePath: ending.location, allowNonRestoredState: false, claimMode: "NO_CLAIM" } as const;
      return recovery.read({ pointers: [], settings }, { onRead: (found) => this.#finish(found), onUnreadable });
    }
    const settings = this.#execution.graph.jobGraph.savepointRestoreSettings;
    recovery.read(
      { pointers: storage.checkpoints, settings },
      { onRead: (completed) => this.#start(completed), onUnreadable },
    );
  }

  /** An earlier life has stopped the job with this savepoint: what is left to do is to commit it. */
  #finish([savepoint]: readonly StoredCheckpoint[]): void {
    if (savepoint !== undefined) this.#execution.stopAt(savepoint);
    this.#execution.start([]);
  }

  #start(completed: readonly StoredCheckpoint[]): void {
    const { storage } = this.#parts;
    const [first] = completed;
    if (first !== undefined && storage.checkpoints.length === 0) {
      const { jobGraph } = this.#execution.graph;
      const adopted = adoptMaxParallelism(jobGraph, first);
      if (adopted !== jobGraph && !this.#ended) {
        this.#letGo("the job takes over the max parallelism of its state");
        return this.#parts.onGraphAdopted(adopted);
      }
      // RST-02: what the job starts from is retained, and ids go on behind it.
      const { checkpointId, pointer, etag, unclaimed } = first;
      storage.addCheckpoint({ checkpointId, pointer, etag, ...(unclaimed === undefined ? {} : { unclaimed }) }, []);
      storage.reserveCheckpointIds(Math.max(checkpointId, storage.reservedCheckpointIds));
      this.#parts.inlets.adoptProducers(first);
    }
    this.#execution.start(completed);
  }

  get status(): JobStatus {
    return this.#execution.graph.status;
  }

  get checkpointStats(): CheckpointStatsSnapshot | undefined {
    return this.#execution.checkpointStats;
  }

  snapshot(): ExecutionGraphInfo {
    return this.#execution.snapshot();
  }

  cancel(): void {
    this.#execution.handle({ kind: "cancel" });
  }

  /** Whether it has not come to run again after a sleep. */
  get isWaking(): boolean {
    if (this.#execution.checkpointing?.active === true) this.#waking = false;
    return this.#waking;
  }

  /** Lets go of everything: tasks, slots, peers. @returns the last picture of the job. */
  fallAsleep(): ExecutionGraphInfo {
    const info = this.snapshot();
    this.#letGo("the job sleeps");
    return info;
  }

  #letGo(reason: string): void {
    const cause = serializeThrowable(new SluiceException("JOB_MASTER", reason));
    for (const { gateway } of this.#taskManagers.all) {
      gateway.disconnectJobManager(this.jobId, this.#parts.services.jobMasterId, cause);
    }
    this.#taskManagers.stop();
    this.#resourceManager.close();
    this.#execution.release();
  }

  /** Whether it is open yet which attempts are the job's: some of an earlier life may go on. */
  get isReconciling(): boolean {
    return this.#execution.reconciliation !== undefined;
  }

  /** @returns false if the attempt is unknown: it must end itself (DEP-07). */
  updateTask(update: TaskExecutionState): boolean {
    if (this.#execution.graph.stateOf(update.attemptId) === undefined) return false;
    this.#execution.handle({ kind: "task-updated", update });
    return true;
  }

  endOfData(attemptIds: readonly ExecutionAttemptID[]): void {
    this.#execution.reconciliation?.noteEndOfData(attemptIds);
    this.#execution.handle({ kind: "end-of-data", attemptIds });
  }

  checkpoint(input: CheckpointInput): void {
    this.#execution.checkpointing?.handle(input);
  }

  /** Begins the operation, or says how the one of this id stands (SVP-10). */
  triggerSnapshot(triggerId: string, operation: SnapshotOperation): SnapshotOperationStatus {
    return this.#operations.trigger(triggerId, operation);
  }

  checkpointSubtasks(checkpointId: number, vertexId: JobVertexID): readonly SubtaskCheckpointStats[] | undefined {
    return this.#execution.checkpointSubtasks(checkpointId, vertexId);
  }

  /** Whether this very instance of the TaskExecutor is known (C6). */
  isRegistered(registration: TaskExecutorRegistration): boolean {
    const known = this.#taskManagers.get(registration.resourceId)?.registration;
    return known?.instanceId === registration.instanceId;
  }

  /**
   * @param tasks what it runs of an earlier life.
   * @returns false if a later instance of it is registered.
   */
  registerTaskManager(taskManager: RegisteredTaskManager, tasks: readonly RunningTask[]): boolean {
    const { resourceId } = taskManager.registration;
    const known = this.#taskManagers.get(resourceId);
    if (known !== undefined) {
      if (known.registration.instanceId === taskManager.registration.instanceId) return true;
      if (this.#taskManagers.isSuperseded(taskManager)) return false;
      const cause = new SluiceException(
        "TASK_MANAGER",
        `TaskExecutor ${resourceId} lost its memory and registered anew`,
      );
      this.#removeTaskManager(resourceId, serializeThrowable(cause, { infrastructure: true }));
    }
    // What the loss of the old instance led to may have been the job's end.
    if (this.#ended) return true;
    this.#taskManagers.add(taskManager);
    if (this.#execution.reconciliation !== undefined) {
      this.#execution.reconciliation.report(resourceId, tasks);
      return true;
    }
    const strays = tasks
      .map(({ attemptId }) => attemptId)
      .filter((id) => this.#execution.graph.stateOf(id) === undefined);
    this.#execution.endStrayTasks(resourceId, strays);
    return true;
  }

  /** @returns the accepted ones; `undefined` if the TaskExecutor is not registered. */
  offerSlots(resourceId: ResourceID, offers: readonly SlotOffer[]): readonly SlotOffer[] | undefined {
    if (this.#taskManagers.get(resourceId) === undefined) return undefined;
    const accepted = this.#pool.offer(resourceId, offers, this.status === "RESTARTING");
    this.#execution.onSlotsOffered();
    return accepted;
  }

  /** SCH-25 */
  failSlot(resourceId: ResourceID, allocationId: AllocationID, failure: SerializedThrowable): void {
    if (!this.#pool.remove(resourceId, allocationId)) return;
    this.#execution.handle({ kind: "slots-lost", allocationIds: new Set([allocationId]), failure });
  }

  /** HB-02: its slots are gone, its tasks have failed, it is told to drop them. An unknown one is no error. */
  disconnectTaskManager(resourceId: ResourceID, cause: SerializedThrowable): void {
    const gateway = this.#taskManagers.get(resourceId)?.gateway;
    gateway?.disconnectJobManager(this.jobId, this.#parts.services.jobMasterId, cause);
    this.#removeTaskManager(resourceId, cause);
  }

  heartbeatFromTaskManager(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload): void {
    this.#taskManagers.receiveHeartbeat(resourceId, payload);
  }

  heartbeatFromResourceManager(address: string): void {
    this.#resourceManager.receiveHeartbeat(address);
  }

  notEnoughResources(acquiredSlots: number, reason: string): void {
    const { required } = this.#pool;
    this.#execution.onSlotRequestFailed(`the job needs ${required} slots and can get ${acquiredSlots}: ${reason}`);
  }

  get #ended(): boolean {
    return isGloballyTerminal(this.status);
  }

  #removeTaskManager(resourceId: ResourceID, failure: SerializedThrowable): void {
    this.#taskManagers.remove(resourceId);
    this.#execution.reconciliation?.forget(resourceId);
    const allocationIds = this.#pool.removeLocation(resourceId);
    if (allocationIds.size > 0) this.#execution.handle({ kind: "slots-lost", allocationIds, failure });
  }

  /** What the TaskExecutor runs against what it should run (DEP-05, DEP-06). */
  #reconcile(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload): void {
    const { graph } = this.#execution;
    for (const { attemptId, metrics } of payload.metrics) {
      this.#execution.handle({ kind: "metrics-reported", attemptId, metrics });
    }
    if (payload.endOfData !== undefined) this.endOfData(payload.endOfData);
    const deployed = new Set(payload.deployed);
    for (const { attemptId } of graph.executionsOn(resourceId)) {
      const execution = deployed.has(attemptId) ? undefined : graph.execution(attemptId);
      // It is there, or what one before it led to was a restart.
      if (execution === undefined) continue;
      const { deploymentAcknowledged, state } = execution;
      // It ends there without a word, as its slot was freed: nobody will report it.
      if (state === "CANCELING") this.#execution.handle({ kind: "cancel-failed", attemptId });
      if (!deploymentAcknowledged || !isDeployed(state)) continue;
      const gone = new SluiceException(
        "TASK_MANAGER",
        `TaskExecutor ${resourceId} does not know attempt ${attemptId} any more`,
      );
      const failure = serializeThrowable(gone, { infrastructure: true });
      this.#execution.handle({ kind: "attempt-failed", attemptId, failure });
    }
    if (this.isReconciling) return;
    const strays = payload.deployed.filter((attemptId) => graph.stateOf(attemptId) === undefined);
    this.#execution.endStrayTasks(resourceId, strays);
    this.#considerSleep(payload);
  }

  #releaseHeld(checkpointing: Checkpointing, request: AwaitedRequest): void {
    if (this.#parts.inlets.isDrained(checkpointing.latestCompleted)) {
      this.#held = undefined;
      checkpointing.handle({ kind: "request", request });
    } else checkpointing.handle({ kind: "idle" });
  }

  #considerSleep({ metrics }: TaskExecutorToJobMasterPayload): void {
    const checkpointing = this.#execution.checkpointing;
    const nowMillis = this.#parts.services.clock.now();
    const { inlets } = this.#parts;
    this.#quiescence?.report(metrics, nowMillis);
    inlets.discardRead(checkpointing?.latestCompleted);
    if (checkpointing?.active === true && this.#held !== undefined) this.#releaseHeld(checkpointing, this.#held);
    if (this.status !== "RUNNING" || checkpointing?.isQuiet !== true) return;
    const { graph } = this.#execution;
    const verdict = this.#quiescence?.assess(graph, checkpointing.latestCompleted?.checkpointId, nowMillis);
    if (verdict?.kind === "take-checkpoint") checkpointing.handle({ kind: "idle" });
    if (verdict?.kind !== "sleep" || this.#operations.anyInProgress) return;
    if (inlets.isDrained(checkpointing.latestCompleted)) this.#parts.onQuiescent(verdict.dueMillis);
  }

  #onTerminated(): void {
    this.#taskManagers.stop();
    this.#resourceManager.close();
    this.#operations.onJobTerminated(this.status);
    const operations = this.#operations.all;
    const checkpointSubtasks = this.#execution.keptCheckpointSubtasks;
    this.#parts.onTerminated({
      ...this.snapshot(),
      ...(checkpointSubtasks.length === 0 ? {} : { checkpointSubtasks }),
      ...(operations.length === 0 ? {} : { operations }),
    });
  }
}

function lostMemory(): SerializedThrowable {
  const cause = new SluiceException("JOB_MASTER", "the JobMaster lost its memory (a crash, an eviction or a deploy)");
  return serializeThrowable(cause, { infrastructure: true });
}
