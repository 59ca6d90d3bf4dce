import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type OperatorID } from "../../../src/common/ids.ts";
import type { CompletedCheckpoint, VertexSnapshot } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { adoptMaxParallelism } from "../../../src/runtime/checkpoint/max-parallelism.ts";
import { assignState } from "../../../src/runtime/checkpoint/state-assignment.ts";
import type { JobGraph } from "../../../src/runtime/jobgraph/job-graph.ts";
import type { StateHandle } from "../../../src/runtime/messages/state-handle.ts";
import type { TaskRestore } from "../../../src/runtime/messages/task-deployment-descriptor.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";

/** Two vertices, a source and what follows it; every operator has state. */
function jobOf(source: number, rest = source): JobGraph {
  const graph = testingJobGraph([{ parallelism: source }, { parallelism: rest }]);
  const vertices = graph.vertices.map((vertex) => ({
    ...vertex,
    operators: vertex.operators.map((operator) => ({ ...operator, stateful: true })),
  }));
  return { ...graph, vertices };
}

function handle(vertex: number, subtask: number): StateHandle {
  return { kind: "object", key: `${vertex}/${subtask}`, size: 1 };
}

function checkpointOf(
  { vertices }: JobGraph,
  change: (vertex: VertexSnapshot, index: number) => VertexSnapshot = (vertex) => vertex,
): CompletedCheckpoint {
  const snapshots = vertices.map(({ id, operators, parallelism, maxParallelism }, index): VertexSnapshot => ({
    jobVertexId: id,
    operators,
    parallelism,
    maxParallelism,
    subtasks: Array.from({ length: parallelism }, (_, subtask) => ({
      finished: false,
      state: handle(index, subtask),
    })),
  }));
  return {
    checkpointId: 1,
    triggerTimestampMillis: 0,
    completionTimestampMillis: 0,
    stateSize: 0,
    vertices: snapshots.map(change),
  };
}

/** What each subtask of each vertex is given. */
function restores(checkpoint: CompletedCheckpoint, job: JobGraph, allowNonRestoredState = false) {
  const probe = new SchedulerProbe(job);
  probe.start();
  const restoreOf = assignState(checkpoint, job, { allowNonRestoredState });
  const given: TaskRestore[][] = job.vertices.map(() => []);
  for (const execution of probe.graph.executions()) {
    const index = job.vertices.findIndex(({ id }) => id === execution.vertex.id);
    const restore = restoreOf(execution);
    if (restore !== undefined) given[index]?.push(restore);
  }
  return given;
}

const keysOf = (handles: readonly StateHandle[] = []): readonly string[] =>
  handles.map((each) => (each.kind === "object" ? each.key : "inline"));

describe("restore", () => {
  it("RST-07: with the same parallelism every subtask gets its own snapshot back, and nothing else", () => {
    const job = jobOf(2);
    expect(restores(checkpointOf(job), job)).toEqual([
      [
        { checkpointId: 1, state: [handle(0, 0)] },
        { checkpointId: 1, state: [handle(0, 1)] },
      ],
      [
        { checkpointId: 1, state: [handle(1, 0)] },
        { checkpointId: 1, state: [handle(1, 1)] },
      ],
    ]);
  });

  it("RST-07, RST-08: at another one each part has one owner, evenly, and reaches all who share its key groups", () => {
    const parallelism = fc.integer({ min: 1, max: 16 });
    fc.assert(
      fc.property(parallelism, parallelism, (before, after) => {
        fc.pre(before !== after);
        const job = jobOf(after);
        const [sources = [], others = []] = restores(checkpointOf(jobOf(before)), job);
        for (const [vertex, given] of [sources, others].entries()) {
          const owned = given.flatMap(({ state }) => keysOf(state)).sort();
          expect(owned).toEqual(Array.from({ length: before }, (_, subtask) => `${vertex}/${subtask}`).sort());
          const counts = given.map(({ state }) => state.length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
        // Sources divide all that is left among themselves.
        for (const { state, shared = [] } of sources) expect(state.length + shared.length).toBe(before);
        // Brute force over the key groups.
        for (let keyGroup = 0; keyGroup < 128; keyGroup += 1) {
          const old = Math.floor((keyGroup * before) / 128);
          const { state = [], shared = [] } = others[Math.floor((keyGroup * after) / 128)] ?? {};
          expect([...keysOf(state), ...keysOf(shared)]).toContain(`1/${old}`);
        }
      }),
    );
  });

  it("RST-07: nobody reads what lies outside of its key groups and is not its own", () => {
    const [, others = []] = restores(checkpointOf(jobOf(4)), jobOf(8));
    expect(others.map(({ state, shared }) => [keysOf(state), keysOf(shared)])).toEqual([
      [["1/0"], []],
      [["1/1"], ["1/0"]],
      [["1/2"], ["1/1"]],
      [["1/3"], ["1/1"]],
      [[], ["1/2"]],
      [[], ["1/2"]],
      [[], ["1/3"]],
      [[], ["1/3"]],
    ]);
  });

  it("RST-04: state of an operator that the job has not is refused, or dropped if that is allowed", () => {
    const job = jobOf(1);
    const other = { id: brandId<OperatorID>("other"), name: "old window", stateful: true };
    const checkpoint = checkpointOf(job, (vertex, index) => (index === 0 ? { ...vertex, operators: [other] } : vertex));
    expect(() => restores(checkpoint, job)).toThrow("it has state of old window (other), which is not in the job");
    expect(restores(checkpoint, job, true)).toEqual([
      [{ checkpointId: 1, state: [] }],
      [{ checkpointId: 1, state: [handle(1, 0)] }],
    ]);
  });

  it.each([
    ["no state", (vertex: VertexSnapshot) => ({ ...vertex, subtasks: [{ finished: false }] })],
    [
      "no state of its own",
      (vertex: VertexSnapshot) => ({
        ...vertex,
        operators: [...vertex.operators, { id: brandId<OperatorID>("map"), name: "map", stateful: false }],
      }),
    ],
  ])("RST-04: an operator that is gone and had %s is no matter", (_what, change) => {
    const job = jobOf(1);
    expect(() => restores(checkpointOf(job, change), job)).not.toThrow();
  });

  it("RST-04: operators are found by their ids, wherever they stand now", () => {
    const job = jobOf(1);
    const operators = job.vertices.flatMap((vertex) => vertex.operators);
    const chained = checkpointOf(job, (vertex, index) => ({ ...vertex, operators: index === 0 ? operators : [] }));
    expect(restores(chained, job)).toEqual([
      [{ checkpointId: 1, state: [handle(0, 0)] }],
      [{ checkpointId: 1, state: [handle(0, 0)] }],
    ]);
  });

  it("RST-05: a max parallelism that nobody has set is the one of the state", () => {
    const job = { ...jobOf(1), derivedMaxParallelism: true };
    const checkpoint = checkpointOf(job, (vertex, index) => (index === 0 ? { ...vertex, maxParallelism: 64 } : vertex));
    const adopted = adoptMaxParallelism(job, checkpoint);
    expect(adopted.vertices.map(({ maxParallelism }) => maxParallelism)).toEqual([64, 128]);
    expect(() => restores(checkpoint, adopted)).not.toThrow();
    expect(adoptMaxParallelism(adopted, checkpoint)).toBe(adopted);
    // Set by the user, without state, or too small for the job: nothing to adopt.
    expect(adoptMaxParallelism(jobOf(1), checkpoint).derivedMaxParallelism).toBeUndefined();
    const explicit = jobOf(1);
    expect(adoptMaxParallelism(explicit, checkpoint)).toBe(explicit);
    const stateless = checkpointOf(job, (vertex) => {
      return { ...vertex, maxParallelism: 64, subtasks: [{ finished: false }] };
    });
    expect(adoptMaxParallelism(job, stateless)).toBe(job);
    const wide = { ...jobOf(100), derivedMaxParallelism: true };
    expect(adoptMaxParallelism(wide, checkpoint)).toBe(wide);
  });

  it("RST-05: another number of key groups is refused", () => {
    const job = jobOf(1);
    const checkpoint = checkpointOf(job, (vertex) => ({ ...vertex, maxParallelism: 64 }));
    expect(() => restores(checkpoint, job)).toThrow("maxParallelism of v0: expected 64, got 128");
  });
});
