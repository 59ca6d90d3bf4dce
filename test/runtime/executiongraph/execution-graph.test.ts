import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { ExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph.ts";
import { jobDetailsOf, snapshotExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph-snapshot.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { testingJobGraph } from "./testing-job-graph.ts";

const attempt = (name: string): ExecutionAttemptID => brandId(name);

function graphOfThree(): ExecutionGraph {
  const graph = new ExecutionGraph(testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }]), 100);
  graph.apply({
    kind: "executions-reset",
    attemptNumber: 0,
    attemptIds: [[attempt("a0"), attempt("a1")], [attempt("b0")]],
    nowMillis: 101,
  });
  return graph;
}

describe("ExecutionGraph", () => {
  it("has one attempt per subtask, in topological order", () => {
    expect([...graphOfThree().executions()].map(({ attemptId }) => attemptId)).toEqual(["a0", "a1", "b0"]);
  });

  it("assigns slot i to subtask i of every vertex (SCH-07)", () => {
    const graph = graphOfThree();
    const slots = [0, 1].map((index) => ({
      allocationId: brandId<AllocationID>(`slot${index}`),
      location: brandId<ResourceID>(`te${index}`),
    }));
    graph.apply({ kind: "slots-assigned", slots });
    expect([...graph.executions()].map(({ slot }) => slot?.allocationId)).toEqual(["slot0", "slot1", "slot0"]);
    expect([...graph.executionsOn(brandId("te0"))].map(({ attemptId }) => attemptId)).toEqual(["a0", "b0"]);
  });

  it("forgets the attempts of before a reset and refuses one while an attempt lives", () => {
    const graph = graphOfThree();
    const reset = {
      kind: "executions-reset",
      attemptNumber: 1,
      attemptIds: [[attempt("c0"), attempt("c1")], [attempt("d0")]],
      nowMillis: 110,
    } as const;
    expect(() => graph.apply(reset)).toThrow("reset while CREATED");
    const ended = graphOfThree();
    for (const state of ["CANCELING", "CANCELED"] as const) {
      ended.apply({
        kind: "executions-changed",
        attemptIds: [attempt("a0"), attempt("a1"), attempt("b0")],
        state,
        nowMillis: 109,
      });
    }
    ended.apply(reset);
    expect(ended.execution(attempt("a0"))).toBeUndefined();
    expect(ended.execution(attempt("d0"))).toMatchObject({ attemptNumber: 1, state: "CREATED" });
    expect(ended.counts).toMatchObject({ CREATED: 3, CANCELED: 0 });
  });

  it("keeps the newest 16 entries of the exception history; concurrent failures join the newest (OBS-01)", () => {
    const graph = graphOfThree();
    for (let number = 1; number <= 18; number += 1) {
      graph.apply({
        kind: "failure-recorded",
        failure: { timestampMillis: number, failure: serializeThrowable(new Error(`root ${number}`)), labels: {} },
        concurrent: false,
      });
    }
    graph.apply({
      kind: "failure-recorded",
      failure: { timestampMillis: 19, failure: serializeThrowable(new Error("beside")), labels: {} },
      concurrent: true,
    });
    const messages = graph.exceptionHistory.map(({ failure }) => failure.message);
    expect(messages).toHaveLength(16);
    expect(messages[0]).toBe("root 3");
    expect(messages[15]).toBe("root 18");
    expect(graph.exceptionHistory[15]?.concurrent.map(({ failure }) => failure.message)).toEqual(["beside"]);
  });

  it("gives a picture that does not change with the graph", () => {
    const graph = graphOfThree();
    const before = snapshotExecutionGraph(graph, undefined);
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a0")], state: "SCHEDULED", nowMillis: 120 });
    graph.apply({ kind: "job-status-changed", status: "CREATED", nowMillis: 120 });
    expect(before.status).toBe("INITIALIZING");
    expect(before.vertices[0]?.executions[0]).toMatchObject({ state: "CREATED", stateTimestamps: { SCHEDULED: 0 } });
    expect(jobDetailsOf(snapshotExecutionGraph(graph, undefined))).toMatchObject({
      status: "CREATED",
      startTimeMillis: 100,
      endTimeMillis: -1,
      lastModificationMillis: 120,
      tasksPerState: { CREATED: 2, SCHEDULED: 1 },
    });
  });
});
