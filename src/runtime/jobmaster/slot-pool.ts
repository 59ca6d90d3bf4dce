import type { AllocationID, ResourceID } from "../../common/ids.ts";
import type { AssignedSlot } from "../executiongraph/execution.ts";
import type { SlotOffer } from "../messages/slots.ts";

interface PooledSlot extends AssignedSlot {
  readonly slotIndex: number;
}

/** The slots a JobMaster holds (Flink `DeclarativeSlotPool`). Plain bookkeeping: no calls, no timers. */
export class SlotPool {
  /** Slots the job needs. */
  readonly required: number;
  readonly #slots = new Map<AllocationID, PooledSlot>();

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
      return true;
    });
  }

  /**
   * The required slots, neighbours on one TaskExecutor next to each other and in the same order each time, so that a
   * restart on the same slots puts every subtask where it was; `undefined` while there are too few.
   */
  allocate(): { readonly slots: readonly AssignedSlot[]; readonly excess: readonly AssignedSlot[] } | undefined {
    if (this.#slots.size < this.required) return undefined;
    const ordered = [...this.#slots.values()].sort(
      (left, right) => compareText(left.location, right.location) || left.slotIndex - right.slotIndex,
    );
    return { slots: ordered.slice(0, this.required), excess: ordered.slice(this.required) };
  }

  /** @returns whether it was held, by this TaskExecutor. */
  remove(location: ResourceID, allocationId: AllocationID): boolean {
    if (this.#slots.get(allocationId)?.location !== location) return false;
    return this.#slots.delete(allocationId);
  }

  /** @returns the allocations that were held there. */
  removeLocation(location: ResourceID): ReadonlySet<AllocationID> {
    const removed = new Set(this.allocationsOf(location));
    for (const allocationId of removed) this.#slots.delete(allocationId);
    return removed;
  }

  allocationsOf(location: ResourceID): readonly AllocationID[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.location === location)
      .map(({ allocationId }) => allocationId);
  }
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
