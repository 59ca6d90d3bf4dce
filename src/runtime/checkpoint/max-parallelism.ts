import type { OperatorID } from "../../common/ids.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { CompletedCheckpoint } from "./completed-checkpoint.ts";

/**
 * The job's graph as it can start from `checkpoint` (RST-05): where nobody has set a max parallelism, a vertex takes over the one
 * that its state was taken with, since state cannot move between other key groups. The same graph if nothing differs; what
 * cannot be taken over, because the vertex has more subtasks, stays and is refused later.
 */
export function adoptMaxParallelism(jobGraph: JobGraph, checkpoint: CompletedCheckpoint): JobGraph {
  if (jobGraph.derivedMaxParallelism !== true) return jobGraph;
  const ofState = new Map<OperatorID, number>();
  for (const { operators, subtasks, maxParallelism } of checkpoint.vertices) {
    if (subtasks.every(({ state }) => state === undefined)) continue;
    for (const { id, stateful } of operators) if (stateful) ofState.set(id, maxParallelism);
  }
  let changed = false;
  const vertices = jobGraph.vertices.map((vertex) => {
    const maxParallelism = vertex.operators.map(({ id }) => ofState.get(id)).find((value) => value !== undefined);
    if (maxParallelism === undefined || maxParallelism === vertex.maxParallelism) return vertex;
    if (vertex.parallelism > maxParallelism) return vertex;
    changed = true;
    return { ...vertex, maxParallelism };
  });
  return changed ? { ...jobGraph, vertices } : jobGraph;
}
