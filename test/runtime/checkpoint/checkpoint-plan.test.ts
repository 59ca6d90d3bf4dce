import { describe, expect, it } from "vitest";
import { calculateCheckpointPlan } from "../../../src/runtime/checkpoint/checkpoint-plan.ts";
import { testingJobGraph, type TestingVertex } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";

function running(vertices: readonly TestingVertex[]): SchedulerProbe {
  const probe = new SchedulerProbe(testingJobGraph(vertices));
  probe.run();
  return probe;
}

function planOf(probe: SchedulerProbe) {
  const result = calculateCheckpointPlan(probe.graph);
  if (result.kind === "refused") return result.detail;
  return {
    trigger: result.plan.trigger.map((attemptId) => probe.attempts.indexOf(attemptId)),
    waitFor: [...probe.attempts.keys()].filter((index) => result.plan.waitFor.has(probe.attempt(index))),
  };
}

describe("checkpoint plan", () => {
  it("all running: sources are triggered, everyone acknowledges", () => {
    const probe = running([{ parallelism: 2 }, { parallelism: 2 }, { parallelism: 1 }]);
    expect(planOf(probe)).toEqual({ trigger: [0, 1], waitFor: [0, 1, 2, 3, 4] });
  });

  it("CP-07: names the task that does not run", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }]));
    probe.start();
    expect(planOf(probe)).toBe("v0 (1/2) is SCHEDULED");
    probe.runAgain();
    probe.handle({ kind: "cancel" });
    expect(planOf(probe)).toBe("v0 (1/2) is CANCELING");
  });

  it("CP-08: behind an all-to-all edge one running producer is enough", () => {
    const probe = running([{ parallelism: 2 }, { parallelism: 2, ship: "HASH" }]);
    probe.update(0, "FINISHED");
    expect(planOf(probe)).toEqual({ trigger: [1], waitFor: [1, 2, 3] });
    probe.update(1, "FINISHED");
    expect(planOf(probe)).toEqual({ trigger: [2, 3], waitFor: [2, 3] });
  });

  it("CP-08: behind a FORWARD edge the producer of the same index counts", () => {
    const probe = running([{ parallelism: 2 }, { parallelism: 2, ship: "FORWARD" }]);
    probe.update(0, "FINISHED");
    expect(planOf(probe)).toEqual({ trigger: [1, 2], waitFor: [1, 2, 3] });
  });

  it("is refused when all have finished", () => {
    const probe = running([{ parallelism: 1 }]);
    probe.update(0, "FINISHED");
    expect(planOf(probe)).toBe("all tasks have finished");
  });

  it("CP-29: the sources are at their end when each has said so or has finished", () => {
    const probe = running([{ parallelism: 2 }, { parallelism: 1 }]);
    expect(probe.graph.allSourcesAtEnd).toBe(false);
    probe.handle({ kind: "end-of-data", attemptIds: [probe.attempt(0)] });
    expect(probe.graph.allSourcesAtEnd).toBe(false);
    probe.update(1, "FINISHED");
    expect(probe.graph.allSourcesAtEnd).toBe(true);
  });
});
