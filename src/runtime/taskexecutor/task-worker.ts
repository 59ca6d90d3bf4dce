import { seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, ResourceID } from "../../common/ids.ts";
import { HeartbeatManager } from "../../rpc/heartbeat/heartbeat-manager.ts";
import { DEFAULT_HEARTBEAT_OPTIONS } from "../../rpc/heartbeat/heartbeat-options.ts";
import type { AllocatedSlotReport, TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SlotRequest } from "../messages/slot-request.ts";
import type { SlotOffer, SlotReport, TaskExecutorRegistration } from "../messages/slots.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import { storedValue } from "../stored-value.ts";
import { JobManagerConnection } from "./job-manager-connection.ts";
import type { JobManagerTarget } from "./job-manager-connection.ts";
import { ResourceManagerConnection } from "./resource-manager-connection.ts";
import { SlotTimeouts } from "./slot-timeouts.ts";
import type { TaskExecutorStart } from "./task-executor-gateway.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";
import type { TaskHostFactory } from "./task-host.ts";
import { TaskRunner } from "./task-runner.ts";
import { TaskSlotTable } from "./task-slot-table.ts";

const JOB_MANAGER_KEY = "job-manager";
const JOB_MANAGER = storedValue<JobManagerTarget>();
/** Counters reach the JobMaster this often while they change; its own heartbeats ask too seldom to watch a job. */
const METRICS_INTERVAL_MILLIS = seconds(1);

export interface TaskWorkerContext {
  readonly services: TaskExecutorServices;
  readonly hosts: TaskHostFactory;
  readonly registration: TaskExecutorRegistration;
  readonly start: TaskExecutorStart;
  /** The ResourceManager does not want this worker: it is to end itself. */
  readonly onRejected: (reason: string) => void;
}

/**
 * A TaskExecutor from its start to its release: slots, tasks, and the connections to the ResourceManager and to the one
 * JobMaster it works for. Made anew from storage at every activation. Main thread only.
 */
export class TaskWorker {
  readonly start: TaskExecutorStart;
  readonly tasks: TaskRunner;
  readonly #services: TaskExecutorServices;
  readonly #registration: TaskExecutorRegistration;
  readonly #slots: TaskSlotTable;
  readonly #slotTimeouts: SlotTimeouts;
  readonly #resourceManager: ResourceManagerConnection;
  readonly #resourceManagerHeartbeats: HeartbeatManager<undefined, SlotReport>;
  readonly #jobManagerHeartbeats: HeartbeatManager<AllocatedSlotReport, TaskExecutorToJobMasterPayload>;
  #jobManager: JobManagerConnection | undefined;
  #draining = false;
  #metricsSentMillis = 0;
  #sentRest: string | undefined;

  constructor({ services, hosts, registration, start, onRejected }: TaskWorkerContext) {
    this.start = start;
    this.#services = services;
    this.#registration = registration;
    this.#slots = new TaskSlotTable(services.storage, start.slots);
    this.#slotTimeouts = new SlotTimeouts(services.executor, (allocationId) =>
      this.freeSlot(allocationId, "the JobMaster did not take the slot in time"),
    );
    this.tasks = new TaskRunner(
      services,
      { factory: hosts, self: registration.resourceId },
      {
        onStates: (states) => this.#jobManager?.reportStates(states),
        onAcknowledgements: ({ checkpointId, acknowledgements }) =>
          this.#jobManager?.gateway?.acknowledgeCheckpoint(start.jobId, checkpointId, acknowledgements),
        onDecline: (decline) => this.#jobManager?.gateway?.declineCheckpoint(start.jobId, decline),
        onEndOfData: (attemptIds) => this.#jobManager?.gateway?.notifyEndOfData(attemptIds),
        onCommitted: () => this.#jobManager?.gateway?.notifyCommitted(),
        onMetrics: () => this.#sendMetrics(),
        onTasksEnded: () => this.#finishReleases(),
        onHostUnusable: (cause) => this.#giveUpSlots(cause),
      },
    );
    this.#resourceManager = new ResourceManagerConnection(
      services,
      { target: start, registration },
      {
        onRegistered: (gateway) =>
          this.#resourceManagerHeartbeats.monitorTarget(start.resourceManagerAddress, (report) => {
            gateway.heartbeatFromTaskManager(this.#self, report);
            return undefined;
          }),
        onRejected,
        slotReport: () => this.slotReport(),
      },
    );
    this.#resourceManagerHeartbeats = new HeartbeatManager({
      ...services,
      options: DEFAULT_HEARTBEAT_OPTIONS,
      listener: {
        notifyHeartbeatTimeout: () => this.reconnectResourceManager("its heartbeats stopped"),
        notifyTargetUnreachable: () => this.reconnectResourceManager("it is unreachable"),
        reportPayload: () => undefined,
        retrievePayload: () => this.slotReport(),
      },
    });
    this.#jobManagerHeartbeats = new HeartbeatManager({
      ...services,
      options: DEFAULT_HEARTBEAT_OPTIONS,
      listener: {
        notifyHeartbeatTimeout: () => this.#reconnectJobManager("its heartbeats stopped"),
        notifyTargetUnreachable: () => this.#reconnectJobManager("it is unreachable"),
        reportPayload: (_, report) => this.#syncSlots(report),
        retrievePayload: () => this.tasks.payload(),
      },
    });
  }

  /** Registers, and takes up what an earlier life left: its slots are offered again, its tasks are reported lost. */
  open(): void {
    this.#resourceManager.start();
    const lost = this.tasks.recover();
    const target = this.#services.storage.get(JOB_MANAGER_KEY, JOB_MANAGER);
    if (target === undefined) return this.tasks.abandonAll();
    for (const { allocationId } of this.#slots.slots()) this.#slotTimeouts.arm(allocationId);
    this.#connectJobManager(target, lost);
  }

  /** Ends everything at once; what is stored stays. The promise is that of the host's end. */
  close(): Promise<void> {
    this.#slotTimeouts.disarmAll();
    this.#resourceManagerHeartbeats.stop();
    this.#jobManagerHeartbeats.stop();
    this.#resourceManager.close();
    this.#jobManager?.close();
    return this.tasks.closeHost();
  }

  /** The JobMaster connected or connecting to. */
  get jobManager(): JobManagerTarget | undefined {
    return this.#jobManager?.target;
  }

  /** Whether the JobMaster has accepted the registration. */
  get isRegisteredAtJobManager(): boolean {
    return this.#jobManager?.gateway !== undefined;
  }

  slotReport(): SlotReport {
    return this.#slots.createSlotReport();
  }

  /**
   * SCH-28, SCH-29; a JobMaster with a higher epoch than the connected one takes over first: tasks run on, it decides
   * about them (over HB-04).
   *
   * @throws SluiceException TASK_MANAGER or SLOT_OCCUPIED; nothing has changed then.
   */
  requestSlot(request: SlotRequest): void {
    if (this.#draining) throw new SluiceException("TASK_MANAGER", `${this.#self} gives up its slots`);
    const { jobMasterAddress, jobMasterId, jobId, allocationId } = request;
    const slot = this.#slots.allocate(request);
    if (this.#jobManager === undefined || this.#jobManager.target.jobMasterId < jobMasterId) {
      this.#leaveJobManager();
      const target = { jobId, jobMasterAddress, jobMasterId };
      this.#services.storage.put(JOB_MANAGER_KEY, target);
      this.#connectJobManager(target, this.tasks.unacknowledged());
    }
    if (slot.state !== "ALLOCATED") return;
    this.#slotTimeouts.arm(allocationId);
    this.#jobManager?.offerSlots();
  }

  /** Marks the slot as in use by its job (DEP-02). @returns false if the allocation is not the job's here. */
  activateSlot(allocationId: AllocationID): boolean {
    const active = this.#slots.markActive(allocationId);
    if (active) this.#slotTimeouts.disarm(allocationId);
    return active;
  }

  /** Frees the slot once its tasks, which are ended, are gone (SCH-35). Unknown allocations are fine. */
  freeSlot(allocationId: AllocationID, reason: string): void {
    if (this.#slots.get(allocationId) === undefined) return;
    this.#services.log.info("slot is freed", { allocationId, reason });
    this.#slotTimeouts.disarm(allocationId);
    this.#slots.markReleasing(allocationId);
    this.tasks.abandon(allocationId);
    this.#finishReleases();
  }

  /** The JobMaster signs off: its tasks end, its slots are free. */
  disconnectJobManager(reason: string): void {
    for (const { allocationId } of this.#slots.slots()) this.freeSlot(allocationId, reason);
    this.#forgetJobManager();
  }

  heartbeatFromJobManager(report: AllocatedSlotReport): void {
    const target = this.jobManager;
    if (target !== undefined) this.#jobManagerHeartbeats.requestHeartbeat(target.jobMasterAddress, report);
  }

  heartbeatFromResourceManager(): void {
    this.#resourceManagerHeartbeats.requestHeartbeat(this.start.resourceManagerAddress, undefined);
  }

  /** C2: tasks run on meanwhile. */
  reconnectResourceManager(reason: string): void {
    this.#services.log.warn("ResourceManager lost", { reason });
    this.#resourceManagerHeartbeats.unmonitorTarget(this.start.resourceManagerAddress);
    this.#resourceManager.reconnect();
  }

  get #self(): ResourceID {
    return this.#registration.resourceId;
  }

  #connectJobManager(target: JobManagerTarget, owed: readonly TaskExecutionState[]): void {
    const connection = new JobManagerConnection(
      this.#services,
      { target, registration: this.#registration },
      {
        onRegistered: () => this.#onRegisteredAtJobManager(connection),
        runningTasks: () => this.tasks.runningTasks(),
        offers: () => this.#slots.offers(),
        onRejected: (reason) => this.disconnectJobManager(`the JobMaster refused the TaskExecutor: ${reason}`),
        onOffersAnswered: (offers, accepted) => this.#onOffersAnswered(offers, accepted),
        onStateReported: (state, known) => this.#onStateReported(state, known),
      },
    );
    this.#jobManager = connection;
    connection.reportStates(owed);
    connection.start();
  }

  #onRegisteredAtJobManager(connection: JobManagerConnection): void {
    this.#jobManagerHeartbeats.monitorTarget(connection.target.jobMasterAddress, (payload) => {
      connection.gateway?.heartbeatFromTaskManager(this.#self, payload);
      return undefined;
    });
    this.#jobManager?.offerSlots();
  }

  #onOffersAnswered(offers: readonly SlotOffer[], accepted: readonly SlotOffer[] | undefined): void {
    const taken = new Set(accepted?.map(({ allocationId }) => allocationId));
    for (const { allocationId } of offers) {
      if (taken.has(allocationId)) this.activateSlot(allocationId);
      else this.freeSlot(allocationId, accepted === undefined ? "the slot offer failed" : "the JobMaster declined it");
    }
  }

  #onStateReported(state: TaskExecutionState, known: boolean): void {
    const ended = state.state === "FINISHED" || state.state === "CANCELED" || state.state === "FAILED";
    if (ended) this.tasks.acknowledgeEnd(state.attemptId);
    else if (!known) this.tasks.abandonTask(state.attemptId);
  }

  /** HB-04: the job's tasks end, its slots wait for the JobMaster's next registration. */
  #reconnectJobManager(reason: string): void {
    const target = this.jobManager;
    if (target === undefined) return;
    this.#services.log.warn("JobMaster lost", { reason });
    this.#abandonJobManager();
    this.#connectJobManager(target, []);
  }

  #abandonJobManager(): void {
    if (this.#jobManager === undefined) return;
    this.#leaveJobManager();
    this.tasks.abandonAll();
  }

  /** Slots wait for the next registration; tasks run on. */
  #leaveJobManager(): void {
    const target = this.jobManager;
    if (target === undefined) return;
    this.#jobManagerHeartbeats.unmonitorTarget(target.jobMasterAddress);
    this.#jobManager?.close();
    this.#jobManager = undefined;
    for (const { allocationId } of this.#slots.slots()) {
      if (this.#slots.markInactive(allocationId)) this.#slotTimeouts.arm(allocationId);
    }
  }

  /** SCH-36: nothing of the job is left here. */
  #forgetJobManager(): void {
    this.#abandonJobManager();
    this.#services.storage.delete(JOB_MANAGER_KEY);
    this.tasks.endHost();
  }

  #finishReleases(): void {
    const released = this.#slots
      .slots()
      .filter(({ state, allocationId }) => state === "RELEASING" && !this.tasks.hasLiveTasksIn(allocationId));
    for (const { allocationId, slotIndex } of released) {
      this.#slots.free(allocationId);
      this.#resourceManager.gateway?.notifySlotAvailable(this.#registration.instanceId, slotIndex, allocationId);
    }
    if (released.length > 0 && this.#slots.isEmpty && this.#jobManager !== undefined) this.#forgetJobManager();
  }

  /** HB-03, SCH-38: what the JobMaster believes to hold here, compared with what it does hold. */
  #syncSlots({ allocations }: AllocatedSlotReport): void {
    const claimed = new Set(allocations);
    for (const allocationId of claimed) {
      if (this.#slots.get(allocationId) !== undefined) continue;
      const cause = serializeThrowable(
        new SluiceException("TASK_MANAGER", `${this.#self} does not hold allocation ${allocationId}`),
      );
      this.#jobManager?.gateway?.failSlot(this.#self, allocationId, cause);
    }
    for (const { allocationId, state } of this.#slots.slots()) {
      if (state === "ACTIVE" && !claimed.has(allocationId))
        this.freeSlot(allocationId, "the JobMaster does not hold it");
    }
  }

  /** Asks for a replacement of every slot before it gives the slot up (design: `requestSlot`). */
  #giveUpSlots(cause: SerializedThrowable): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#services.log.warn("gives up its slots", { cause: cause.message });
    for (const { allocationId, jobId } of this.#slots.slots()) {
      const replacement = this.#resourceManager.gateway?.requestSlot(this.#self, jobId, allocationId);
      const release = (): undefined => {
        this.#jobManager?.gateway?.failSlot(this.#self, allocationId, cause);
        this.freeSlot(allocationId, cause.message);
        return undefined;
      };
      // Without a ResourceManager the job must not wait: it will declare its need again.
      if (replacement === undefined) release();
      else this.#services.ask(replacement, release, release);
    }
  }

  #sendMetrics(): void {
    const now = this.#services.clock.now();
    const gateway = this.#jobManager?.gateway;
    if (gateway === undefined) return;
    const { rest } = this.tasks;
    const fellIdle = rest !== undefined && rest !== this.#sentRest;
    if (!fellIdle && now - this.#metricsSentMillis < METRICS_INTERVAL_MILLIS) return;
    this.#metricsSentMillis = now;
    this.#sentRest = rest;
    gateway.heartbeatFromTaskManager(this.#self, this.tasks.payload());
  }
}
