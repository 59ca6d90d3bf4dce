import type { ExecutionAttemptID } from "../../common/ids.ts";
import { AttemptSet } from "../executiongraph/attempt-set.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import { taskNameWithSubtask, type Execution } from "../executiongraph/execution.ts";
import type { SubtaskPlaces } from "../executiongraph/subtask-places.ts";
import type { JobVertex } from "../jobgraph/job-graph.ts";

/** Who takes part in a checkpoint, fixed when it is triggered (Flink `CheckpointPlan`). */
export interface CheckpointPlan {
  /** Where barriers are injected: running tasks without a running producer. */
  readonly trigger: readonly ExecutionAttemptID[];
  /** Who has to acknowledge. */
  readonly waitFor: ExpectedAttempts;
  readonly places: SubtaskPlaces;
}

type ExpectedAttempts = Pick<AttemptSet, "size" | "has" | "hasPlace">;

export type CheckpointPlanResult =
  | { readonly kind: "plan"; readonly plan: CheckpointPlan }
  /** A task is neither RUNNING nor FINISHED, or none is RUNNING (CP-07). */
  | { readonly kind: "refused"; readonly detail: string };

/** Linear in the subtasks. */
export function calculateCheckpointPlan(graph: ExecutionGraph): CheckpointPlanResult {
  const { places } = graph;
  const trigger: ExecutionAttemptID[] = [];
  const waitFor = new AttemptSet(places.size);
  for (const [index, vertex] of places.vertices.entries()) {
    const first = places.firstOf(index);
    const isProducerRunning = runningProducers(vertex, places, waitFor);
    for (let subtaskIndex = 0; subtaskIndex < vertex.parallelism; subtaskIndex += 1) {
      const execution = graph.executionAt(first + subtaskIndex);
      const { attemptId, state } = execution;
      if (state === "FINISHED") continue;
      if (state !== "RUNNING") return { kind: "refused", detail: notRunning(execution) };
      waitFor.add(attemptId);
      if (!isProducerRunning(subtaskIndex)) trigger.push(attemptId);
    }
  }
  if (waitFor.size === 0) return { kind: "refused", detail: "all tasks have finished" };
  return { kind: "plan", plan: { trigger, waitFor, places } };
}

/** @param running of the vertices before `vertex`. */
function runningProducers(
  { inputs }: JobVertex,
  places: SubtaskPlaces,
  running: ExpectedAttempts,
): (subtaskIndex: number) => boolean {
  const edges = inputs.map(({ source, shipStrategy }) => {
    const index = places.vertices.findIndex(({ id }) => id === source);
    const first = places.firstOf(index);
    if (shipStrategy === "FORWARD") return (subtaskIndex: number): boolean => running.hasPlace(first + subtaskIndex);
    const producers = Array.from(
      { length: places.vertices[index]?.parallelism ?? 0 },
      (_, producer) => first + producer,
    );
    const any = producers.some((place) => running.hasPlace(place));
    return (): boolean => any;
  });
  return (subtaskIndex) => edges.some((edge) => edge(subtaskIndex));
}

function notRunning(execution: Execution): string {
  return `${taskNameWithSubtask(execution)} is ${execution.state}`;
}
