import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { milliseconds, minutes, seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../../rpc/fenced-rpc-endpoint.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import { HeartbeatManagerSender } from "../../rpc/heartbeat/heartbeat-manager-sender.ts";
import { DEFAULT_HEARTBEAT_OPTIONS } from "../../rpc/heartbeat/heartbeat-options.ts";
import { JobMasterGateway } from "../jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import { DEFAULT_CLUSTER_QUOTAS, type ClusterQuotas } from "../messages/cluster-quotas.ts";
import { isGloballyTerminal } from "../messages/job-status.ts";
import type { JobStatus } from "../messages/job-status.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type {
  RegistrationResponse,
  ResourceRequirements,
  SlotReport,
  TaskExecutorRegistration,
} from "../messages/slots.ts";
import type { ResourceOverview, TaskManagerInfo } from "../messages/task-manager-info.ts";
import { clusterOf } from "../object-name.ts";
import { storedValue } from "../stored-value.ts";
import { TaskExecutorGateway } from "../taskexecutor/task-executor-gateway.ts";
import { JobRegistry } from "./job-registry.ts";
import type { RegisteredJob } from "./job-registry.ts";
import type { ResourceManagerGateway } from "./resource-manager-gateway.ts";
import type { ResourceManagerId } from "./resource-manager-id.ts";
import { SlotManager } from "./slot-manager.ts";
import { FREE_SLOT, WorkerInventory } from "./worker-inventory.ts";
import type { Worker } from "./worker-inventory.ts";

const QUOTAS_KEY = "quotas";
const QUOTAS = storedValue<ClusterQuotas>();
const RECONCILE_TIMER = "reconcile";
/** Back-stop while there is anything to look after. */
const RECONCILE_INTERVAL = seconds(30);
const RETRY_DELAY = seconds(1);
/** `resourcemanager.job.timeout`: a job without a JobMaster loses its workers (HB-07). */
const JOB_TIMEOUT = minutes(5);

/**
 * The cluster's quotas and workers (Flink `ResourceManager`, worker-starting kind): brings TaskExecutors to life for the needs that
 * JobMasters declare, gives out their slots, watches both, and ends the workers with their job. All it knows is stored,
 * so a loss of its memory costs its peers nothing and its epoch does not rise. Without jobs it holds no timer.
 */
export class ResourceManager
  extends FencedRpcEndpoint<ResourceManagerId>
  implements HandlerOf<typeof ResourceManagerGateway>
{
  readonly #dirty = new Set<JobID>();
  readonly #taskManagerHeartbeats: HeartbeatManagerSender<SlotReport, undefined>;
  readonly #jobManagerHeartbeats: HeartbeatManagerSender<undefined, undefined>;
  // Read from storage in onStart.
  #jobs!: JobRegistry;
  #workers!: WorkerInventory;
  #slotManager!: SlotManager;

  constructor(context: EndpointContext) {
    super(context);
    const services = { executor: this.getMainThreadExecutor(), clock: this.clock, options: DEFAULT_HEARTBEAT_OPTIONS };
    this.#taskManagerHeartbeats = new HeartbeatManagerSender<SlotReport, undefined>({
      ...services,
      listener: {
        notifyHeartbeatTimeout: (id) => this.#onTaskManagerLost(id, "its heartbeats stopped"),
        notifyTargetUnreachable: (id) => this.#onTaskManagerLost(id, "it is unreachable"),
        reportPayload: (id, report) => this.#onSlotReport(id, report),
        retrievePayload: () => undefined,
      },
    });
    this.#jobManagerHeartbeats = new HeartbeatManagerSender<undefined, undefined>({
      ...services,
      listener: {
        notifyHeartbeatTimeout: (id) => this.#onJobManagerLost(id),
        notifyTargetUnreachable: (id) => this.#onJobManagerLost(id),
        reportPayload: () => undefined,
        retrievePayload: () => undefined,
      },
    });
  }

  protected override onStart(): void {
    this.#jobs = new JobRegistry(this.storage);
    this.#workers = new WorkerInventory(this.storage);
    this.#slotManager = new SlotManager({
      jobs: this.#jobs,
      workers: this.#workers,
      clock: this.clock,
      ids: this.ids,
      log: this.log,
      cluster: clusterOf(this.address),
      resourceManagerId: this.getFencingToken(),
      address: this.address,
      quotas: () => this.storage.get(QUOTAS_KEY, QUOTAS) ?? DEFAULT_CLUSTER_QUOTAS,
      taskExecutor: (address) => this.gateway(TaskExecutorGateway, address),
      ask: (promise, onResult, onError) => this.ask(promise, onResult, onError),
      retryLater: () => this.timers.setAfter(RECONCILE_TIMER, RETRY_DELAY),
      reconcileSoon: (jobId) => this.#reconcileSoon(jobId),
      notEnoughResources: (job, { acquired, reason }) =>
        this.#jobMaster(job).notifyNotEnoughResourcesAvailable(acquired, reason),
      onReleasing: (resourceId) => this.#taskManagerHeartbeats.unmonitorTarget(resourceId),
      onReleased: () => this.#armReconcile(),
    });
    for (const job of this.#jobs.all()) this.#monitorJobManager(job);
    for (const worker of this.#workers.all()) if (worker.phase === "registered") this.#monitorTaskManager(worker);
    this.#slotManager.reconcileAll();
    this.#armReconcile();
  }

  protected override onTimer(): undefined {
    const now = this.clock.now();
    for (const job of this.#jobs.all()) {
      if (job.lostSinceMillis !== undefined && now - job.lostSinceMillis >= JOB_TIMEOUT) this.#removeJob(job);
    }
    this.#slotManager.reconcileAll();
    this.#armReconcile();
  }

  registerJobMaster(
    jobMasterId: JobMasterId,
    jobMasterAddress: string,
    jobId: JobID,
  ): RegistrationResponse<{ readonly resourceManagerId: ResourceManagerId }> {
    const known = this.#jobs.get(jobId);
    if (known !== undefined && jobMasterId < known.jobMasterId) {
      return { kind: "failure", reason: `JobMaster ${jobMasterId} of job ${jobId} was superseded` };
    }
    const { lostSinceMillis: _, suspended: __, ...kept } = known ?? { requiredSlots: 0, nextWorkerIndex: 0 };
    const job: RegisteredJob = { ...kept, jobId, jobMasterAddress, jobMasterId };
    this.#jobs.put(job);
    this.#monitorJobManager(job);
    this.#armReconcile();
    return { kind: "success", resourceManagerId: this.getFencingToken() };
  }

  declareRequiredResources(jobMasterId: JobMasterId, requirements: ResourceRequirements): Acknowledge {
    const { jobId, jobMasterAddress, slots, sleeps = 0, module } = requirements;
    const job = this.#jobs.get(jobId);
    if (job === undefined || job.jobMasterId !== jobMasterId) {
      throw new SluiceException("RESOURCE_MANAGER", `JobMaster ${jobMasterId} of job ${jobId} is not registered`);
    }
    if (!Number.isInteger(slots) || slots < 0) {
      throw new SluiceException("RESOURCE_MANAGER", `slots: expected a non-negative integer, got ${slots}`);
    }
    const { suspended, ...awake } = job;
    const need = { requiredSlots: slots, ...(module === undefined ? {} : { module }) };
    this.#jobs.put({ ...awake, ...need, jobMasterAddress, declaredBy: jobMasterId, sleeps });
    // A sleep that began before it was declared over may be heard of in between.
    if (suspended === true) this.#monitorJobManager(awake);
    this.#reconcileSoon(jobId);
    this.#armReconcile();
    return ACKNOWLEDGE;
  }

  registerTaskExecutor(
    registration: TaskExecutorRegistration,
  ): RegistrationResponse<{ readonly instanceId: InstanceID; readonly resourceManagerId: ResourceManagerId }> {
    const { resourceId, instanceId } = registration;
    if (!this.#slotManager.register(resourceId, instanceId)) {
      return { kind: "rejection", reason: `${resourceId} is no worker of this cluster` };
    }
    const worker = this.#workers.get(resourceId);
    if (worker !== undefined) this.#monitorTaskManager(worker);
    return { kind: "success", instanceId, resourceManagerId: this.getFencingToken() };
  }

  sendSlotReport(resourceId: ResourceID, instanceId: InstanceID, report: SlotReport): Acknowledge {
    const worker = this.#workers.get(resourceId);
    if (worker?.instanceId !== instanceId) {
      throw new SluiceException("RESOURCE_MANAGER", `instance ${instanceId} of ${resourceId} is not registered`);
    }
    this.#slotManager.syncSlots(worker, report);
    this.#reconcileSoon(worker.jobId);
    return ACKNOWLEDGE;
  }

  requestSlot(resourceId: ResourceID, jobId: JobID, replaced: AllocationID): Acknowledge {
    const worker = this.#workers.get(resourceId);
    if (worker?.jobId !== jobId) {
      throw new SluiceException("RESOURCE_MANAGER", `${resourceId} is no worker of job ${jobId}`);
    }
    this.#slotManager.replaceSlot(worker, replaced);
    return ACKNOWLEDGE;
  }

  notifySlotAvailable(instanceId: InstanceID, slotIndex: number, allocationId: AllocationID): undefined {
    const worker = this.#workers.findInstance(instanceId);
    if (worker !== undefined) this.#slotManager.slotFreed(worker, slotIndex, allocationId);
  }

  heartbeatFromTaskManager(resourceId: ResourceID, report: SlotReport): undefined {
    this.#taskManagerHeartbeats.receiveHeartbeat(resourceId, report);
  }

  heartbeatFromJobManager(jobId: JobID): undefined {
    this.#jobManagerHeartbeats.receiveHeartbeat(jobId, undefined);
  }

  disconnectTaskManager(resourceId: ResourceID, cause: SerializedThrowable): undefined {
    this.#onTaskManagerLost(resourceId, cause.message);
  }

  disconnectJobManager(jobId: JobID, jobMasterId: JobMasterId, status: JobStatus): Acknowledge {
    const job = this.#jobs.get(jobId);
    if (job === undefined || jobMasterId < job.jobMasterId) return ACKNOWLEDGE;
    if (isGloballyTerminal(status)) this.#removeJob(job);
    else this.#onJobManagerLost(jobId);
    return ACKNOWLEDGE;
  }

  suspendJob(jobId: JobID, jobMasterId: JobMasterId, sleep: number): Acknowledge {
    const job = this.#jobs.get(jobId);
    if (job === undefined || jobMasterId < job.jobMasterId || sleep <= (job.sleeps ?? 0)) return ACKNOWLEDGE;
    const { declaredBy: _, lostSinceMillis: __, ...known } = job;
    this.#jobManagerHeartbeats.unmonitorTarget(jobId);
    this.#jobs.put({ ...known, jobMasterId, requiredSlots: 0, suspended: true });
    for (const worker of this.#workers.ofJob(jobId)) this.#slotManager.release(worker);
    this.#armReconcile();
    return ACKNOWLEDGE;
  }

  requestTaskManagerInfo(): readonly TaskManagerInfo[] {
    return this.#registered().map((worker) => this.#infoOf(worker));
  }

  requestTaskManagerDetailsInfo(resourceId: ResourceID): TaskManagerInfo | undefined {
    const worker = this.#registered().find((candidate) => candidate.resourceId === resourceId);
    return worker === undefined ? undefined : this.#infoOf(worker);
  }

  requestResourceOverview(): ResourceOverview {
    const slots = this.#registered().flatMap((worker) => worker.slots);
    return {
      taskManagers: this.#registered().length,
      slotsTotal: slots.length,
      slotsFree: slots.filter(({ state }) => state === "FREE").length,
    };
  }

  openCluster(quotas: ClusterQuotas): Acknowledge {
    this.storage.put(QUOTAS_KEY, quotas);
    return ACKNOWLEDGE;
  }

  closeCluster(): number {
    for (const job of this.#jobs.all()) this.#removeJob(job);
    for (const worker of this.#workers.all()) this.#slotManager.release(worker);
    if (this.#workers.size === 0) this.storage.deleteAll();
    return this.#workers.size;
  }

  #registered(): readonly Worker[] {
    return this.#workers.all().filter(({ phase }) => phase === "registered");
  }

  #infoOf({ resourceId, address, jobId, slots }: Worker): TaskManagerInfo {
    return {
      resourceId,
      address,
      jobId,
      lastHeartbeatMillis: this.#taskManagerHeartbeats.getLastHeartbeatFrom(resourceId),
      slots: slots.length,
      freeSlots: slots.filter(({ state }) => state === "FREE").length,
    };
  }

  #onSlotReport(id: string, report: SlotReport): void {
    const worker = this.#registered().find(({ resourceId }) => resourceId === id);
    if (worker !== undefined) this.#slotManager.syncSlots(worker, report);
  }

  /** HB-06: the worker's slots are gone, its JobMaster learns it, another worker takes its place. */
  #onTaskManagerLost(id: string, reason: string): void {
    const worker = this.#workers.all().find(({ resourceId }) => resourceId === id);
    if (worker === undefined || worker.phase === "releasing") return;
    this.log.warn("TaskExecutor lost", { resourceId: id, reason });
    this.#workers.put({ ...worker, slots: worker.slots.map(() => FREE_SLOT) });
    this.#slotManager.release(this.#workers.get(worker.resourceId) ?? worker);
    const job = this.#jobs.get(worker.jobId);
    if (job === undefined) return;
    const cause = serializeThrowable(new SluiceException("TASK_MANAGER", `TaskExecutor ${id} was lost: ${reason}`), {
      infrastructure: true,
    });
    this.ask(
      this.#jobMaster(job).disconnectTaskManager(worker.resourceId, cause),
      () => undefined,
      () => undefined,
    );
    this.#reconcileSoon(worker.jobId);
  }

  #onJobManagerLost(id: string): void {
    const job = this.#jobs.all().find(({ jobId }) => jobId === id);
    if (job === undefined) return;
    this.log.warn("JobMaster lost", { jobId: id });
    this.#jobManagerHeartbeats.unmonitorTarget(id);
    if (job.lostSinceMillis === undefined) this.#jobs.put({ ...job, lostSinceMillis: this.clock.now() });
  }

  #removeJob(job: RegisteredJob): void {
    this.#jobManagerHeartbeats.unmonitorTarget(job.jobId);
    this.#jobs.remove(job.jobId);
    for (const worker of this.#workers.ofJob(job.jobId)) this.#slotManager.release(worker);
    this.#armReconcile();
  }

  #monitorJobManager(job: RegisteredJob): void {
    if (job.lostSinceMillis !== undefined || job.suspended === true) return;
    const gateway = this.#jobMaster(job);
    this.#jobManagerHeartbeats.monitorTarget(job.jobId, () => {
      gateway.heartbeatFromResourceManager(this.address);
      return undefined;
    });
  }

  #monitorTaskManager(worker: Worker): void {
    const gateway = this.gateway(TaskExecutorGateway, worker.address);
    const resourceManagerId = this.getFencingToken();
    this.#taskManagerHeartbeats.monitorTarget(worker.resourceId, () => {
      gateway.heartbeatFromResourceManager(resourceManagerId);
      return undefined;
    });
  }

  #jobMaster(job: RegisteredJob): JobMasterGateway {
    return this.gateway(JobMasterGateway, job.jobMasterAddress, job.jobMasterId);
  }

  /** Needs are looked at in a turn of their own, the root of the calls it makes; several causes are one look (SCH-26). */
  #reconcileSoon(jobId: JobID): void {
    this.#dirty.add(jobId);
    this.scheduleRunAsync(() => {
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      for (const job of dirty) this.#slotManager.reconcile(job);
      return undefined;
    }, milliseconds(0));
  }

  #armReconcile(): void {
    const needed = this.#jobs.anyAwake || this.#workers.size > 0;
    if (needed && !this.timers.list().some(({ name }) => name === RECONCILE_TIMER)) {
      this.timers.setAfter(RECONCILE_TIMER, RECONCILE_INTERVAL);
    }
    if (!needed) this.timers.delete(RECONCILE_TIMER);
  }
}
