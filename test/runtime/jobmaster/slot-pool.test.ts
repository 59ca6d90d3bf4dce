import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ResourceID } from "../../../src/common/ids.ts";
import { SlotPool } from "../../../src/runtime/jobmaster/slot-pool.ts";

const TE0 = brandId<ResourceID>("te-0");
const TE1 = brandId<ResourceID>("te-1");
const offer = (id: string, slotIndex = 0) => ({
  allocationId: brandId<AllocationID>(id),
  slotIndex,
  profile: { cpuCores: 1, memoryMegabytes: 1 },
});

function named(allocated: ReturnType<SlotPool["allocate"]>): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(allocated?.slots ?? []).map(([subtask, slot]) => [subtask, slot?.allocationId]),
  );
}

describe("SlotPool", () => {
  it("SCH-20: takes what is needed and accepts again what it has", () => {
    const pool = new SlotPool(2);
    expect(pool.offer(TE0, [offer("a"), offer("b", 1), offer("c")], false)).toEqual([offer("a"), offer("b", 1)]);
    expect(pool.offer(TE0, [offer("c"), offer("a")], false)).toEqual([offer("a")]);
    expect(pool.offer(TE1, [offer("a")], false)).toEqual([]);
  });

  it("SCH-21: takes everything while the job restarts, and names what is too much", () => {
    const pool = new SlotPool(1);
    pool.offer(TE1, [offer("b")], true);
    pool.offer(TE0, [offer("a")], true);
    expect(pool.allocate([], [0])).toEqual({
      slots: [{ allocationId: "a", location: TE0, slotIndex: 0 }],
      excess: [{ allocationId: "b", location: TE1, slotIndex: 0 }],
    });
  });

  it("gives the slots in the same order whatever order they came in", () => {
    const pool = new SlotPool(3);
    pool.offer(TE1, [offer("c")], false);
    const subtasks = [0, 1, 2];
    expect(pool.allocate([], subtasks)).toBeUndefined();
    pool.offer(TE0, [offer("b", 1), offer("a", 0)], false);
    expect(named(pool.allocate([], subtasks))).toEqual({ 0: "a", 1: "b", 2: "c" });
  });

  it("SCH-09, SCH-11: subtasks share the slot of their index while others run in it, and take a free one if it is gone", () => {
    const pool = new SlotPool(3);
    pool.offer(TE0, [offer("a", 0), offer("b", 1), offer("c", 2)], false);
    const slot = (id: string) => ({ allocationId: brandId<AllocationID>(id), location: TE0 });
    const occupied = [slot("c"), undefined, slot("gone")];
    expect(named(pool.allocate(occupied, [0, 1, 2]))).toEqual({ 0: "c", 1: "a", 2: "b" });
    expect(named(pool.allocate(occupied, [1]))).toEqual({ 1: "a" });
    pool.remove(TE0, brandId("b"));
    expect(pool.allocate(occupied, [0, 1, 2])).toBeUndefined();
  });

  it("forgets a TaskExecutor with its slots, or one slot if it is there", () => {
    const pool = new SlotPool(3);
    pool.offer(TE0, [offer("a"), offer("b", 1)], false);
    pool.offer(TE1, [offer("c")], false);
    expect(pool.remove(TE1, brandId("a"))).toBe(false);
    expect(pool.remove(TE0, brandId("a"))).toBe(true);
    expect(pool.removeLocation(TE0)).toEqual(new Set(["b"]));
    expect(pool.allocationsOf(TE1)).toEqual(["c"]);
    expect(pool.size).toBe(1);
  });
});
