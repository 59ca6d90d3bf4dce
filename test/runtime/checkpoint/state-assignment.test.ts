import { describe, expect, it } from "vitest";
import { brandId, type JobVertexID } from "../../../src/common/ids.ts";
import type { CompletedCheckpoint, VertexSnapshot } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { assignState } from "../../../src/runtime/checkpoint/state-assignment.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";
import { CoordinatorProbe, objectOf } from "./coordinator-probe.ts";

const JOB = testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }]);

function checkpointOf(change: (vertices: readonly VertexSnapshot[]) => readonly VertexSnapshot[]): CompletedCheckpoint {
  const probe = new CoordinatorProbe({ vertices: [{ parallelism: 2 }, { parallelism: 1 }] });
  const id = probe.trigger();
  probe.acknowledge(id, probe.job.attempt(0), objectOf(id, probe.job.attempt(0)));
  probe.acknowledge(id, probe.job.attempt(1));
  probe.acknowledge(id, probe.job.attempt(2), objectOf(id, probe.job.attempt(2)));
  probe.written(id);
  const { latestCompleted } = probe.coordinator.state;
  if (latestCompleted === undefined) throw new Error("no checkpoint");
  return { ...latestCompleted, vertices: change(latestCompleted.vertices) };
}

describe("restore", () => {
  it("RST-07: with the same parallelism every subtask gets its own snapshot back", () => {
    const probe = new SchedulerProbe(JOB);
    probe.start();
    const restoreOf = assignState(
      checkpointOf((vertices) => vertices),
      JOB,
    );
    expect([...probe.graph.executions()].map(restoreOf)).toEqual([
      { checkpointId: 1, state: [expect.objectContaining({ kind: "object" })] },
      { checkpointId: 1, state: [] },
      { checkpointId: 1, state: [expect.objectContaining({ kind: "object" })] },
    ]);
  });

  it.each([
    ["RST-04: state of an unknown vertex", { jobVertexId: brandId<JobVertexID>("other") }, "other has state"],
    ["RST-05: another number of key groups", { maxParallelism: 64 }, "maxParallelism of v0: expected 64, got 128"],
    ["RST-07: another parallelism", { parallelism: 3 }, "parallelism of v0: expected 3, got 2"],
    ["RST-04: other operators", { operatorIds: [] }, "operators of v0"],
  ])("%s is refused", (_what, change, message) => {
    const checkpoint = checkpointOf((vertices) =>
      vertices.map((vertex, index) => (index === 0 ? { ...vertex, ...change } : vertex)),
    );
    expect(() => assignState(checkpoint, JOB)).toThrow(message);
  });

  it("RST-04: empty state of an unknown vertex is no matter", () => {
    const checkpoint = checkpointOf((vertices) =>
      vertices.map((vertex, index) =>
        index === 0
          ? { ...vertex, jobVertexId: brandId<JobVertexID>("other"), subtasks: [{ finished: false }] }
          : vertex,
      ),
    );
    expect(() => assignState(checkpoint, JOB)).not.toThrow();
  });
});
