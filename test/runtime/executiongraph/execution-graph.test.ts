import { describe, expect, it } from "vitest";
import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { ExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph.ts";
import { jobDetailsOf, snapshotExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph-snapshot.ts";
import type { AssignedSlot, Execution } from "../../../src/runtime/executiongraph/execution.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { NO_METRICS } from "../../../src/runtime/messages/task-metrics.ts";
import { testingJobGraph } from "./testing-job-graph.ts";

/** `a0` is of batch a at place 0: two subtasks of the first vertex, then one of the second. */
function attempt(name: string): ExecutionAttemptID {
  return attemptIdOf(brandId<AttemptBatch>(name.slice(0, 1).repeat(24)), Number(name.slice(1)));
}

function idsOf(graph: ExecutionGraph): readonly ExecutionAttemptID[] {
  return graph.executions().map(({ attemptId }) => attemptId);
}

/** Everything that is told of it. */
function shownOf(execution: Execution | undefined) {
  if (execution === undefined) return undefined;
  const { attemptId, attemptNumber, vertex, subtaskIndex, place, state, slot } = execution;
  const { deploymentAcknowledged, failure, metrics, endOfData } = execution;
  const identity = { attemptId, attemptNumber, vertex: vertex.name, subtaskIndex, place };
  return { ...identity, state, slot, deploymentAcknowledged, failure, metrics, endOfData };
}

function graphOfThree(): ExecutionGraph {
  const graph = new ExecutionGraph(testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }]), 100);
  graph.apply({
    kind: "executions-reset",
    attemptNumber: 0,
    attemptIds: ["a0", "a1", "a2"].map(attempt),
    nowMillis: 101,
  });
  return graph;
}

describe("ExecutionGraph", () => {
  it("has one attempt per subtask, in topological order", () => {
    const graph = graphOfThree();
    expect(idsOf(graph)).toEqual(["a0", "a1", "a2"].map(attempt));
    expect(graph.executions().map(({ vertex, subtaskIndex }) => `${vertex.name}/${subtaskIndex}`)).toEqual([
      "v0/0",
      "v0/1",
      "v1/0",
    ]);
  });

  it("assigns slot i to subtask i of every vertex (SCH-07)", () => {
    const graph = graphOfThree();
    const slotOf = (index: number): AssignedSlot => ({
      allocationId: brandId<AllocationID>(`slot${index}`),
      location: brandId<ResourceID>(`te${index}`),
    });
    graph.apply({
      kind: "slots-assigned",
      attemptIds: idsOf(graph),
      slots: [slotOf(0), slotOf(1)],
    });
    expect(graph.executions().map(({ slot }) => slot?.allocationId)).toEqual(["slot0", "slot1", "slot0"]);
    expect(graph.executionsOn(brandId("te0")).map(({ attemptId }) => attemptId)).toEqual(["a0", "a2"].map(attempt));
    expect(graph.slotOf(attempt("a1"))).toEqual(slotOf(1));
    expect(graph.slotOf(attempt("b1"))).toBeUndefined();
  });

  it("says what is on a TaskExecutor as of the last change of slots", () => {
    const graph = graphOfThree();
    const te = brandId<ResourceID>("te0");
    const slot = { allocationId: brandId<AllocationID>("slot0"), location: te };
    const here = (): readonly ExecutionAttemptID[] => graph.executionsOn(te).map(({ attemptId }) => attemptId);
    expect(here()).toEqual([]);
    graph.apply({ kind: "slots-assigned", attemptIds: idsOf(graph), slots: [slot, slot] });
    expect(here()).toEqual(["a0", "a1", "a2"].map(attempt));
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a1")], state: "FAILED", nowMillis: 109 });
    graph.apply({ kind: "executions-reset", attemptNumber: 0, attemptIds: [attempt("c1")], nowMillis: 110 });
    expect(here()).toEqual(["a0", "a2"].map(attempt));
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("c1")], state: "SCHEDULED", nowMillis: 111 });
    const attempts = [{ attemptId: attempt("e1"), attemptNumber: 0, slot, endOfData: false }];
    graph.apply({ kind: "executions-adopted", attempts, nowMillis: 112 });
    expect(here()).toEqual(["a0", "e1", "a2"].map(attempt));
  });

  it("CP-29: sources are at their end in any order, and not any more once one of them begins anew", () => {
    const graph = graphOfThree();
    const end = (name: string): void => graph.apply({ kind: "end-of-data", attemptIds: [attempt(name)] });
    end("a1");
    expect(graph.allSourcesAtEnd).toBe(false);
    end("a0");
    expect(graph.allSourcesAtEnd).toBe(true);
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a0")], state: "FAILED", nowMillis: 109 });
    graph.apply({ kind: "executions-reset", attemptNumber: 0, attemptIds: [attempt("c0")], nowMillis: 110 });
    expect(graph.allSourcesAtEnd).toBe(false);
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("c0")], state: "SCHEDULED", nowMillis: 111 });
    const slot = { allocationId: brandId<AllocationID>("slot0"), location: brandId<ResourceID>("te0") };
    const adopted = { attemptId: attempt("e0"), attemptNumber: 1, slot, endOfData: true };
    graph.apply({ kind: "executions-adopted", attempts: [adopted], nowMillis: 112 });
    expect(graph.allSourcesAtEnd).toBe(true);
  });

  it("tells nothing more of an attempt than its name once another one has its place", () => {
    const graph = graphOfThree();
    const old = graph.execution(attempt("a1"));
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a1")], state: "FAILED", nowMillis: 109 });
    expect(old?.state).toBe("FAILED");
    graph.apply({ kind: "executions-reset", attemptNumber: 0, attemptIds: [attempt("c1")], nowMillis: 110 });
    expect(old).toMatchObject({ attemptId: attempt("a1"), place: 1, subtaskIndex: 1 });
    for (const field of ["state", "slot", "attemptNumber", "failure", "metrics", "endOfData"] as const) {
      expect(() => old?.[field]).toThrow(`attempt ${attempt("a1")} is not in the graph any more`);
    }
  });

  it("begins a new attempt without anything of the one before", () => {
    const graph = graphOfThree();
    const [before] = graph.executions();
    const fresh = { ...shownOf(before), attemptId: attempt("c0"), attemptNumber: 1 };
    const slot = { allocationId: brandId<AllocationID>("slot0"), location: brandId<ResourceID>("te0") };
    graph.apply({ kind: "slots-assigned", attemptIds: [attempt("a0")], slots: [slot] });
    graph.apply({ kind: "deployment-acknowledged", attemptIds: [attempt("a0")] });
    graph.apply({ kind: "end-of-data", attemptIds: [attempt("a0")] });
    graph.apply({ kind: "metrics-reported", attemptId: attempt("a0"), metrics: { ...NO_METRICS, recordsIn: 3 } });
    const failure = serializeThrowable(new Error("gone"));
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a0")], state: "FAILED", nowMillis: 109, failure });
    graph.apply({ kind: "executions-reset", attemptNumber: 0, attemptIds: [attempt("c0")], nowMillis: 110 });
    expect(shownOf(graph.execution(attempt("c0")))).toEqual(fresh);
    expect(graph.vertices[0]?.executions.map((execution) => graph.stateTimestampsOf(execution).FAILED)).toEqual([0, 0]);
  });

  it("forgets the attempts of before a reset and refuses one while an attempt lives", () => {
    const graph = graphOfThree();
    const reset = {
      kind: "executions-reset",
      attemptNumber: 1,
      attemptIds: ["c0", "c1", "c2"].map(attempt),
      nowMillis: 110,
    } as const;
    expect(() => graph.apply(reset)).toThrow("reset while CREATED");
    const ended = graphOfThree();
    for (const state of ["CANCELING", "CANCELED"] as const) {
      ended.apply({
        kind: "executions-changed",
        attemptIds: [attempt("a0"), attempt("a1"), attempt("a2")],
        state,
        nowMillis: 109,
      });
    }
    ended.apply(reset);
    expect(ended.execution(attempt("a0"))).toBeUndefined();
    expect(ended.execution(attempt("c2"))).toMatchObject({ attemptNumber: 1, state: "CREATED" });
    expect(ended.counts).toMatchObject({ CREATED: 3, CANCELED: 0 });
  });

  it("FO-10: resets some subtasks and leaves the others alone", () => {
    const graph = graphOfThree();
    for (const state of ["CANCELING", "CANCELED"] as const) {
      graph.apply({ kind: "executions-changed", attemptIds: [attempt("a1")], state, nowMillis: 109 });
    }
    graph.apply({ kind: "executions-reset", attemptNumber: 3, attemptIds: ["c1"].map(attempt), nowMillis: 110 });
    expect(idsOf(graph)).toEqual(["a0", "c1", "a2"].map(attempt));
    expect(graph.execution(attempt("a1"))).toBeUndefined();
    expect(graph.counts).toMatchObject({ CREATED: 3, CANCELED: 0 });
    const nowhere = {
      kind: "executions-reset",
      attemptNumber: 0,
      attemptIds: ["d3"].map(attempt),
      nowMillis: 111,
    } as const;
    expect(() => graph.apply(nowhere)).toThrow("no subtask 3 of 3");
  });

  it("knows no attempt whose id is of no form that it gives", () => {
    const graph = graphOfThree();
    for (const id of ["", "old-0", "a".repeat(31), "z".repeat(32), `${attempt("a0")}0`, attempt("b0")]) {
      expect(graph.execution(brandId<ExecutionAttemptID>(id))).toBeUndefined();
    }
  });

  it("takes over attempts that run, only in the place of ones that were never deployed", () => {
    const graph = graphOfThree();
    const slot = { allocationId: brandId<AllocationID>("slot0"), location: brandId<ResourceID>("te0") };
    const adopted = { attemptId: attempt("e2"), attemptNumber: 2, slot, endOfData: true };
    const adopt = { kind: "executions-adopted", attempts: [adopted], nowMillis: 120 } as const;
    expect(() => graph.apply(adopt)).toThrow("takes a place that is CREATED");
    graph.apply({ kind: "executions-changed", attemptIds: [attempt("a2")], state: "SCHEDULED", nowMillis: 119 });
    graph.apply(adopt);
    expect(graph.execution(attempt("a2"))).toBeUndefined();
    expect(graph.execution(attempt("e2"))).toMatchObject({
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
