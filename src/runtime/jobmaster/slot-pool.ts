import type { AllocationID, ResourceID } from "../../common/ids.ts";
import type { AssignedSlot, SlotAssignment } from "../executiongraph/execution.ts";
import type { SlotOffer } from "../messages/slots.ts";

interface PooledSlot extends AssignedSlot {
  readonly slotIndex: number;
}

/** The slots a JobMaster holds (Flink `DeclarativeSlotPool`). Plain bookkeeping: no calls, no timers. */
export class SlotPool {
  /** Slots the job needs. */
  readonly required: number;
  readonly #slots = new Map<AllocationID, PooledSlot>();
  /** A report for every TaskExecutor must not look at every slot. */
  readonly #byLocation = new Map<ResourceID, Set<AllocationID>>();

  constructor(required: number) {
    this.required = required;
  }

  get size(): number {
    return this.#slots.size;
  }

  /**
   * Takes the offers that are needed (SCH-20), or all of them while the job restarts (SCH-21). What is held already is
   * accepted again.
   */
  offer(location: ResourceID, offers: readonly SlotOffer[], takeAll: boolean): readonly SlotOffer[] {
    return offers.filter(({ allocationId, slotIndex }) => {
      const held = this.#slots.get(allocationId);
      if (held !== undefined) return held.location === location;
      if (!takeAll && this.#slots.size >= this.required) return false;
      this.#slots.set(allocationId, { allocationId, location, slotIndex });
      const here = this.#byLocation.get(location) ?? new Set();
      this.#byLocation.set(location, here.add(allocationId));
      return true;
    });
  }

  /**
   * Slots for subtasks by index: the one that others of the same index run in, else a free one, neighbours on one
   * TaskExecutor next to each other and in the same order each time, so that a restart on the same slots puts every
   * subtask where it was. `undefined` while there are too few.
   *
   * @param occupied slots in use; one that is not held any more is not counted on.
   * @returns `excess`: free slots beyond what the job requires.
   */
  allocate(
    occupied: SlotAssignment,
    subtasks: ReadonlySet<number>,
  ): { readonly slots: SlotAssignment; readonly excess: readonly AssignedSlot[] } | undefined {
    const inUse = new Set([...occupied.values()].map(({ allocationId }) => allocationId));
    const free = [...this.#slots.values()]
      .filter(({ allocationId }) => !inUse.has(allocationId))
      .sort((left, right) => compareText(left.location, right.location) || left.slotIndex - right.slotIndex);
    const slots = new Map<number, AssignedSlot>();
    let taken = 0;
    for (const subtask of [...subtasks].sort((left, right) => left - right)) {
      const shared = occupied.get(subtask);
      if (shared !== undefined && this.#slots.has(shared.allocationId)) {
        slots.set(subtask, shared);
        continue;
      }
      const slot = free[taken];
      if (slot === undefined) return undefined;
      slots.set(subtask, { allocationId: slot.allocationId, location: slot.location });
      taken += 1;
    }
    const excess = Math.min(free.length - taken, Math.max(0, this.size - this.required));
    return { slots, excess: excess === 0 ? [] : free.slice(-excess) };
  }

  holds(location: ResourceID, allocationId: AllocationID): boolean {
    return this.#slots.get(allocationId)?.location === location;
  }

  /** @returns whether it was held, by this TaskExecutor. */
  remove(location: ResourceID, allocationId: AllocationID): boolean {
    if (this.#slots.get(allocationId)?.location !== location) return false;
    this.#byLocation.get(location)?.delete(allocationId);
    return this.#slots.delete(allocationId);
  }

  /** @returns the allocations that were held there. */
  removeLocation(location: ResourceID): ReadonlySet<AllocationID> {
    const removed = new Set(this.allocationsOf(location));
    for (const allocationId of removed) this.#slots.delete(allocationId);
    this.#byLocation.delete(location);
    return removed;
  }

  allocationsOf(location: ResourceID): readonly AllocationID[] {
    return [...(this.#byLocation.get(location) ?? [])];
  }
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
