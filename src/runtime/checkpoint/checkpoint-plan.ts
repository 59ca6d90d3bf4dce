import type { ExecutionAttemptID, JobVertexID } from "../../common/ids.ts";
import { AttemptTable } from "../executiongraph/attempt-table.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import { taskNameWithSubtask, type Execution } from "../executiongraph/execution.ts";
import type { JobVertex } from "../jobgraph/job-graph.ts";

/** Who takes part in a checkpoint, fixed when it is triggered (Flink `CheckpointPlan`). */
export interface CheckpointPlan {
  /** Where barriers are injected: running tasks without a running producer. */
  readonly trigger: readonly ExecutionAttemptID[];
  /** Who has to acknowledge. */
  readonly waitFor: ExpectedAttempts;
  readonly vertices: readonly JobVertex[];
}

/** What of an execution never changes. */
type ExpectedAttempts = Pick<
  AttemptTable<Pick<Execution, "attemptId" | "vertexIndex" | "subtaskIndex">>,
  "size" | "entries" | "get" | "has"
>;

export type CheckpointPlanResult =
  | { readonly kind: "plan"; readonly plan: CheckpointPlan }
  /** A task is neither RUNNING nor FINISHED, or none is RUNNING (CP-07). */
  | { readonly kind: "refused"; readonly detail: string };

/** Linear in the subtasks. */
export function calculateCheckpointPlan(graph: ExecutionGraph): CheckpointPlanResult {
  const trigger: ExecutionAttemptID[] = [];
  const waitFor = new AttemptTable<Execution>(graph.size);
  const running = new Map<JobVertexID, readonly boolean[]>();
  for (const { jobVertex, executions } of graph.vertices) {
    running.set(
      jobVertex.id,
      executions.map((execution) => execution.state === "RUNNING"),
    );
    const producing = producersRunning(jobVertex, running);
    for (const execution of executions) {
      if (execution.state === "FINISHED") continue;
      if (execution.state !== "RUNNING") return { kind: "refused", detail: notRunning(execution) };
      waitFor.put(execution);
      if (!producing(execution.subtaskIndex)) trigger.push(execution.attemptId);
    }
  }
  if (waitFor.size === 0) return { kind: "refused", detail: "all tasks have finished" };
  const vertices = graph.vertices.map(({ jobVertex }) => jobVertex);
  return { kind: "plan", plan: { trigger, waitFor, vertices } };
}

/** Whether all sources have emitted all their data, so that one more checkpoint ends the job (CP-29). */
export function allSourcesAtEnd(graph: ExecutionGraph): boolean {
  return graph.vertices
    .filter(({ jobVertex }) => jobVertex.inputs.length === 0)
    .every(({ executions }) => executions.every(({ endOfData, state }) => endOfData || state === "FINISHED"));
}

function producersRunning(
  vertex: JobVertex,
  running: ReadonlyMap<JobVertexID, readonly boolean[]>,
): (subtaskIndex: number) => boolean {
  const inputs = vertex.inputs.map((input) => {
    const producers = running.get(input.source) ?? [];
    const any = producers.includes(true);
    return input.shipStrategy === "FORWARD"
      ? (subtaskIndex: number): boolean => producers[subtaskIndex] === true
      : (): boolean => any;
  });
  return (subtaskIndex) => inputs.some((input) => input(subtaskIndex));
}

function notRunning(execution: Execution): string {
  return `${taskNameWithSubtask(execution)} is ${execution.state}`;
}
