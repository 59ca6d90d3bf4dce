import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { SlotPool } from "../../../src/runtime/jobmaster/slot-pool.ts";
import { TaskReconciliation } from "../../../src/runtime/jobmaster/task-reconciliation.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";
import type { RunningTask } from "../../../src/runtime/messages/running-task.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";

const TE = brandId<ResourceID>("te-0");

/** Two regions, {0, 2} and {1, 3}, deployed as attempts number 4 and 2; slot i for subtask i, all held. */
function fixture(): {
  readonly reconciliation: TaskReconciliation;
  readonly pool: SlotPool;
  readonly task: (index: number, change?: Partial<RunningTask>) => RunningTask;
  readonly adopted: () => readonly string[];
} {
  const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }, { parallelism: 2, ship: "FORWARD" }]));
  probe.start();
  const reconciliation = new TaskReconciliation([4, 2]);
  const pool = new SlotPool(2);
  const profile = { cpuCores: 1, memoryMegabytes: 1 };
  const slots = [0, 1].map((slotIndex) => ({ allocationId: slot(slotIndex), slotIndex, profile }));
  pool.offer(TE, slots, true);
  const executions = [...probe.graph.executions()];
  return {
    reconciliation,
    pool,
    task: (index, change) => {
      const execution = executions[index];
      if (execution === undefined) throw new RangeError(`no subtask ${index}`);
      return {
        attemptId: old(index),
        attemptNumber: index % 2 === 0 ? 4 : 2,
        jobVertexId: execution.vertex.id,
        subtaskIndex: execution.subtaskIndex,
        allocationId: slot(execution.subtaskIndex),
        endOfData: false,
        ...change,
      };
    },
    adopted: () => reconciliation.adoptable(probe.scheduler.state, pool).map(({ attemptId }) => attemptId),
  };
}

/** An attempt of the earlier life, of the subtask of this number. */
function old(place: number): ExecutionAttemptID {
  return attemptIdOf(brandId<AttemptBatch>("e".repeat(24)), place);
}

function slot(index: number): AllocationID {
  return brandId<AllocationID>(`slot-${index}`);
}

describe("TaskReconciliation", () => {
  it("lets a region go on when all its tasks are found, whatever becomes of the others", () => {
    const { reconciliation, task, adopted } = fixture();
    reconciliation.report(TE, [task(0), task(1)]);
    expect(adopted()).toEqual([]);
    reconciliation.report(TE, [task(2)]);
    expect(adopted()).toEqual([old(0), old(2)]);
    reconciliation.report(TE, [task(3)]);
    expect(adopted()).toEqual([old(0), old(2), old(1), old(3)]);
  });

  it("not tasks that were superseded, though nobody told them", () => {
    const { reconciliation, task, adopted } = fixture();
    reconciliation.report(TE, [task(0, { attemptNumber: 3 }), task(2, { attemptNumber: 3 }), task(1), task(3)]);
    expect(adopted()).toEqual([old(1), old(3)]);
  });

  it("not tasks in slots that the job does not hold", () => {
    const { reconciliation, pool, task, adopted } = fixture();
    reconciliation.report(TE, [task(0), task(1), task(2), task(3)]);
    pool.remove(TE, slot(1));
    expect(adopted()).toEqual([old(0), old(2)]);
    reconciliation.report(brandId<ResourceID>("te-9"), [task(0)]);
    expect(adopted()).toEqual([]);
  });

  it("not tasks of a TaskExecutor that is gone", () => {
    const { reconciliation, task, adopted } = fixture();
    reconciliation.report(TE, [task(0), task(2)]);
    reconciliation.forget(TE);
    expect(adopted()).toEqual([]);
    expect(reconciliation.all()).toEqual([]);
  });

  it("not tasks that are in no place of the job", () => {
    const { reconciliation, task, adopted } = fixture();
    reconciliation.report(TE, [task(0), task(2, { attemptId: old(7) })]);
    expect(adopted()).toEqual([]);
  });
});
