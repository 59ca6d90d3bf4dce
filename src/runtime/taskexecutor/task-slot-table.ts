import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, JobID } from "../../common/ids.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { SlotRequest } from "../messages/slot-request.ts";
import type { ResourceProfile, SlotOffer, SlotReport } from "../messages/slots.ts";
import { storedValue } from "../stored-value.ts";

/** A slot that is given to an allocation. */
export interface TaskSlot {
  readonly slotIndex: number;
  readonly allocationId: AllocationID;
  readonly jobId: JobID;
  readonly profile: ResourceProfile;
  readonly state: "ALLOCATED" | "ACTIVE" | "RELEASING";
}

const SLOT_PREFIX = "slot/";
const SLOT = storedValue<TaskSlot>();

/**
 * The slots of one TaskExecutor, each change stored in the turn that makes it (Flink `TaskSlotTable`; contract:
 * runtime-semantics 1.3). A slot that is not in the table is free.
 *
 * ```
 * (free) -> ALLOCATED <-> ACTIVE -> RELEASING -> (free)
 *               +------------------^
 * ```
 */
export class TaskSlotTable {
  readonly #storage: EndpointStorage;
  readonly #numberOfSlots: number;
  readonly #slots = new Map<AllocationID, TaskSlot>();

  /** Loads what is stored; nothing runs yet, so what was RELEASING is free, and what was ACTIVE is ALLOCATED again. */
  constructor(storage: EndpointStorage, numberOfSlots: number) {
    this.#storage = storage;
    this.#numberOfSlots = numberOfSlots;
    for (const [, slot] of storage.list(SLOT_PREFIX, SLOT)) {
      if (slot.state === "RELEASING") storage.delete(keyOf(slot.slotIndex));
      else this.#put({ ...slot, state: "ALLOCATED" });
    }
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0;
  }

  slots(): readonly TaskSlot[] {
    return [...this.#slots.values()];
  }

  get(allocationId: AllocationID): TaskSlot | undefined {
    return this.#slots.get(allocationId);
  }

  /**
   * Gives a free slot to an allocation; the same allocation again is fine if job, slot and profile are the same (SCH-29).
   *
   * @throws SluiceException SLOT_OCCUPIED, or TASK_MANAGER for a request that does not fit.
   */
  allocate(request: SlotRequest): TaskSlot {
    const known = this.#slots.get(request.allocationId);
    if (known !== undefined) {
      if (isSame(known, request)) return known;
      throw new SluiceException(
        "TASK_MANAGER",
        `allocation ${request.allocationId}: requested before with other terms`,
      );
    }
    if (!Number.isInteger(request.slotIndex) || request.slotIndex < 0 || request.slotIndex >= this.#numberOfSlots) {
      throw new SluiceException(
        "TASK_MANAGER",
        `slotIndex: expected an integer from 0 to ${this.#numberOfSlots - 1}, got ${request.slotIndex}`,
      );
    }
    const owner = this.slots().find(({ slotIndex }) => slotIndex === request.slotIndex);
    if (owner !== undefined) {
      throw new SluiceException("SLOT_OCCUPIED", `slot ${owner.slotIndex} is held by allocation ${owner.allocationId}`);
    }
    const { slotIndex, allocationId, jobId, profile } = request;
    return this.#put({ slotIndex, allocationId, jobId, profile, state: "ALLOCATED" });
  }

  /** @returns whether the slot is ACTIVE now: false if it is unknown or being released. */
  markActive(allocationId: AllocationID): boolean {
    return this.#change(allocationId, "ACTIVE", (state) => state !== "RELEASING");
  }

  /** @returns whether the slot is ALLOCATED now. */
  markInactive(allocationId: AllocationID): boolean {
    return this.#change(allocationId, "ALLOCATED", (state) => state !== "RELEASING");
  }

  /** The slot waits for its tasks to end (SCH-35). */
  markReleasing(allocationId: AllocationID): boolean {
    return this.#change(allocationId, "RELEASING", () => true);
  }

  /** @returns the slot that was freed. */
  free(allocationId: AllocationID): TaskSlot | undefined {
    const slot = this.#slots.get(allocationId);
    if (slot === undefined) return undefined;
    this.#storage.delete(keyOf(slot.slotIndex));
    this.#slots.delete(allocationId);
    return slot;
  }

  /** What to offer to the JobMaster: slots that it has not taken yet. */
  offers(): readonly SlotOffer[] {
    return this.slots()
      .filter(({ state }) => state === "ALLOCATED")
      .map(({ allocationId, slotIndex, profile }) => ({ allocationId, slotIndex, profile }));
  }

  createSlotReport(): SlotReport {
    const byIndex = new Map(this.slots().map((slot) => [slot.slotIndex, slot]));
    return {
      slots: Array.from({ length: this.#numberOfSlots }, (_, slotIndex) => {
        const slot = byIndex.get(slotIndex);
        if (slot === undefined) return { slotIndex, state: "FREE" };
        return { slotIndex, state: slot.state, allocationId: slot.allocationId, jobId: slot.jobId };
      }),
    };
  }

  #change(
    allocationId: AllocationID,
    state: TaskSlot["state"],
    allowed: (from: TaskSlot["state"]) => boolean,
  ): boolean {
    const slot = this.#slots.get(allocationId);
    if (slot === undefined || !allowed(slot.state)) return false;
    if (slot.state !== state) this.#put({ ...slot, state });
    return true;
  }

  #put(slot: TaskSlot): TaskSlot {
    this.#storage.put(keyOf(slot.slotIndex), slot);
    this.#slots.set(slot.allocationId, slot);
    return slot;
  }
}

function keyOf(slotIndex: number): string {
  return `${SLOT_PREFIX}${slotIndex}`;
}

function isSame(slot: TaskSlot, request: SlotRequest): boolean {
  return (
    slot.slotIndex === request.slotIndex &&
    slot.jobId === request.jobId &&
    slot.profile.cpuCores === request.profile.cpuCores &&
    slot.profile.memoryMegabytes === request.profile.memoryMegabytes
  );
}
