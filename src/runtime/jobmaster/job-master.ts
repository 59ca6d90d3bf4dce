import { ACKNOWLEDGE, type Acknowledge } from "../../common/acknowledge.ts";
import { seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, ExecutionAttemptID, JobID, JobVertexID, ResourceID } from "../../common/ids.ts";
import type { ActivationReason, EndpointContext } from "../../rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../../rpc/fenced-rpc-endpoint.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import type { Later } from "../../rpc/later.ts";
import { jobPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { TrackedObjectStore } from "../blob/tracked-object-store.ts";
import { DispatcherGateway } from "../dispatcher/dispatcher-gateway.ts";
import { jobDetailsOf } from "../executiongraph/execution-graph-snapshot.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { AcknowledgeCheckpoint, DeclineCheckpoint } from "../messages/checkpoint-messages.ts";
import type { CheckpointStatsSnapshot, SubtaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import type { CommitNews } from "../messages/commit-news.ts";
import type { ExecutionGraphInfo, JobDetails } from "../messages/execution-graph-info.ts";
import { checkpointSubtasksIn } from "../messages/execution-graph-info.ts";
import type { TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { PushedRecords, PushOutcome } from "../messages/pushed-records.ts";
import type { RunningTask } from "../messages/running-task.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { RegistrationResponse, SlotOffer, TaskExecutorRegistration } from "../messages/slots.ts";
import type { SnapshotOperation, SnapshotOperationStatus } from "../messages/snapshot-operations.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import { clusterOf, resourceManagerAddress } from "../object-name.ts";
import { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import { TaskExecutorGateway } from "../taskexecutor/task-executor-gateway.ts";
import type { JobMasterGateway } from "./job-master-gateway.ts";
import type { JobMasterId } from "./job-master-id.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import { CommitWatch } from "./commit-watch.ts";
import { JobMasterStorage, type StoredJob, type StoredOperation } from "./job-master-storage.ts";
import { checkpointStatsOf, infoOf, isPresent, statusOf, type JobState } from "./job-state.ts";
import { JobInlets } from "./job-inlets.ts";
import { JobSleep } from "./job-sleep.ts";
import { RunningJob, type JobStart } from "./running-job.ts";
import { TerminalHandover } from "./terminal-handover.ts";

/** Wakes the JobMaster of a job that has not ended, should nothing else do it after its memory was lost. */
const BACK_STOP = "back-stop";
const BACK_STOP_INTERVAL = seconds(10);
/** Ends the sleep of a job that has something to do at a certain time. */
const WAKE_UP = "wake-up";

type Registration = RegistrationResponse<{ readonly jobMasterId: JobMasterId }>;

/**
 * Master of one job (Flink `JobMaster`). Only dispatches: `RunningJob` has the job while it runs, `TerminalHandover`
 * when it has ended. Any throw out of a turn rebuilds the endpoint from its storage; refusals are therefore answers.
 */
export class JobMaster extends FencedRpcEndpoint<JobMasterId> implements HandlerOf<typeof JobMasterGateway> {
  readonly #objects: TrackedObjectStore;
  readonly #commitWatch = new CommitWatch(this.getMainThreadExecutor());
  #state: JobState = { kind: "none" };
  #inlets: JobInlets | undefined;

  constructor(context: EndpointContext, services: { readonly objects: ObjectStore }) {
    super(context, { onThrow: "reload" });
    this.#objects = new TrackedObjectStore(services.objects);
  }

  protected override onStart(reason: ActivationReason): void {
    const storage = new JobMasterStorage(this.storage);
    if (storage.released) {
      this.#state = { kind: "released" };
      return;
    }
    const { job, terminalInfo } = storage;
    if (job === undefined) return;
    if (terminalInfo !== undefined) return this.#handOver(terminalInfo, storage, job);
    // Peers rely on memory that is gone: they must tell this life from the one before.
    this.grantEpoch();
    const { sleep, sleepingInfo } = storage;
    if (sleep?.waking === false && sleepingInfo !== undefined) return this.#sleep(sleepingInfo, storage, job);
    if (sleep === undefined) this.#run(job, reason);
    else this.#run(job, "woken", sleepingInfo);
  }

  protected override onTimer(name: string): undefined {
    if (name === WAKE_UP) this.#wake();
    if (name === BACK_STOP && this.#state.kind !== "released") this.timers.setAfter(BACK_STOP, BACK_STOP_INTERVAL);
    return undefined;
  }

  startJob(jobGraph: JobGraph, dispatcherAddress: string, quotas: JobQuotas): Acknowledge | Later<Acknowledge> {
    const { jobId } = jobGraph;
    const storage = new JobMasterStorage(this.storage);
    if (this.#state.kind === "released") return this.#refuse("JOB_NOT_FOUND", `job ${jobId} is over`);
    if (this.#state.kind !== "none") {
      const present = storage.job?.jobGraph.jobId;
      return present === jobId
        ? ACKNOWLEDGE
        : this.#refuse("CONFLICT", `this JobMaster is for ${present}, not ${jobId}`);
    }
    const job = { jobGraph, dispatcherAddress, quotas, submittedMillis: this.clock.now() };
    storage.putJob(job);
    this.#run(job, "created");
    return ACKNOWLEDGE;
  }

  cancel(): Acknowledge | Later<Acknowledge> {
    if (this.#state.kind === "asleep") {
      new JobMasterStorage(this.storage).putEnding({ kind: "cancel" });
      this.#wake();
      return ACKNOWLEDGE;
    }
    const state = this.#state;
    if (state.kind === "running") {
      state.job.cancel();
      return ACKNOWLEDGE;
    }
    if (state.kind !== "terminal") return this.#refuseWithoutJob();
    const { status, name } = state.info;
    if (status === "CANCELED") return ACKNOWLEDGE;
    return this.#refuse("TERMINATED_WITHOUT_CANCELLATION", `job ${name} has ended already: ${status}`);
  }

  triggerCheckpoint(triggerId: string): SnapshotOperationStatus | Later<SnapshotOperationStatus> {
    return this.#triggerSnapshot(triggerId, { kind: "checkpoint" });
  }

  triggerSavepoint(
    triggerId: string,
    targetDirectory: string,
    cancelJob: boolean,
  ): SnapshotOperationStatus | Later<SnapshotOperationStatus> {
    const afterwards = cancelJob ? "cancel" : "go-on";
    return this.#triggerSnapshot(triggerId, { kind: "savepoint", targetDirectory, afterwards });
  }

  stopWithSavepoint(
    triggerId: string,
    targetDirectory: string,
    drain: boolean,
  ): SnapshotOperationStatus | Later<SnapshotOperationStatus> {
    const afterwards = drain ? "drain" : "suspend";
    return this.#triggerSnapshot(triggerId, { kind: "savepoint", targetDirectory, afterwards });
  }

  pushRecords(source: string, push: PushedRecords): PushOutcome | Later<PushOutcome> {
    const storage = new JobMasterStorage(this.storage);
    const { job } = storage;
    const { kind } = this.#state;
    if (job === undefined || kind === "none" || kind === "released") return this.#refuseWithoutJob();
    if (kind === "terminal" || storage.ending !== undefined) {
      return this.#refuse("CONFLICT", `job ${job.jobGraph.name} takes no records any more: it is ending or has ended`);
    }
    const stops = ({ operation, status }: StoredOperation): boolean =>
      status.kind === "in-progress" && operation.kind === "savepoint" && operation.afterwards !== "go-on";
    if (storage.operations.some(stops)) {
      return this.#refuse("UNAVAILABLE", `job ${job.jobGraph.name} is about to end with a savepoint`, true);
    }
    if (job.jobGraph.savepointRestoreSettings !== undefined && storage.checkpoints.length === 0) {
      return this.#refuse("UNAVAILABLE", `job ${job.jobGraph.name} is still reading what it starts from`, true);
    }
    const inlets = this.#inletsOf(job);
    if (!inlets.takes(source)) return this.#refuse("NOT_FOUND", inlets.describeMissing(source));
    const refused = inlets.findBadRecord(source, push);
    if (refused !== undefined) return refused;
    this.#wake();
    return this.ask(inlets.push(source, push), (outcome) => outcome);
  }

  releaseJob(jobId: JobID): Acknowledge | Later<Acknowledge> {
    const state = this.#state;
    if (state.kind === "released" || state.kind === "none") return ACKNOWLEDGE;
    const storage = new JobMasterStorage(this.storage);
    if (state.kind !== "terminal" || storage.job?.jobGraph.jobId !== jobId) {
      return this.#refuse("ILLEGAL_STATE", `job ${jobId} cannot be released: it has not ended here`);
    }
    if (!storage.handover.resourceManager) {
      const message = `job ${jobId} cannot be released yet: the ResourceManager has not acknowledged its end`;
      return this.#refuse("UNAVAILABLE", message, true);
    }
    // Afterwards the job's objects are deleted, and none may come later.
    if (this.#objects.isBusy) return this.ask(this.#objects.settled(), () => this.releaseJob(jobId));
    state.handover.stop();
    storage.release();
    this.#state = { kind: "released" };
    return ACKNOWLEDGE;
  }

  updateTaskExecutionState(states: readonly TaskExecutionState[]): readonly boolean[] | Later<readonly boolean[]> {
    const job = this.#running;
    // It reports again, when it is known whose attempts these are.
    if (job?.isReconciling === true) return this.#refuse("UNAVAILABLE", "the JobMaster looks for its tasks", true);
    return states.map((update) => job?.updateTask(update) ?? false);
  }

  notifyCommitted(): undefined {
    this.#commitWatch.wake();
  }

  notifyEndOfData(attemptIds: readonly ExecutionAttemptID[]): undefined {
    this.#running?.endOfData(attemptIds);
  }

  acknowledgeCheckpoint(
    jobId: JobID,
    checkpointId: number,
    acknowledgements: readonly AcknowledgeCheckpoint[],
  ): undefined {
    this.#runningOf(jobId)?.checkpoint({ kind: "acknowledged", checkpointId, acknowledgements });
  }

  declineCheckpoint(jobId: JobID, decline: DeclineCheckpoint): undefined {
    this.#runningOf(jobId)?.checkpoint({ kind: "declined", decline });
  }

  registerTaskManager(
    jobId: JobID,
    registration: TaskExecutorRegistration,
    tasks: readonly RunningTask[],
  ): Registration | Later<Registration> {
    const job = this.#runningOf(jobId);
    // C6
    if (job === undefined) return { kind: "rejection", reason: `this JobMaster does not run job ${jobId}` };
    const success = { kind: "success", jobMasterId: this.getFencingToken() } as const;
    const incarnation = this.sender?.incarnation ?? 0;
    if (job.isRegistered(registration)) return success;
    // The caller may be an instance that was superseded: a fresh connection reaches the present one.
    return this.ask(
      this.connect(TaskExecutorGateway, registration.address),
      (gateway): Registration => {
        if (this.#running !== job) return { kind: "rejection", reason: `job ${jobId} has ended` };
        if (job.registerTaskManager({ registration, incarnation, gateway }, tasks)) return success;
        return { kind: "failure", reason: `a later instance of ${registration.resourceId} has registered` };
      },
      (error) => ({ kind: "failure", reason: `${registration.address} cannot be called back: ${error.message}` }),
    );
  }

  offerSlots(resourceId: ResourceID, offers: readonly SlotOffer[]): readonly SlotOffer[] | Later<readonly SlotOffer[]> {
    const accepted = this.#running?.offerSlots(resourceId, offers);
    // C7
    return accepted ?? this.#refuse("TASK_MANAGER", `TaskExecutor ${resourceId} is not registered here`);
  }

  failSlot(resourceId: ResourceID, allocationId: AllocationID, cause: SerializedThrowable): undefined {
    this.#running?.failSlot(resourceId, allocationId, cause);
  }

  disconnectTaskManager(resourceId: ResourceID, cause: SerializedThrowable): Acknowledge {
    this.#running?.disconnectTaskManager(resourceId, cause);
    return ACKNOWLEDGE;
  }

  heartbeatFromTaskManager(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload): undefined {
    this.#running?.heartbeatFromTaskManager(resourceId, payload);
  }

  heartbeatFromResourceManager(address: string): undefined {
    this.#running?.heartbeatFromResourceManager(address);
  }

  notifyNotEnoughResourcesAvailable(acquiredSlots: number, reason: string): undefined {
    this.#running?.notEnoughResources(acquiredSlots, reason);
  }

  awaitCommit(known: number): CommitNews | Later<CommitNews> {
    if (!isPresent(this.#state)) return this.#refuseWithoutJob();
    if (this.#state.kind === "terminal" || this.#commitWatch.commits !== known) return this.#commitNews;
    return this.ask<void, CommitNews>(this.#commitWatch.next(), () => this.#commitNews);
  }

  requestJobDetails(): JobDetails | Later<JobDetails> {
    return isPresent(this.#state) ? jobDetailsOf(infoOf(this.#state)) : this.#refuseWithoutJob();
  }

  requestJobStatus(): JobStatus | Later<JobStatus> {
    return isPresent(this.#state) ? statusOf(this.#state) : this.#refuseWithoutJob();
  }

  requestJob(): ExecutionGraphInfo | Later<ExecutionGraphInfo> {
    return isPresent(this.#state) ? infoOf(this.#state) : this.#refuseWithoutJob();
  }

  requestCheckpointStats(): CheckpointStatsSnapshot | undefined | Later<CheckpointStatsSnapshot | undefined> {
    return isPresent(this.#state) ? checkpointStatsOf(this.#state) : this.#refuseWithoutJob();
  }

  requestCheckpointSubtasks(
    checkpointId: number,
    vertexId: JobVertexID,
  ): readonly SubtaskCheckpointStats[] | undefined {
    const state = this.#state;
    if (state.kind === "running") return state.job.checkpointSubtasks(checkpointId, vertexId);
    return state.kind === "terminal" ? checkpointSubtasksIn(state.info, { checkpointId, vertexId }) : undefined;
  }

  requestSnapshotOperation(
    triggerId: string,
  ): SnapshotOperationStatus | undefined | Later<SnapshotOperationStatus | undefined> {
    const state = this.#state;
    if (!isPresent(state)) return this.#refuseWithoutJob();
    if (state.kind !== "terminal") return new JobMasterStorage(this.storage).operation(triggerId)?.status;
    return state.info.operations?.find((known) => known.triggerId === triggerId)?.status;
  }

  #triggerSnapshot(
    triggerId: string,
    operation: SnapshotOperation,
  ): SnapshotOperationStatus | Later<SnapshotOperationStatus> {
    const asleep = this.#wake();
    const state = this.#state;
    if (asleep || (state.kind === "running" && state.job.isWaking)) {
      return this.#refuse("UNAVAILABLE", "the job is waking up", true);
    }
    if (state.kind === "running") return state.job.triggerSnapshot(triggerId, operation);
    if (state.kind !== "terminal") return this.#refuseWithoutJob();
    const ended = state.info.operations?.find((known) => known.triggerId === triggerId);
    return ended?.status ?? this.#refuse("CHECKPOINT", `the job has ended: ${state.info.status}`);
  }

  #inletsOf({ jobGraph }: StoredJob): JobInlets {
    return (this.#inlets ??= new JobInlets({
      services: this.#services(),
      storage: this.storage,
      objects: this.#objects,
      prefix: jobPrefix(clusterOf(this.address).cluster, jobGraph.jobId),
      jobGraph,
    }));
  }

  /** @returns whether the job slept. */
  #wake(): boolean {
    const state = this.#state;
    const storage = new JobMasterStorage(this.storage);
    const { job, sleep } = storage;
    if (state.kind !== "asleep" || job === undefined || sleep === undefined) return false;
    state.sleep.stop();
    this.timers.delete(WAKE_UP);
    storage.putSleep({ ...sleep, waking: true });
    this.log.info("the job wakes", { sleep: sleep.sleep });
    this.#run(job, "woken", state.info);
    return true;
  }

  /** From a turn in which all is stored that the job needs, until {@link #wake}. */
  #sleep(info: ExecutionGraphInfo, storage: JobMasterStorage, job: StoredJob): void {
    const sleep = new JobSleep(
      this.#services(),
      storage,
      this.gateway(ResourceManagerGateway, resourceManagerAddress(clusterOf(this.address))),
    );
    this.#state = { kind: "asleep", info, sleep };
    const { sleep: stored } = storage;
    if (stored?.dueMillis !== undefined) this.timers.set(WAKE_UP, stored.dueMillis);
    this.timers.setAfter(BACK_STOP, BACK_STOP_INTERVAL);
    if (stored !== undefined) sleep.start(job.jobGraph.jobId, stored, () => this.timers.delete(BACK_STOP));
  }

  #run(job: StoredJob, reason: JobStart, before?: ExecutionGraphInfo): void {
    const storage = new JobMasterStorage(this.storage);
    const cluster = clusterOf(this.address);
    const running = new RunningJob(
      {
        services: this.#services(),
        storage,
        objects: this.#objects,
        inlets: this.#inletsOf(job),
        cluster: cluster.cluster,
        resourceManager: {
          jobId: job.jobGraph.jobId,
          address: resourceManagerAddress(cluster),
          connect: () => this.connect(ResourceManagerGateway, resourceManagerAddress(cluster)),
        },
        onTerminated: (info) => {
          storage.putTerminalInfo(info);
          this.#handOver(info, storage, job);
        },
        onGraphAdopted: (jobGraph) => {
          storage.putJob({ ...job, jobGraph });
          this.#run({ ...job, jobGraph }, reason, before);
        },
        onQuiescent: (dueMillis) => {
          const due = dueMillis === undefined ? {} : { dueMillis };
          storage.putSleep({ sleep: storage.sleeps + 1, ...due, released: false, waking: false });
          const info = { ...running.fallAsleep(), quiescent: true } as const;
          storage.putSleepingInfo(info);
          this.log.info("the job sleeps", { sleep: storage.sleeps, ...due });
          this.#sleep(info, storage, job);
        },
      },
      job,
    );
    this.timers.setAfter(BACK_STOP, BACK_STOP_INTERVAL);
    this.#state = { kind: "running", job: running, ...(before === undefined ? {} : { before }) };
    running.begin(reason);
  }

  #handOver(info: ExecutionGraphInfo, storage: JobMasterStorage, job: StoredJob): void {
    const handover = new TerminalHandover(this.#services(), storage, {
      dispatcher: this.gateway(DispatcherGateway, job.dispatcherAddress),
      resourceManager: this.gateway(ResourceManagerGateway, resourceManagerAddress(clusterOf(this.address))),
    });
    this.#state = { kind: "terminal", info, handover };
    this.#commitWatch.wake();
    this.timers.setAfter(BACK_STOP, BACK_STOP_INTERVAL);
    handover.start(info, () => this.timers.delete(BACK_STOP));
  }

  #services(): JobMasterServices {
    return {
      address: this.address,
      jobMasterId: this.getFencingToken(),
      clock: this.clock,
      random: this.random,
      ids: this.ids,
      log: this.log,
      executor: this.getMainThreadExecutor(),
      whenSettled: (promise, onResult, onError) => void this.ask(promise, onResult, onError),
    };
  }

  get #commitNews(): CommitNews {
    const { kind } = this.#state;
    return { commits: this.#commitWatch.commits, ended: kind === "terminal" || kind === "released" };
  }

  get #running(): RunningJob | undefined {
    return this.#state.kind === "running" ? this.#state.job : undefined;
  }

  #runningOf(jobId: JobID): RunningJob | undefined {
    const job = this.#running;
    return job?.jobId === jobId ? job : undefined;
  }

  #refuseWithoutJob(): Later<never> {
    if (this.#state.kind === "released") return this.#refuse("JOB_NOT_FOUND", "the job is over");
    return this.#refuse("UNAVAILABLE", "the job has not been started here yet", true);
  }

  /** An error as an answer: a throw would rebuild the endpoint. */
  #refuse(code: SluiceException["code"], message: string, retryable = false): Later<never> {
    return this.ask(Promise.reject<never>(new SluiceException(code, message, { retryable })));
  }
}
