import type { AllocationID, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import { storedValue } from "../stored-value.ts";

/**
 * A slot as the ResourceManager knows it (contract: runtime-semantics 1.3).
 *
 * ```
 * FREE -> PENDING (requested, counted as acquired) -> ALLOCATED -> FREE
 *            +--------------------------------------------------^
 * ```
 */
export type WorkerSlot =
  | { readonly state: "FREE" }
  | {
      readonly state: "PENDING" | "ALLOCATED";
      readonly allocationId: AllocationID;
      /** The JobMaster it was requested for; a newer one makes it PENDING again under the same allocation. */
      readonly jobMasterId: JobMasterId;
      /** The TaskExecutor is about to give it up, so it counts for nothing (design: `requestSlot`). */
      readonly replaced: boolean;
      /** The job uses it, as of the last slot report. */
      readonly active: boolean;
    };

/**
 * A TaskExecutor that the ResourceManager has called to life.
 *
 * ```
 * starting -> registered -> releasing -> (gone)
 *     +-------------------------^
 * ```
 */
export interface Worker {
  readonly resourceId: ResourceID;
  readonly address: string;
  readonly jobId: JobID;
  readonly phase: "starting" | "registered" | "releasing";
  /** Of its last registration. */
  readonly instanceId?: InstanceID;
  /** Gets no further slot. */
  readonly draining: boolean;
  readonly slots: readonly WorkerSlot[];
  readonly startedMillis: number;
  /** Since when it is registered without any slot in use; absent while one is. */
  readonly idleSinceMillis?: number;
}

const WORKER_PREFIX = "worker/";
const WORKER = storedValue<Worker>();

export const FREE_SLOT: WorkerSlot = { state: "FREE" };

/** All workers of the cluster; every change is stored in the turn that makes it. */
export class WorkerInventory {
  readonly #storage: EndpointStorage;
  readonly #workers = new Map<ResourceID, Worker>();

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
    for (const [, worker] of storage.list(WORKER_PREFIX, WORKER)) this.#workers.set(worker.resourceId, worker);
  }

  get size(): number {
    return this.#workers.size;
  }

  all(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  ofJob(jobId: JobID): readonly Worker[] {
    return this.all().filter((worker) => worker.jobId === jobId);
  }

  get(resourceId: ResourceID): Worker | undefined {
    return this.#workers.get(resourceId);
  }

  findInstance(instanceId: InstanceID): Worker | undefined {
    return this.all().find((worker) => worker.instanceId === instanceId);
  }

  put(worker: Worker): void {
    this.#storage.put(WORKER_PREFIX + worker.resourceId, worker);
    this.#workers.set(worker.resourceId, worker);
  }

  /** Replaces one slot. */
  putSlot(resourceId: ResourceID, slotIndex: number, slot: WorkerSlot): void {
    const worker = this.#workers.get(resourceId);
    if (worker !== undefined) this.put({ ...worker, slots: worker.slots.with(slotIndex, slot) });
  }

  remove(resourceId: ResourceID): void {
    this.#storage.delete(WORKER_PREFIX + resourceId);
    this.#workers.delete(resourceId);
  }
}
