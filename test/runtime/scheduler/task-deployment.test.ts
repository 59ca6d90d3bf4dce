import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { descriptorsOf } from "../../../src/runtime/messages/task-deployment-batch.ts";
import type { TaskDeploymentDescriptor } from "../../../src/runtime/messages/task-deployment-descriptor.ts";
import { createTaskDeployments } from "../../../src/runtime/scheduler/task-deployment.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "./scheduler-probe.ts";

function deployed(ship: "HASH" | "FORWARD" | "REBALANCE" | "BROADCAST"): SchedulerProbe {
  const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 3 }, { parallelism: 3, ship }]));
  probe.start();
  probe.fulfilSlots();
  return probe;
}

type RestoreOf = Parameters<typeof createTaskDeployments>[2];

/** What the TaskExecutors make of it, in the order of the subtasks. */
function descriptors(
  { graph }: SchedulerProbe,
  attemptIds: readonly ExecutionAttemptID[],
  restoreOf: RestoreOf = () => undefined,
): readonly TaskDeploymentDescriptor[] {
  const all = [...createTaskDeployments(graph, attemptIds, restoreOf)].flatMap(({ location, batch }) =>
    descriptorsOf(structuredClone(batch), location),
  );
  return attemptIds.flatMap((attemptId) => all.find((descriptor) => descriptor.attemptId === attemptId) ?? []);
}

describe("task deployment descriptors", () => {
  it.each(["HASH", "REBALANCE", "BROADCAST"] as const)("%s: every subtask knows all its peers, in order", (ship) => {
    const probe = deployed(ship);
    const all = descriptors(probe, probe.attempts);
    const producers = probe.attempts.slice(0, 3);
    const consumers = probe.attempts.slice(3);
    for (const descriptor of all.slice(0, 3)) {
      expect(descriptor.inputGates).toEqual([]);
      expect(descriptor.resultPartitions[0]?.consumers.map(({ attemptId }) => attemptId)).toEqual(consumers);
    }
    for (const descriptor of all.slice(3)) {
      expect(descriptor.resultPartitions).toEqual([]);
      expect(descriptor.inputGates[0]?.producers.map(({ attemptId }) => attemptId)).toEqual(producers);
    }
    expect(all[3]?.inputGates[0]?.producers.map(({ taskExecutor }) => taskExecutor)).toEqual(["te-0", "te-0", "te-1"]);
  });

  it("FORWARD: only the peer of the same index, in the same slot", () => {
    const probe = deployed("FORWARD");
    const all = descriptors(probe, probe.attempts);
    for (const index of [0, 1, 2]) {
      const [producer, consumer] = [all[index], all[3 + index]];
      const location = probe.graph.executions()[index]?.slot?.location;
      expect(producer?.resultPartitions[0]?.consumers).toEqual([
        { attemptId: consumer?.attemptId, subtaskIndex: index, taskExecutor: location },
      ]);
      expect(consumer?.inputGates[0]?.producers).toEqual([
        { attemptId: producer?.attemptId, subtaskIndex: index, taskExecutor: location },
      ]);
      expect(consumer?.allocationId).toBe(producer?.allocationId);
    }
  });

  it("one batch per TaskExecutor, its tasks in topological order (SCH-03)", () => {
    const probe = deployed("HASH");
    const batches = [...createTaskDeployments(probe.graph, probe.attempts, () => undefined)];
    expect(batches.map(({ location, batch }) => [location, batch.tasks.map(({ attemptId }) => attemptId)])).toEqual([
      ["te-0", [0, 1, 3, 4].map((index) => probe.attempt(index))],
      ["te-1", [2, 5].map((index) => probe.attempt(index))],
    ]);
  });

  it("bytes: neighbours on one TaskExecutor are one range, however many they are", () => {
    const bytesOf = (parallelism: number): number => {
      const probe = new SchedulerProbe(testingJobGraph([{ parallelism }, { parallelism }]));
      probe.start();
      const slotOf = (index: number) => ({
        allocationId: brandId<AllocationID>(`slot-${index}`),
        location: brandId<ResourceID>(index < parallelism / 2 ? "te-0" : "te-1"),
      });
      const slots = Array.from({ length: parallelism }, (_, index) => slotOf(index));
      probe.handle({ kind: "slots-fulfilled", slotRequestId: 1, slots });
      return JSON.stringify(
        Array.from(
          createTaskDeployments(probe.graph, probe.attempts, () => undefined),
          ({ batch }) => batch,
        ),
      ).length;
    };
    const [narrow, wide, wider] = [bytesOf(16), bytesOf(116), bytesOf(1_016)];
    // The same for each further subtask.
    expect((wider - wide) / (wide - narrow)).toBeCloseTo(9, 0);
  });

  it("lists of peers are shared, so that descriptors are linear in the subtasks", () => {
    const { graph, attempts } = deployed("HASH");
    const [deployment] = createTaskDeployments(graph, attempts, () => undefined);
    if (deployment === undefined) throw new Error("nothing was deployed");
    const [first, second] = descriptorsOf(deployment.batch, deployment.location);
    expect(first?.resultPartitions[0]?.consumers).toHaveLength(3);
    expect(first?.resultPartitions[0]?.consumers).toBe(second?.resultPartitions[0]?.consumers);
  });

  it("FO-01: of a region alone, whatever the others are doing", () => {
    const probe = deployed("FORWARD");
    const region = [probe.attempt(1), probe.attempt(4)];
    const others = probe.attempts.filter((attemptId) => !region.includes(attemptId));
    probe.graph.apply({ kind: "slots-assigned", attemptIds: others, slots: [] });
    const ofRegion = [...createTaskDeployments(probe.graph, region, () => undefined)];
    expect(ofRegion.flatMap(({ batch }) => batch.tasks.map(({ attemptId }) => attemptId))).toEqual(region);
    expect(descriptors(probe, region)[0]?.resultPartitions[0]?.consumers[0]?.attemptId).toBe(region[1]);
  });

  it("carry what the attempt starts from", () => {
    const probe = deployed("HASH");
    const restore = { checkpointId: 9, state: [{ kind: "object", key: "state/x", size: 3 }] } as const;
    const [first, second] = descriptors(probe, probe.attempts, ({ subtaskIndex }) =>
      subtaskIndex === 0 ? restore : undefined,
    );
    expect(first).toMatchObject({ restore, attemptNumber: 0, allocationId: "slot-0", taskName: "v0" });
    expect(second).not.toHaveProperty("restore");
  });
});
