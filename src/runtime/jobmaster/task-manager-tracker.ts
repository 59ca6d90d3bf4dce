import { SluiceException } from "../../common/exceptions.ts";
import type { ResourceID } from "../../common/ids.ts";
import { brandId } from "../../common/ids.ts";
import type { HeartbeatTarget } from "../../rpc/heartbeat/heartbeat-listener.ts";
import { HeartbeatManagerSender } from "../../rpc/heartbeat/heartbeat-manager-sender.ts";
import { DEFAULT_HEARTBEAT_OPTIONS } from "../../rpc/heartbeat/heartbeat-options.ts";
import { TaskExecutorTable } from "../executiongraph/task-executor-table.ts";
import type { AllocatedSlotReport, TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import type { TaskExecutorRegistration } from "../messages/slots.ts";
import type { TaskExecutorGateway } from "../taskexecutor/task-executor-gateway.ts";
import type { JobMasterServices } from "./job-master-services.ts";

/** A TaskExecutor that has registered and answered on a fresh connection. */
export interface RegisteredTaskManager {
  readonly registration: TaskExecutorRegistration;
  /** Of the instance that registered: instances of one object are ordered by it. */
  readonly incarnation: number;
  readonly gateway: TaskExecutorGateway;
}

export interface TaskManagerListener {
  /** No sign of life (HB-02); it is still registered. */
  onTaskManagerLost(resourceId: ResourceID, cause: SluiceException): void;
  onPayload(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload): void;
  slotReport(resourceId: ResourceID): AllocatedSlotReport;
}

/** The TaskExecutors that serve this job, and their heartbeats. */
export class TaskManagerTracker {
  readonly #services: JobMasterServices;
  readonly #registered = new TaskExecutorTable<RegisteredTaskManager>();
  readonly #heartbeats: HeartbeatManagerSender<TaskExecutorToJobMasterPayload, AllocatedSlotReport>;

  constructor(services: JobMasterServices, listener: TaskManagerListener) {
    this.#services = services;
    const lost = (targetId: string, what: string): void =>
      listener.onTaskManagerLost(
        brandId<ResourceID>(targetId),
        new SluiceException("HEARTBEAT_TIMEOUT", `TaskExecutor ${targetId} ${what}`),
      );
    this.#heartbeats = new HeartbeatManagerSender({
      executor: services.executor,
      clock: services.clock,
      options: DEFAULT_HEARTBEAT_OPTIONS,
      listener: {
        notifyHeartbeatTimeout: (id) =>
          lost(id, `gave no sign of life for ${DEFAULT_HEARTBEAT_OPTIONS.timeoutMillis} ms`),
        notifyTargetUnreachable: (id) => lost(id, "is unreachable"),
        reportPayload: (id, payload) => listener.onPayload(brandId<ResourceID>(id), payload),
        retrievePayload: (id) => listener.slotReport(brandId<ResourceID>(id)),
      },
    });
  }

  get(resourceId: ResourceID): RegisteredTaskManager | undefined {
    return this.#registered.get(resourceId);
  }

  /** Whether a later instance of this TaskExecutor has registered meanwhile: this one was superseded and is not to replace it. */
  isSuperseded({ registration, incarnation }: Omit<RegisteredTaskManager, "gateway">): boolean {
    const known = this.#registered.get(registration.resourceId);
    return known !== undefined && known.incarnation > incarnation;
  }

  get all(): readonly RegisteredTaskManager[] {
    return this.#registered.values();
  }

  /** Heartbeats begin at once. */
  add(taskManager: RegisteredTaskManager): void {
    const { registration } = taskManager;
    this.#registered.set(registration.resourceId, taskManager);
    this.#heartbeats.monitorTarget(registration.resourceId, this.#sendHeartbeat);
  }

  /** One function for all of them: of a wide job there are thousands. */
  readonly #sendHeartbeat: HeartbeatTarget<AllocatedSlotReport> = (report, resourceId) => {
    const gateway = this.#registered.get(brandId<ResourceID>(resourceId))?.gateway;
    gateway?.heartbeatFromJobManager(this.#services.jobMasterId, report);
    return undefined;
  };

  /** Idempotent. */
  remove(resourceId: ResourceID): void {
    this.#registered.delete(resourceId);
    this.#heartbeats.unmonitorTarget(resourceId);
  }

  /** An answer to a heartbeat. One of a TaskExecutor that is not registered says nothing. */
  receiveHeartbeat(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload): void {
    if (this.#registered.get(resourceId) !== undefined) this.#heartbeats.receiveHeartbeat(resourceId, payload);
  }

  /** No heartbeat is sent or awaited any more. */
  stop(): void {
    this.#heartbeats.stop();
  }
}
