import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException, toErrorData } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { AllocationID, ExecutionAttemptID, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import type { Later } from "../../rpc/later.ts";
import { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { CheckpointOptions } from "../messages/checkpoint-messages.ts";
import type { AllocatedSlotReport } from "../messages/heartbeat-payloads.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SlotRequest } from "../messages/slot-request.ts";
import { descriptorsOf } from "../messages/task-deployment-batch.ts";
import type { TaskDeploymentBatch, TaskRefusal } from "../messages/task-deployment-batch.ts";
import type { TaskDeploymentDescriptor } from "../messages/task-deployment-descriptor.ts";
import { parseObjectName } from "../object-name.ts";
import type { ResourceManagerId } from "../resourcemanager/resource-manager-id.ts";
import { RUNTIME_VERSION } from "../runtime-version.ts";
import { storedValue } from "../stored-value.ts";
import type { TaskExecutorGateway, TaskExecutorStart } from "./task-executor-gateway.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";
import type { TaskHostFactory } from "./task-host.ts";
import { PUMP_TIMER } from "./task-pump.ts";
import { TaskWorker } from "./task-worker.ts";

const START_KEY = "start";
const START = storedValue<TaskExecutorStart>();
/** Wakes the object should everything else that would have been lost; the next activation recovers. */
const BACK_STOP_TIMER = "back-stop";
const BUSY_BACK_STOP = seconds(5);
const IDLE_BACK_STOP = seconds(30);

/**
 * A worker of one job (Flink `TaskExecutor`): holds slots, and runs the tasks that the JobMaster deploys into them in a task
 * host. Not fenced itself; each call that names its caller's epoch is refused if the epoch is not the one this worker
 * knows (over P11). Lives from `startTaskExecutor` to `releaseTaskExecutor`, over any number of losses of memory.
 */
export class TaskExecutor extends RpcEndpoint implements HandlerOf<typeof TaskExecutorGateway> {
  readonly #hosts: TaskHostFactory;
  readonly #runtimeVersion: string;
  #worker: TaskWorker | undefined;

  constructor(
    context: EndpointContext,
    services: { readonly hosts: TaskHostFactory; readonly runtimeVersion?: string },
  ) {
    super(context);
    this.#hosts = services.hosts;
    this.#runtimeVersion = services.runtimeVersion ?? RUNTIME_VERSION;
  }

  protected override onStart(): void {
    const start = this.storage.get(START_KEY, START);
    if (start !== undefined) this.#open(start);
  }

  protected override onTimer(name: string): Later<undefined> | undefined {
    if (this.#worker === undefined) return undefined;
    if (name === PUMP_TIMER) return this.#worker.tasks.onPumpTimer();
    this.#worker.tasks.ensureRunning();
    this.#armBackStop();
    return undefined;
  }

  startTaskExecutor(start: TaskExecutorStart): Acknowledge {
    const known = this.#worker?.start;
    if (known === undefined) {
      this.storage.put(START_KEY, start);
      this.#open(start);
      // Registrations and slots take as long as loading does.
      if (start.module !== undefined) this.#worker?.tasks.prepare(start.module);
    } else if (known.jobId !== start.jobId || known.resourceManagerId !== start.resourceManagerId) {
      throw new SluiceException(
        "TASK_MANAGER",
        `${this.#resourceId} works for job ${known.jobId}, not for ${start.jobId}`,
      );
    }
    return ACKNOWLEDGE;
  }

  requestSlot(request: SlotRequest): Acknowledge {
    const worker = this.#requireResourceManager(request.resourceManagerId);
    if (request.jobId !== worker.start.jobId) {
      throw new SluiceException(
        "TASK_MANAGER",
        `${this.#resourceId} works for job ${worker.start.jobId}, not for ${request.jobId}`,
      );
    }
    const known = worker.jobManager?.jobMasterId;
    if (known !== undefined && request.jobMasterId < known) {
      throw new SluiceException(
        "TASK_MANAGER",
        `slot request for JobMaster ${request.jobMasterId}, which was superseded`,
      );
    }
    worker.requestSlot(request);
    return ACKNOWLEDGE;
  }

  freeSlot(allocationId: AllocationID, cause: SerializedThrowable): Acknowledge {
    this.#worker?.freeSlot(allocationId, cause.message);
    return ACKNOWLEDGE;
  }

  submitTask(descriptor: TaskDeploymentDescriptor, jobMasterId: JobMasterId): Acknowledge {
    const refusal = this.#take(descriptor, jobMasterId);
    if (refusal !== undefined) throw refusal;
    return ACKNOWLEDGE;
  }

  submitTasks(batch: TaskDeploymentBatch, jobMasterId: JobMasterId): readonly TaskRefusal[] {
    return descriptorsOf(batch, this.#resourceId).flatMap((descriptor) => {
      const refusal = this.#take(descriptor, jobMasterId);
      return refusal === undefined ? [] : [{ attemptId: descriptor.attemptId, error: toErrorData(refusal) }];
    });
  }

  /** DEP-01. @returns why not. */
  #take(descriptor: TaskDeploymentDescriptor, jobMasterId: JobMasterId): SluiceException | undefined {
    const { attemptId, allocationId, jobId } = descriptor;
    // Retryable: connections and slots change under the JobMaster's hands, which says nothing against the task.
    const refusal = (reason: string): SluiceException =>
      new SluiceException("TASK_SUBMISSION", `attempt ${attemptId}: ${reason}`, { retryable: true });
    const worker = this.#worker;
    if (worker?.jobManager === undefined || !worker.isRegisteredAtJobManager) {
      return refusal("no JobMaster is connected");
    }
    if (worker.jobManager.jobMasterId !== jobMasterId) return refusal("the call is not from the connected JobMaster");
    if (worker.jobManager.jobId !== jobId) return refusal(`job ${jobId} has no slots here`);
    if (!worker.activateSlot(allocationId)) return refusal(`slot ${allocationId} is not allocated here`);
    if (!worker.tasks.submit(descriptor)) {
      return new SluiceException("TASK_SUBMISSION", `attempt ${attemptId} was submitted before`);
    }
    this.#armBackStop();
    return undefined;
  }

  cancelTask(attemptId: ExecutionAttemptID, jobMasterId: JobMasterId): Acknowledge | Later<Acknowledge> {
    return this.#requireJobMaster(jobMasterId).tasks.cancel(attemptId);
  }

  triggerCheckpoint(
    attemptIds: readonly ExecutionAttemptID[],
    checkpoint: {
      readonly checkpointId: number;
      readonly timestampMillis: number;
      readonly options: CheckpointOptions;
    },
    jobMasterId: JobMasterId,
  ): Later<Acknowledge> {
    return this.#requireJobMaster(jobMasterId).tasks.triggerCheckpoint({ attemptIds, ...checkpoint });
  }

  confirmCheckpoint(checkpointId: number, _timestampMillis: number, jobMasterId: JobMasterId): undefined {
    this.#of(jobMasterId)?.tasks.notifyCheckpoint(checkpointId, "complete");
  }

  abortCheckpoint(checkpointId: number, _latestCompletedId: number, jobMasterId: JobMasterId): undefined {
    this.#of(jobMasterId)?.tasks.notifyCheckpoint(checkpointId, "aborted");
  }

  heartbeatFromJobManager(jobMasterId: JobMasterId, report: AllocatedSlotReport): undefined {
    this.#of(jobMasterId)?.heartbeatFromJobManager(report);
  }

  heartbeatFromResourceManager(resourceManagerId: ResourceManagerId): undefined {
    if (this.#worker?.start.resourceManagerId === resourceManagerId) this.#worker.heartbeatFromResourceManager();
  }

  disconnectJobManager(_jobId: JobID, jobMasterId: JobMasterId, cause: SerializedThrowable): undefined {
    this.#of(jobMasterId)?.disconnectJobManager(cause.message);
  }

  disconnectResourceManager(resourceManagerId: ResourceManagerId, cause: SerializedThrowable): undefined {
    if (this.#worker?.start.resourceManagerId === resourceManagerId)
      this.#worker.reconnectResourceManager(cause.message);
  }

  releaseTaskExecutor(resourceManagerId: ResourceManagerId): Acknowledge | Later<Acknowledge> {
    const known = this.#worker?.start.resourceManagerId;
    if (known !== undefined && resourceManagerId < known) {
      throw new SluiceException(
        "TASK_MANAGER",
        `release by ResourceManager ${resourceManagerId}, which was superseded`,
      );
    }
    return this.ask(this.#release(), () => ACKNOWLEDGE);
  }

  get #resourceId(): ResourceID {
    return brandId<ResourceID>(parseObjectName(this.address)?.id ?? this.address);
  }

  #open(start: TaskExecutorStart): void {
    this.#worker = new TaskWorker({
      services: this.#services(),
      hosts: this.#hosts,
      start,
      registration: {
        resourceId: this.#resourceId,
        address: this.address,
        instanceId: brandId<InstanceID>(this.ids.hex()),
        jobId: start.jobId,
        slots: start.slots,
        runtimeVersion: this.#runtimeVersion,
      },
      onRejected: (reason) => {
        this.log.warn("refused by the ResourceManager, ends itself", { reason });
        this.ask(this.#release());
      },
    });
    this.#worker.open();
    this.#armBackStop();
  }

  /** Nothing is left afterwards: no task, no timer, nothing stored. */
  #release(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.storage.deleteAll();
    return worker?.close() ?? this.#hosts.close(this.#resourceId);
  }

  #services(): TaskExecutorServices {
    return {
      executor: this.getMainThreadExecutor(),
      clock: this.clock,
      random: this.random,
      log: this.log,
      storage: this.storage,
      timers: this.timers,
      ask: (promise, onResult, onError) => this.ask(promise, onResult, onError),
      connect: (descriptor, address, epoch) => this.connect(descriptor, address, epoch),
    };
  }

  #armBackStop(): void {
    const busy = this.#worker?.tasks.hasLiveTasks === true;
    const delay: Duration = busy ? BUSY_BACK_STOP : IDLE_BACK_STOP;
    this.timers.setAfter(BACK_STOP_TIMER, delay);
  }

  #of(jobMasterId: JobMasterId): TaskWorker | undefined {
    return this.#worker?.jobManager?.jobMasterId === jobMasterId ? this.#worker : undefined;
  }

  #requireJobMaster(jobMasterId: JobMasterId): TaskWorker {
    const worker = this.#of(jobMasterId);
    if (worker === undefined) throw new SluiceException("TASK_MANAGER", "the call is not from the connected JobMaster");
    return worker;
  }

  #requireResourceManager(resourceManagerId: ResourceManagerId): TaskWorker {
    const worker = this.#worker;
    if (worker === undefined) throw new SluiceException("TASK_MANAGER", `${this.#resourceId} was not started`);
    if (worker.start.resourceManagerId !== resourceManagerId) {
      throw new SluiceException("TASK_MANAGER", "the call is not from the connected ResourceManager");
    }
    return worker;
  }
}
