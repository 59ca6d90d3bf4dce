import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import type { AllocationID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import { taskExecutorResourceId } from "../../../src/runtime/object-name.ts";
import { planAllocation } from "../../../src/runtime/resourcemanager/slot-allocation.ts";
import type { Worker, WorkerSlot } from "../../../src/runtime/resourcemanager/worker-inventory.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const { jobId } = testingJobGraph();
const epoch = (number: number): JobMasterId => number as Epoch as JobMasterId;
const FREE: WorkerSlot = { state: "FREE" };

function held(change: Partial<Exclude<WorkerSlot, { readonly state: "FREE" }>> = {}): WorkerSlot {
  const allocationId = brandId<AllocationID>("a".repeat(32));
  return { state: "ALLOCATED", allocationId, jobMasterId: epoch(1), replaced: false, active: true, ...change };
}

function worker(index: number, slots: readonly WorkerSlot[], change: Partial<Worker> = {}): Worker {
  const resourceId = taskExecutorResourceId(jobId, index);
  return {
    resourceId,
    address: resourceId,
    jobId,
    phase: "registered",
    draining: false,
    slots,
    startedMillis: 0,
    ...change,
  };
}

const plan = (requiredSlots: number, workers: readonly Worker[], newWorkers = 100) => {
  const { renew, allocate, reclaim, ...rest } = planAllocation({ requiredSlots, jobMasterId: epoch(1) }, workers, {
    newWorkers,
  });
  const names = (refs: typeof allocate): readonly string[] =>
    refs.map(({ resourceId, slotIndex }) => `${resourceId.slice(-1)}.${slotIndex}`);
  return { renew: names(renew), allocate: names(allocate), reclaim: names(reclaim), ...rest };
};

describe("planAllocation (SCH-26)", () => {
  it("starts as many workers as the need takes", () => {
    expect(plan(1, [])).toMatchObject({ newWorkers: 1, unfulfilled: 0 });
    expect(plan(4, [])).toMatchObject({ newWorkers: 2, allocate: [] });
    expect(plan(5, [])).toMatchObject({ newWorkers: 3 });
    expect(plan(0, [])).toMatchObject({ newWorkers: 0 });
  });

  it("takes free slots of registered workers first, then counts on workers that are on their way", () => {
    const workers = [worker(0, [held(), FREE]), worker(1, [FREE, FREE], { phase: "starting" })];
    expect(plan(2, workers)).toMatchObject({ allocate: ["0.1"], newWorkers: 0 });
    expect(plan(4, workers)).toMatchObject({ allocate: ["0.1"], newWorkers: 0 });
    expect(plan(5, workers)).toMatchObject({ allocate: ["0.1"], newWorkers: 1 });
  });

  it("is the same whatever is asked again: what was given is not given twice", () => {
    const workers = [worker(0, [held({ state: "PENDING" }), held()]), worker(1, [FREE, FREE])];
    expect(plan(2, workers)).toMatchObject({ allocate: [], newWorkers: 0, acquired: 2 });
  });

  it("does not count slots that are given up, nor give out what is left of a draining or releasing worker", () => {
    const workers = [
      worker(0, [held({ replaced: true }), FREE], { draining: true }),
      worker(1, [FREE, FREE], { phase: "releasing", draining: true }),
    ];
    expect(plan(1, workers)).toMatchObject({ allocate: [], newWorkers: 1, acquired: 0 });
  });

  it("requests slots again that are held under an older JobMaster", () => {
    expect(plan(2, [worker(0, [held({ jobMasterId: epoch(0) }), held()])])).toMatchObject({
      renew: ["0.0"],
      newWorkers: 0,
    });
  });

  it("says what a quota withholds", () => {
    expect(plan(6, [], 2)).toMatchObject({ newWorkers: 2, unfulfilled: 2, acquired: 0 });
  });

  it("SCH-41 reclaims what a job without a need has not taken", () => {
    const slots = [held({ active: false }), held({ active: true })];
    expect(plan(0, [worker(0, slots)])).toMatchObject({ reclaim: ["0.0"], newWorkers: 0 });
  });
});
