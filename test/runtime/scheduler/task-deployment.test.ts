import { describe, expect, it } from "vitest";
import { createTaskDeployments } from "../../../src/runtime/scheduler/task-deployment.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "./scheduler-probe.ts";

function deployed(ship: "HASH" | "FORWARD" | "REBALANCE" | "BROADCAST"): SchedulerProbe {
  const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 3 }, { parallelism: 3, ship }]));
  probe.start();
  probe.fulfilSlots();
  return probe;
}

describe("task deployment descriptors", () => {
  it.each(["HASH", "REBALANCE", "BROADCAST"] as const)("%s: every subtask knows all its peers, in order", (ship) => {
    const probe = deployed(ship);
    const descriptors = createTaskDeployments(probe.graph, probe.attempts, () => undefined).map(
      ({ descriptor }) => descriptor,
    );
    const producers = probe.attempts.slice(0, 3);
    const consumers = probe.attempts.slice(3);
    for (const descriptor of descriptors.slice(0, 3)) {
      expect(descriptor.inputGates).toEqual([]);
      expect(descriptor.resultPartitions[0]?.consumers.map(({ attemptId }) => attemptId)).toEqual(consumers);
    }
    for (const descriptor of descriptors.slice(3)) {
      expect(descriptor.resultPartitions).toEqual([]);
      expect(descriptor.inputGates[0]?.producers.map(({ attemptId }) => attemptId)).toEqual(producers);
    }
    expect(descriptors[3]?.inputGates[0]?.producers.map(({ taskExecutor }) => taskExecutor)).toEqual([
      "te-0",
      "te-0",
      "te-1",
    ]);
  });

  it("FORWARD: only the peer of the same index, in the same slot", () => {
    const probe = deployed("FORWARD");
    const deployments = createTaskDeployments(probe.graph, probe.attempts, () => undefined);
    for (const index of [0, 1, 2]) {
      const producer = deployments[index];
      const consumer = deployments[3 + index];
      expect(producer?.descriptor.resultPartitions[0]?.consumers).toEqual([
        { attemptId: consumer?.execution.attemptId, subtaskIndex: index, taskExecutor: producer?.slot.location },
      ]);
      expect(consumer?.slot).toEqual(producer?.slot);
    }
  });

  it("lists of peers are shared, so that building is linear in the subtasks", () => {
    const { graph, attempts } = deployed("HASH");
    const [first, second] = createTaskDeployments(graph, attempts, () => undefined);
    expect(first?.descriptor.resultPartitions[0]?.consumers).toBe(second?.descriptor.resultPartitions[0]?.consumers);
  });

  it("FO-01: of a region alone, whatever the others are doing", () => {
    const probe = deployed("FORWARD");
    const region = [probe.attempt(1), probe.attempt(4)];
    const others = probe.attempts.filter((attemptId) => !region.includes(attemptId));
    probe.graph.apply({ kind: "slots-assigned", attemptIds: others, slots: new Map() });
    const deployments = createTaskDeployments(probe.graph, region, () => undefined);
    expect(deployments.map(({ execution }) => execution.attemptId)).toEqual(region);
    expect(deployments[0]?.descriptor.resultPartitions[0]?.consumers[0]?.attemptId).toBe(region[1]);
  });

  it("carry what the attempt starts from", () => {
    const probe = deployed("HASH");
    const restore = { checkpointId: 9, state: [{ kind: "object", key: "state/x", size: 3 }] } as const;
    const [first, second] = createTaskDeployments(probe.graph, probe.attempts, ({ subtaskIndex }) =>
      subtaskIndex === 0 ? restore : undefined,
    );
    expect(first?.descriptor).toMatchObject({ restore, attemptNumber: 0, allocationId: "slot-0", taskName: "v0" });
    expect(second?.descriptor).not.toHaveProperty("restore");
  });
});
