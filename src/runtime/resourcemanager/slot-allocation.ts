import type { ResourceID } from "../../common/ids.ts";
import { SLOTS_PER_TASK_EXECUTOR } from "../jobgraph/job-configuration.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { Worker, WorkerSlot } from "./worker-inventory.ts";

/** What a job needs, as declared by its JobMaster. */
export interface SlotNeed {
  readonly requiredSlots: number;
  readonly jobMasterId: JobMasterId;
}

/** Upper bounds; a need above them stays unfulfilled (design: quotas). */
export interface WorkerQuota {
  /** Workers this job may still be given. */
  readonly newWorkers: number;
}

export interface SlotRef {
  readonly resourceId: ResourceID;
  readonly slotIndex: number;
}

export interface AllocationPlan {
  /** Slots held under an older JobMaster: to be requested again under the same allocation. */
  readonly renew: readonly SlotRef[];
  /** Free slots to be given to the job. */
  readonly allocate: readonly SlotRef[];
  readonly newWorkers: number;
  /** Slots merely allocated of a job that needs none (SCH-41). */
  readonly reclaim: readonly SlotRef[];
  /** Slots that cannot be had. */
  readonly unfulfilled: number;
  /** Slots the job has or was promised. */
  readonly acquired: number;
}

/** Slots that count for the job's need. */
export function countsAsAcquired(slot: WorkerSlot): boolean {
  return slot.state !== "FREE" && !slot.replaced;
}

/**
 * How to meet a job's need with its workers (SCH-26): free slots of registered workers first, then workers that are on their
 * way, then new ones. Pure; linear in the slots of the job's workers.
 */
export function planAllocation(need: SlotNeed, workers: readonly Worker[], quota: WorkerQuota): AllocationPlan {
  const usable = workers.filter(({ phase }) => phase !== "releasing");
  const slots = usable.flatMap((worker) =>
    worker.slots.map((slot, slotIndex) => ({ slot, worker, ref: { resourceId: worker.resourceId, slotIndex } })),
  );
  const held = slots.filter(({ slot }) => countsAsAcquired(slot));
  if (need.requiredSlots === 0) {
    const reclaim = held.filter(({ slot }) => slot.state !== "FREE" && !slot.active).map(({ ref }) => ref);
    return { renew: [], allocate: [], newWorkers: 0, reclaim, unfulfilled: 0, acquired: held.length };
  }
  const renew = held
    .filter(({ slot }) => slot.state !== "FREE" && slot.jobMasterId < need.jobMasterId)
    .map(({ ref }) => ref);
  let missing = Math.max(0, need.requiredSlots - held.length);
  const allocate = slots
    .filter(({ slot, worker }) => slot.state === "FREE" && worker.phase === "registered" && !worker.draining)
    .slice(0, missing)
    .map(({ ref }) => ref);
  missing -= allocate.length;
  const coming = usable.filter(({ phase, draining }) => phase === "starting" && !draining);
  missing = Math.max(0, missing - coming.reduce((sum, worker) => sum + worker.slots.length, 0));
  const newWorkers = Math.min(Math.ceil(missing / SLOTS_PER_TASK_EXECUTOR), quota.newWorkers);
  return {
    renew,
    allocate,
    newWorkers,
    reclaim: [],
    unfulfilled: Math.max(0, missing - newWorkers * SLOTS_PER_TASK_EXECUTOR),
    acquired: held.length + allocate.length,
  };
}
