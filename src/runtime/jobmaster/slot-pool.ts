import type { AllocationID, ResourceID } from "../../common/ids.ts";
import type { AssignedSlot, SlotAssignment } from "../executiongraph/execution.ts";
import { TaskExecutorTable } from "../executiongraph/task-executor-table.ts";
import type { SlotOffer } from "../messages/slots.ts";

interface PooledSlot extends AssignedSlot {
  readonly slotIndex: number;
}

/** The slots a JobMaster holds (Flink `DeclarativeSlotPool`). Plain bookkeeping: no calls, no timers. */
export class SlotPool {
  /** Slots the job needs. */
  readonly required: number;
  /** By TaskExecutor, each's in order: a report for one must not look at the slots of all. */
  readonly #slots = new TaskExecutorTable<PooledSlot[]>();
  #size = 0;

  constructor(required: number) {
    this.required = required;
  }

  get size(): number {
    return this.#size;
  }

  /** TaskExecutors that it holds slots of. */
  get locations(): readonly ResourceID[] {
    return this.#slots.keys();
  }

  /**
   * Takes the offers that are needed (SCH-20), or all of them while the job restarts (SCH-21). What is held already is
   * accepted again.
   */
  offer(location: ResourceID, offers: readonly SlotOffer[], takeAll: boolean): readonly SlotOffer[] {
    const here = this.#slots.get(location) ?? [];
    const held = here.slice();
    const accepted = offers.filter(({ allocationId, slotIndex }) => {
      if (held.some((slot) => slot.allocationId === allocationId)) return true;
      if (!takeAll && this.#size >= this.required) return false;
      held.push({ allocationId, location, slotIndex });
      this.#size += 1;
      return true;
    });
    if (held.length > here.length) {
      // Without the room that a list that grew has: there are as many of them as TaskExecutors.
      this.#slots.set(location, held.sort((left, right) => left.slotIndex - right.slotIndex).slice());
    }
    return accepted;
  }

  /**
   * Slots for subtasks by index: the one that others of the same index run in, else a free one, neighbours on one
   * TaskExecutor next to each other and in the same order each time, so that a restart on the same slots puts every
   * subtask where it was. `undefined` while there are too few.
   *
   * @param occupied slots in use; one that is not held any more is not counted on.
   * @param subtasks ascending.
   * @returns `excess`: free slots beyond what the job requires.
   */
  allocate(
    occupied: SlotAssignment,
    subtasks: readonly number[],
  ): { readonly slots: SlotAssignment; readonly excess: readonly AssignedSlot[] } | undefined {
    const free = this.#freeSlots(occupied);
    const slots: AssignedSlot[] = [];
    let taken = 0;
    for (const subtask of subtasks) {
      const shared = occupied[subtask];
      if (shared !== undefined && this.holds(shared.location, shared.allocationId)) {
        slots[subtask] = shared;
        continue;
      }
      const slot = free[taken];
      if (slot === undefined) return undefined;
      slots[subtask] = slot;
      taken += 1;
    }
    const excess = Math.min(free.length - taken, Math.max(0, this.size - this.required));
    return { slots, excess: excess === 0 ? [] : free.slice(-excess) };
  }

  holds(location: ResourceID, allocationId: AllocationID): boolean {
    return this.#slots.get(location)?.some((held) => held.allocationId === allocationId) ?? false;
  }

  /** @returns whether it was held, by this TaskExecutor. */
  remove(location: ResourceID, allocationId: AllocationID): boolean {
    const here = this.#slots.get(location) ?? [];
    const index = here.findIndex((held) => held.allocationId === allocationId);
    if (index === -1) return false;
    here.splice(index, 1);
    this.#size -= 1;
    if (here.length === 0) this.#slots.delete(location);
    return true;
  }

  /** @returns the allocations that were held there. */
  removeLocation(location: ResourceID): ReadonlySet<AllocationID> {
    const removed = new Set(this.allocationsOf(location));
    this.#size -= removed.size;
    this.#slots.delete(location);
    return removed;
  }

  allocationsOf(location: ResourceID): readonly AllocationID[] {
    return this.#slots.get(location)?.map(({ allocationId }) => allocationId) ?? [];
  }

  #freeSlots(occupied: SlotAssignment): readonly PooledSlot[] {
    const inUse = new Set<AllocationID>();
    for (const slot of occupied) if (slot !== undefined) inUse.add(slot.allocationId);
    const free: PooledSlot[] = [];
    for (const location of this.#slots.keys()) {
      for (const slot of this.#slots.get(location) ?? []) if (!inUse.has(slot.allocationId)) free.push(slot);
    }
    return free;
  }
}
