import { expect, it } from "vitest";
import { brandId, type InstanceID, type ResourceID } from "../../../src/common/ids.ts";
import { silentLogger } from "../../../src/common/log.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import { TaskManagerTracker, type RegisteredTaskManager } from "../../../src/runtime/jobmaster/task-manager-tracker.ts";
import { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { manualMainThread } from "../../../src/testing/manual-main-thread.ts";
import { testingGateway } from "../../../src/testing/testing-gateway.ts";
import { countingIds, TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";

function instance(incarnation: number): RegisteredTaskManager {
  const resourceId = brandId<ResourceID>("te-0");
  const instanceId = brandId<InstanceID>(`instance-${incarnation}`);
  const registration = { resourceId, address: "te-0", instanceId, jobId: TESTING_JOB_ID, slots: 2 };
  return { registration, incarnation, gateway: testingGateway(TaskExecutorGateway) };
}

it("C6: a registration that comes late of a superseded instance does not replace the one of a later instance", () => {
  const clock = new ManualClock();
  const tracker = new TaskManagerTracker(
    {
      address: "job-master",
      // An epoch that the endpoint itself would give.
      jobMasterId: 1 as Epoch as JobMasterId,
      clock,
      random: { next: () => 0 },
      ids: countingIds(),
      log: silentLogger,
      executor: manualMainThread(clock),
      whenSettled: () => undefined,
    },
    {
      onTaskManagerLost: () => undefined,
      onPayload: () => undefined,
      slotReport: () => ({ allocations: [] }),
    },
  );
  expect(tracker.isSuperseded(instance(2))).toBe(false);
  tracker.add(instance(2));
  expect(tracker.isSuperseded(instance(1))).toBe(true);
  expect(tracker.isSuperseded(instance(3))).toBe(false);
  tracker.remove(instance(2).registration.resourceId);
  expect(tracker.isSuperseded(instance(1))).toBe(false);
  tracker.stop();
});
