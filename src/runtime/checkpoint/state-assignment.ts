import { SluiceException } from "../../common/exceptions.ts";
import type { JobVertexID } from "../../common/ids.ts";
import type { Execution } from "../executiongraph/execution.ts";
import type { JobGraph, JobVertex } from "../jobgraph/job-graph.ts";
import type { TaskRestore } from "../messages/task-deployment-descriptor.ts";
import type { CompletedCheckpoint, VertexSnapshot } from "./completed-checkpoint.ts";

/**
 * Which snapshots each subtask starts from (Flink `StateAssignmentOperation`, unchanged parallelism: one to one).
 *
 * @throws SluiceException CHECKPOINT if the checkpoint holds state of a vertex that the job has not, or whose
 *   operators, parallelism or number of key groups differ (RST-04, RST-05).
 */
export function assignState(
  checkpoint: CompletedCheckpoint,
  jobGraph: JobGraph,
): (execution: Execution) => TaskRestore | undefined {
  const vertices = new Map(jobGraph.vertices.map((vertex) => [vertex.id, vertex]));
  const snapshots = new Map<JobVertexID, VertexSnapshot>();
  for (const snapshot of checkpoint.vertices) {
    const vertex = vertices.get(snapshot.jobVertexId);
    if (vertex === undefined) {
      if (snapshot.subtasks.every(({ state }) => state === undefined)) continue;
      throw mismatch(checkpoint, `vertex ${snapshot.jobVertexId} has state but is not in the job`);
    }
    requireSameShape(checkpoint, vertex, snapshot);
    snapshots.set(vertex.id, snapshot);
  }
  return ({ vertex, subtaskIndex }) => {
    const state = snapshots.get(vertex.id)?.subtasks[subtaskIndex]?.state;
    return { checkpointId: checkpoint.checkpointId, state: state === undefined ? [] : [state] };
  };
}

function requireSameShape(checkpoint: CompletedCheckpoint, vertex: JobVertex, snapshot: VertexSnapshot): void {
  const operators = vertex.operators.map(({ id }) => id);
  const same =
    operators.length === snapshot.operatorIds.length && operators.every((id) => snapshot.operatorIds.includes(id));
  if (!same) throw mismatch(checkpoint, `the operators of ${vertex.name} are not those of the checkpoint`);
  for (const field of ["parallelism", "maxParallelism"] as const) {
    if (snapshot[field] === vertex[field]) continue;
    throw mismatch(checkpoint, `${field} of ${vertex.name}: expected ${snapshot[field]}, got ${vertex[field]}`);
  }
}

function mismatch(checkpoint: CompletedCheckpoint, what: string): SluiceException {
  return new SluiceException("CHECKPOINT", `checkpoint ${checkpoint.checkpointId} does not fit the job: ${what}`);
}
