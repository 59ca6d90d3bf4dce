import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import { ExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";
import { EXECUTION_STATES, type ExecutionState } from "../../../src/runtime/messages/execution-state.ts";
import { JOB_STATUSES, type JobStatus } from "../../../src/runtime/messages/job-status.ts";
import { testingJobGraph } from "./testing-job-graph.ts";

/** Contract 1.1, written down once more by hand: the JobMaster's view, without batch recovery and reconciliation. */
const EXECUTION_EDGES = new Set([
  "CREATED>SCHEDULED",
  "SCHEDULED>DEPLOYING",
  "DEPLOYING>INITIALIZING",
  "INITIALIZING>RUNNING",
  "DEPLOYING>FINISHED",
  "INITIALIZING>FINISHED",
  "RUNNING>FINISHED",
  "CREATED>CANCELING",
  "SCHEDULED>CANCELING",
  "DEPLOYING>CANCELING",
  "INITIALIZING>CANCELING",
  "RUNNING>CANCELING",
  "CANCELING>CANCELED",
  "DEPLOYING>CANCELED",
  "INITIALIZING>CANCELED",
  "RUNNING>CANCELED",
  "CREATED>FAILED",
  "SCHEDULED>FAILED",
  "DEPLOYING>FAILED",
  "INITIALIZING>FAILED",
  "RUNNING>FAILED",
]);

/** Contract 1.2. */
const JOB_EDGES = new Set([
  "INITIALIZING>CREATED",
  "INITIALIZING>FAILED",
  "CREATED>RUNNING",
  "RUNNING>RESTARTING",
  "RESTARTING>RUNNING",
  "RUNNING>FINISHED",
  "CREATED>CANCELLING",
  "RUNNING>CANCELLING",
  "RESTARTING>CANCELLING",
  "FAILING>CANCELLING",
  "CANCELLING>CANCELED",
  "CANCELLING>FAILED",
  "CREATED>FAILING",
  "RUNNING>FAILING",
  "RESTARTING>FAILING",
  "CANCELLING>FAILING",
  "FAILING>FAILED",
  ...["INITIALIZING", "CREATED", "RUNNING", "FAILING", "CANCELLING", "RESTARTING", "RECONCILING"].map(
    (status) => `${status}>SUSPENDED`,
  ),
]);

const ATTEMPT = attemptIdOf(brandId<AttemptBatch>("1".repeat(24)), 0);

function graphWithOneAttempt(): ExecutionGraph {
  const graph = new ExecutionGraph(testingJobGraph([{ parallelism: 1 }]), 5);
  graph.apply({
    kind: "executions-reset",
    attemptIds: [ATTEMPT],
    attemptNumber: 0,
    nowMillis: 6,
  });
  return graph;
}

/** Some way from `start` to `end` along `edges`, or nothing if there is none. */
function pathTo<S extends string>(start: S, end: S, edges: ReadonlySet<string>): readonly S[] | undefined {
  const ways = new Map<S, readonly S[]>([[start, []]]);
  for (const [at, way] of ways) {
    for (const edge of edges) {
      const [from, to] = edge.split(">");
      // The edges are written in the same alphabet.
      if (from === at && !ways.has(to as S)) ways.set(to as S, [...way, to as S]);
    }
  }
  return ways.get(end);
}

function executionIn(state: ExecutionState): ExecutionGraph | undefined {
  const path = pathTo<ExecutionState>("CREATED", state, EXECUTION_EDGES);
  if (path === undefined) return undefined;
  const graph = graphWithOneAttempt();
  for (const step of path) {
    graph.apply({ kind: "executions-changed", attemptIds: [ATTEMPT], state: step, nowMillis: 7 });
  }
  return graph;
}

function jobIn(status: JobStatus): ExecutionGraph | undefined {
  const path = pathTo<JobStatus>("INITIALIZING", status, JOB_EDGES);
  if (path === undefined) return undefined;
  const graph = graphWithOneAttempt();
  for (const step of path) graph.apply({ kind: "job-status-changed", status: step, nowMillis: 7 });
  return graph;
}

function refusalOf(change: () => void): string | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "no error";
  }
}

describe("execution states (contract 1.1)", () => {
  for (const from of EXECUTION_STATES.filter((state) => state !== "RECONCILING")) {
    it.each(EXECUTION_STATES)(`${from} -> %s`, (to) => {
      const graph = executionIn(from);
      expect(graph?.execution(ATTEMPT)?.state).toBe(from);
      const refusal = refusalOf(() =>
        graph?.apply({ kind: "executions-changed", attemptIds: [ATTEMPT], state: to, nowMillis: 9 }),
      );
      const legal = EXECUTION_EDGES.has(`${from}>${to}`);
      expect(refusal).toBe(legal ? undefined : `attempt ${ATTEMPT}: ${from} cannot become ${to}`);
      expect(graph?.execution(ATTEMPT)?.state).toBe(legal ? to : from);
      expect(
        graph?.vertices.map(({ executions: [execution] }) => execution && graph.stateTimestampsOf(execution)[to] === 9),
      ).toEqual([legal]);
      expect(graph?.counts[legal ? to : from]).toBe(1);
    });
  }

  it("RECONCILING is never entered", () => {
    expect(executionIn("RECONCILING")).toBeUndefined();
  });
});

describe("job status (contract 1.2)", () => {
  for (const from of JOB_STATUSES.filter((status) => status !== "RECONCILING")) {
    it.each(JOB_STATUSES)(`${from} -> %s`, (to) => {
      const graph = jobIn(from);
      expect(graph?.status).toBe(from);
      const refusal = refusalOf(() => graph?.apply({ kind: "job-status-changed", status: to, nowMillis: 9 }));
      const legal = JOB_EDGES.has(`${from}>${to}`);
      expect(refusal).toBe(legal ? undefined : `job status: ${from} cannot become ${to}`);
      expect(graph?.status).toBe(legal ? to : from);
      expect(graph?.statusTimestamps[to] === 9).toBe(legal);
    });
  }

  it("RECONCILING is never entered", () => {
    expect(jobIn("RECONCILING")).toBeUndefined();
  });
});
