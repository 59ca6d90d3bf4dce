import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { ExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph.ts";
import { jobDetailsOf, snapshotExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph-snapshot.ts";
import type { AssignedSlot, AttemptPlace } from "../../../src/runtime/executiongraph/execution.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { testingJobGraph } from "./testing-job-graph.ts";

const attempt = (name: string): ExecutionAttemptID => brandId(name);

/** Names of attempts, per vertex by subtask. */
function places(attemptNumber: number, names: readonly (readonly string[])[]): readonly AttemptPlace[] {
  return names.flatMap((subtasks, vertexIndex) =>
    subtasks.map((name, subtaskIndex) => ({ attemptId: attempt(name), attemptNumber, vertexIndex, subtaskIndex })),
  );
}

function graphOfThree(): ExecutionGraph {
  const graph = new ExecutionGraph(testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }]), 100);
  graph.apply({
    kind: "executions-reset",
    attempts: places(0, [["a0", "a1"], ["b0"]]),
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
    const slotOf = (index: number): AssignedSlot => ({
      allocationId: brandId<AllocationID>(`slot${index}`),
      location: brandId<ResourceID>(`te${index}`),
    });
    const attemptIds = [...graph.executions()].map(({ attemptId }) => attemptId);
    graph.apply({ kind: "slots-assigned", attemptIds, slots: new Map([0, 1].map((index) => [index, slotOf(index)])) });
    expect([...graph.executions()].map(({ slot }) => slot?.allocationId)).toEqual(["slot0", "slot1", "slot0"]);
    expect([...graph.executionsOn(brandId("te0"))].map(({ attemptId }) => attemptId)).toEqual(["a0", "b0"]);
  });

  it("forgets the attempts of before a reset and refuses one while an attempt lives", () => {
    const graph = graphOfThree();
    const reset = {
      kind: "executions-reset",
      attempts: places(1, [["c0", "c1"], ["d0"]]),
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

  it("FO-10: resets some subtasks and leaves the others alone", () => {
    const graph = graphOfThree();
    for (const state of ["CANCELING", "CANCELED"] as const) {
      graph.apply({ kind: "executions-changed", attemptIds: [attempt("a1")], state, nowMillis: 109 });
    }
    const place = { attemptId: attempt("c1"), attemptNumber: 3, vertexIndex: 0, subtaskIndex: 1 };
    graph.apply({ kind: "executions-reset", attempts: [place], nowMillis: 110 });
    expect([...graph.executions()].map(({ attemptId }) => attemptId)).toEqual(["a0", "c1", "b0"]);
    expect(graph.execution(attempt("a1"))).toBeUndefined();
    expect(graph.counts).toMatchObject({ CREATED: 3, CANCELED: 0 });
    const nowhere = { ...place, attemptId: attempt("x"), subtaskIndex: 2 };
    expect(() => graph.apply({ kind: "executions-reset", attempts: [nowhere], nowMillis: 111 })).toThrow(
      "no subtask 2",
    );
  });

  it("takes over attempts that run, only in the place of ones that were never deployed", () => {
    const graph = graphOfThree();
    const slot = { allocationId: brandId<AllocationID>("slot0"), location: brandId<ResourceID>("te0") };
    const adopted = {
      attemptId: attempt("old"),
      attemptNumber: 2,
      vertexIndex: 1,
      subtaskIndex: 0,
      slot,
      endOfData: true,
    };
    const adopt = { kind: "executions-adopted", attempts: [adopted], nowMillis: 120 } as const;
    expect(() => graph.apply(adopt)).toThrow("takes a place that is CREATED");
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("b0")], state: "SCHEDULED", nowMillis: 119 });
    graph.apply(adopt);
    expect(graph.execution(attempt("b0"))).toBeUndefined();
    expect(graph.execution(attempt("old"))).toMatchObject({
      state: "RUNNING",
      deploymentAcknowledged: true,
      attemptNumber: 2,
      slot,
      endOfData: true,
    });
    expect(graph.counts).toMatchObject({ CREATED: 2, SCHEDULED: 0, RUNNING: 1 });
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
