import type { JobGraph } from "../jobgraph/job-graph.ts";

/**
 * Slots a job needs: all vertices share one slot sharing group, so one slot holds one subtask of every vertex, and the
 * widest vertex says how many (contract SCH-07). Subtask i of every vertex goes to slot i, which keeps FORWARD edges
 * local.
 */
export function requiredSlots(jobGraph: JobGraph): number {
  return jobGraph.vertices.reduce((most, vertex) => Math.max(most, vertex.parallelism), 0);
}
