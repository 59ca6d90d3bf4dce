import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { AllocationID, IdSource, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import { isUndelivered } from "../../rpc/heartbeat/heartbeat-monitor.ts";
import type { Later } from "../../rpc/later.ts";
import { SLOTS_PER_TASK_EXECUTOR } from "../jobgraph/job-configuration.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import { MAX_TASK_EXECUTORS_PER_JOB, type ClusterQuotas } from "../messages/cluster-quotas.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { ResourceProfile, SlotReport } from "../messages/slots.ts";
import { taskExecutorAddress, taskExecutorResourceId } from "../object-name.ts";
import type { ClusterName } from "../object-name.ts";
import type { TaskExecutorGateway } from "../taskexecutor/task-executor-gateway.ts";
import type { JobRegistry, RegisteredJob } from "./job-registry.ts";
import type { ResourceManagerId } from "./resource-manager-id.ts";
import { planAllocation } from "./slot-allocation.ts";
import type { SlotRef } from "./slot-allocation.ts";
import { FREE_SLOT } from "./worker-inventory.ts";
import type { Worker, WorkerInventory, WorkerSlot } from "./worker-inventory.ts";

/** A requested worker that has not registered by then is given up, and another one is requested. */
const START_TIMEOUT_MILLIS = 300_000;
/** `resourcemanager.taskmanager-timeout`: an unused worker is released (SCH-39). */
const IDLE_TIMEOUT_MILLIS = 30_000;
/** Every slot is alike. */
const SLOT_PROFILE: ResourceProfile = { cpuCores: 1, memoryMegabytes: 64 };

export interface SlotManagerServices {
  readonly jobs: JobRegistry;
  readonly workers: WorkerInventory;
  readonly clock: Pick<Clock, "now">;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly cluster: ClusterName;
  readonly resourceManagerId: ResourceManagerId;
  readonly address: string;
  quotas(): ClusterQuotas;
  taskExecutor(address: string): TaskExecutorGateway;
  ask<R>(
    promise: Promise<R>,
    onResult: (result: R) => undefined,
    onError: (error: SluiceException) => undefined,
  ): Later<undefined>;
  /** Something has to be tried again in a while. */
  retryLater(): void;
  /** The need of the job is to be looked at again, soon. */
  reconcileSoon(jobId: JobID): void;
  /** The job cannot get all it needs (SCH-27). */
  notEnoughResources(job: RegisteredJob, shortage: { readonly acquired: number; readonly reason: string }): void;
  /** The worker is told to end. */
  onReleasing(resourceId: ResourceID): void;
  /** A worker has ended and is forgotten. */
  onReleased(): void;
}

/**
 * Brings slots and workers in line with the declared needs (Flink `SlotManager`): whatever is asked of a TaskExecutor is stored
 * first, asked, and asked again until answered, so a crash in between loses nothing. Main thread only.
 */
export class SlotManager {
  readonly #services: SlotManagerServices;
  // Requests without an answer yet, which must not be doubled: allocation ids and resource ids.
  readonly #inFlight = new Set<string>();

  constructor(services: SlotManagerServices) {
    this.#services = services;
  }

  /** Everything again: after a recovery, and at every tick of the back-stop. */
  reconcileAll(): void {
    const { jobs, workers } = this.#services;
    for (const worker of workers.all()) this.#reconcileWorker(worker);
    for (const job of jobs.all()) this.reconcile(job.jobId);
  }

  /** Meets the job's need as far as it can be met now. */
  reconcile(jobId: JobID): void {
    const { jobs, workers } = this.#services;
    const job = jobs.get(jobId);
    if (job === undefined || job.declaredBy !== job.jobMasterId) return;
    const own = workers.ofJob(jobId);
    const inUse = workers.all().filter(({ phase }) => phase !== "releasing").length;
    const room = Math.min(MAX_TASK_EXECUTORS_PER_JOB - own.length, this.#services.quotas().taskExecutors - inUse);
    const plan = planAllocation(job, own, { newWorkers: Math.max(0, room) });
    for (const slot of plan.renew) this.#renew(slot, job.jobMasterId);
    for (const slot of plan.allocate) this.#allocate(slot, job.jobMasterId);
    for (const slot of plan.reclaim) this.#reclaim(slot);
    for (let created = 0; created < plan.newWorkers; created += 1) this.#createWorker(jobId);
    for (const { resourceId } of own) this.#requestPending(resourceId, job);
    if (plan.unfulfilled > 0) {
      const reason = `quota: ${plan.unfulfilled} of ${job.requiredSlots} slots exceed what the job may have`;
      this.#services.notEnoughResources(job, { acquired: plan.acquired, reason });
    }
  }

  /** HB-09. @returns false if the worker is none of ours, or is to go. */
  register(resourceId: ResourceID, instanceId: InstanceID): boolean {
    const { workers, clock } = this.#services;
    const worker = workers.get(resourceId);
    if (worker === undefined || worker.phase === "releasing") return false;
    if (worker.phase === "registered" && worker.instanceId === instanceId) return true;
    workers.put({ ...worker, phase: "registered", instanceId, idleSinceMillis: clock.now() });
    return true;
  }

  /** Takes over what a registered TaskExecutor says of its slots (SCH-37). */
  syncSlots(worker: Worker, report: SlotReport): void {
    const jobMasterId = this.#services.jobs.get(worker.jobId)?.jobMasterId;
    const slots = worker.slots.map((slot, index): WorkerSlot => {
      const reported = report.slots[index];
      if (reported === undefined || jobMasterId === undefined) return slot;
      if (reported.allocationId === undefined) return slot.state === "ALLOCATED" ? FREE_SLOT : slot;
      const active = reported.state === "ACTIVE";
      if (slot.state === "FREE" || (slot.state === "ALLOCATED" && slot.allocationId !== reported.allocationId)) {
        return { state: "ALLOCATED", allocationId: reported.allocationId, jobMasterId, replaced: false, active };
      }
      if (slot.allocationId !== reported.allocationId || slot.active === active) return slot;
      return { ...slot, active };
    });
    if (slots.every((slot, index) => slot === worker.slots[index])) return;
    this.#putSlots(worker, slots);
    this.#services.reconcileSoon(worker.jobId);
  }

  /** A TaskExecutor freed a slot; outdated notices are ignored. */
  slotFreed(worker: Worker, slotIndex: number, allocationId: AllocationID): void {
    const slot = worker.slots[slotIndex];
    if (slot === undefined || slot.state === "FREE" || slot.allocationId !== allocationId) return;
    this.#putSlots(worker, worker.slots.with(slotIndex, FREE_SLOT));
    this.#services.reconcileSoon(worker.jobId);
  }

  /** The TaskExecutor is about to give this slot up: another worker has to take its place. Idempotent. */
  replaceSlot(worker: Worker, allocationId: AllocationID): void {
    const slots = worker.slots.map((slot) =>
      slot.state !== "FREE" && slot.allocationId === allocationId ? { ...slot, replaced: true } : slot,
    );
    this.#services.workers.put({ ...worker, draining: true, slots });
    this.reconcile(worker.jobId);
  }

  /** Ends the worker; it is forgotten once it has acknowledged. Idempotent. */
  release(worker: Worker): void {
    const releasing: Worker = { ...worker, phase: "releasing", draining: true };
    if (worker.phase !== "releasing") this.#services.workers.put(releasing);
    this.#services.onReleasing(worker.resourceId);
    this.#sendRelease(releasing);
  }

  #reconcileWorker(worker: Worker): void {
    const now = this.#services.clock.now();
    if (worker.phase === "releasing") return this.#sendRelease(worker);
    if (worker.phase === "starting") {
      if (now - worker.startedMillis < START_TIMEOUT_MILLIS) return this.#sendStart(worker);
      this.#services.log.warn("worker did not register in time", { resourceId: worker.resourceId });
      return this.release(worker);
    }
    const idleMillis = worker.idleSinceMillis === undefined ? 0 : now - worker.idleSinceMillis;
    if (idleMillis >= IDLE_TIMEOUT_MILLIS) this.release(worker);
  }

  #putSlots(worker: Worker, slots: readonly WorkerSlot[]): void {
    const { idleSinceMillis: _, ...rest } = worker;
    const idle = slots.every(({ state }) => state === "FREE");
    const changed: Worker = { ...rest, slots, ...(idle ? { idleSinceMillis: this.#services.clock.now() } : {}) };
    this.#services.workers.put(changed);
    if (idle && worker.draining && worker.phase === "registered") this.release(changed);
  }

  #putSlot({ resourceId, slotIndex }: SlotRef, slot: WorkerSlot): void {
    const worker = this.#services.workers.get(resourceId);
    if (worker !== undefined) this.#putSlots(worker, worker.slots.with(slotIndex, slot));
  }

  #slotAt({ resourceId, slotIndex }: SlotRef): WorkerSlot {
    return this.#services.workers.get(resourceId)?.slots[slotIndex] ?? FREE_SLOT;
  }

  #allocate(ref: SlotRef, jobMasterId: JobMasterId): void {
    const allocationId = brandId<AllocationID>(this.#services.ids.hex());
    this.#putSlot(ref, { state: "PENDING", allocationId, jobMasterId, replaced: false, active: false });
  }

  #renew(ref: SlotRef, jobMasterId: JobMasterId): void {
    const slot = this.#slotAt(ref);
    if (slot.state === "FREE") return;
    this.#inFlight.delete(slot.allocationId);
    this.#putSlot(ref, { ...slot, state: "PENDING", jobMasterId, active: false });
  }

  #reclaim(ref: SlotRef): void {
    const slot = this.#slotAt(ref);
    const worker = this.#services.workers.get(ref.resourceId);
    if (slot.state === "FREE" || worker === undefined) return;
    const cause = serializeThrowable(new SluiceException("RESOURCE_MANAGER", "the job needs no slots any more"));
    this.#services.ask(
      this.#services.taskExecutor(worker.address).freeSlot(slot.allocationId, cause),
      () => undefined,
      () => {
        this.#services.retryLater();
        return undefined;
      },
    );
  }

  #requestPending(resourceId: ResourceID, job: RegisteredJob): void {
    const worker = this.#services.workers.get(resourceId);
    if (worker?.phase !== "registered") return;
    for (const [slotIndex, slot] of worker.slots.entries()) {
      if (slot.state === "PENDING" && !this.#inFlight.has(slot.allocationId))
        this.#request(worker, { slotIndex, slot }, job);
    }
  }

  #request(
    worker: Worker,
    { slotIndex, slot }: { readonly slotIndex: number; readonly slot: Exclude<WorkerSlot, { readonly state: "FREE" }> },
    job: RegisteredJob,
  ): void {
    const { allocationId, jobMasterId } = slot;
    const ref: SlotRef = { resourceId: worker.resourceId, slotIndex };
    const isCurrent = (): boolean => {
      const current = this.#slotAt(ref);
      return (
        current.state === "PENDING" && current.allocationId === allocationId && current.jobMasterId === jobMasterId
      );
    };
    this.#inFlight.add(allocationId);
    this.#services.ask(
      this.#services.taskExecutor(worker.address).requestSlot({
        slotIndex,
        jobId: job.jobId,
        allocationId,
        profile: SLOT_PROFILE,
        jobMasterAddress: job.jobMasterAddress,
        jobMasterId,
        resourceManagerId: this.#services.resourceManagerId,
      }),
      () => {
        if (!isCurrent()) return undefined;
        this.#inFlight.delete(allocationId);
        this.#putSlot(ref, { ...slot, state: "ALLOCATED" });
        return undefined;
      },
      (error) => {
        if (!isCurrent()) return undefined;
        this.#inFlight.delete(allocationId);
        this.#services.log.info("slot request failed", { ...ref, error: error.message });
        // Whether an undelivered request was carried out is unknown: it is repeated as it is. A refused one was not (SCH-30).
        if (!isUndelivered(error)) this.#putSlot(ref, FREE_SLOT);
        this.#services.retryLater();
        return undefined;
      },
    );
  }

  #createWorker(jobId: JobID): void {
    const { jobs, workers, cluster, clock } = this.#services;
    const job = jobs.get(jobId);
    if (job === undefined) return;
    jobs.put({ ...job, nextWorkerIndex: job.nextWorkerIndex + 1 });
    const resourceId = taskExecutorResourceId(jobId, job.nextWorkerIndex);
    const worker: Worker = {
      resourceId,
      address: taskExecutorAddress(cluster, resourceId),
      jobId,
      phase: "starting",
      draining: false,
      slots: Array.from({ length: SLOTS_PER_TASK_EXECUTOR }, () => FREE_SLOT),
      startedMillis: clock.now(),
    };
    workers.put(worker);
    this.#sendStart(worker);
  }

  #sendStart(worker: Worker): void {
    const { resourceManagerId, address, jobs } = this.#services;
    const module = jobs.get(worker.jobId)?.module;
    this.#once(worker, (gateway) =>
      gateway.startTaskExecutor({
        jobId: worker.jobId,
        resourceManagerAddress: address,
        resourceManagerId,
        slots: worker.slots.length,
        ...(module === undefined ? {} : { module }),
      }),
    );
  }

  /** @param worker in phase `releasing`. */
  #sendRelease(worker: Worker): void {
    const { workers, resourceManagerId } = this.#services;
    this.#once(
      worker,
      (gateway) => gateway.releaseTaskExecutor(resourceManagerId),
      () => {
        workers.remove(worker.resourceId);
        this.#services.onReleased();
      },
    );
  }

  /** Sends unless the same request is under way; a failure is tried again with the next tick. */
  #once(worker: Worker, send: (gateway: TaskExecutorGateway) => Promise<unknown>, onSuccess?: () => void): void {
    const key = `${worker.phase === "releasing" ? "release" : "start"} ${worker.resourceId}`;
    if (this.#inFlight.has(key)) return;
    this.#inFlight.add(key);
    this.#services.ask(
      send(this.#services.taskExecutor(worker.address)),
      () => {
        this.#inFlight.delete(key);
        onSuccess?.();
        return undefined;
      },
      (error) => {
        this.#inFlight.delete(key);
        this.#services.log.info("worker did not answer", { request: key, error: error.message });
        this.#services.retryLater();
        return undefined;
      },
    );
  }
}
