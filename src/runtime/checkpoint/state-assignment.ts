import { SluiceException } from "../../common/exceptions.ts";
import type { OperatorID } from "../../common/ids.ts";
import type { Execution } from "../executiongraph/execution.ts";
import type { JobGraph, JobVertex } from "../jobgraph/job-graph.ts";
import { keyGroupRangeOf, subtaskOfKeyGroup } from "../jobgraph/key-group-range.ts";
import type { StateHandle } from "../messages/state-handle.ts";
import type { TaskRestore } from "../messages/task-deployment-descriptor.ts";
import type { CompletedCheckpoint, OperatorInSnapshot, VertexSnapshot } from "./completed-checkpoint.ts";

/**
 * Which snapshots each subtask starts from (Flink `StateAssignmentOperation`). Operators are found again by their ids
 * alone, wherever they stand in the job now. At an unchanged parallelism every subtask gets its own; at another one
 * every old subtask's part gets one new owner, round robin (RST-08), and besides those whose key groups it shares
 * (RST-07); sources get all, and divide among themselves what is left to read.
 *
 * @throws SluiceException CHECKPOINT if the checkpoint holds state of an operator that the job has not, unless
 *   `allowNonRestoredState` (RST-04), or of other key groups (RST-05).
 */
export function assignState(
  checkpoint: CompletedCheckpoint,
  jobGraph: JobGraph,
  options: { readonly allowNonRestoredState: boolean },
): (execution: Execution) => TaskRestore | undefined {
  const vertexOf = new Map<OperatorID, JobVertex>();
  for (const vertex of jobGraph.vertices) for (const { id } of vertex.operators) vertexOf.set(id, vertex);
  const snapshots = new Map<JobVertex, Set<VertexSnapshot>>();
  for (const snapshot of checkpoint.vertices) {
    if (snapshot.subtasks.every(({ state }) => state === undefined)) continue;
    for (const operator of snapshot.operators) {
      const vertex = vertexOf.get(operator.id);
      if (!operator.stateful) continue;
      if (vertex !== undefined) {
        requireSameKeyGroups(checkpoint, vertex, snapshot);
        snapshots.set(vertex, (snapshots.get(vertex) ?? new Set()).add(snapshot));
      } else if (!options.allowNonRestoredState) throw nonRestored(checkpoint, operator);
    }
  }
  return ({ vertex, subtaskIndex }) => {
    const parts = [...(snapshots.get(vertex) ?? [])].map((snapshot) => partOf(snapshot, vertex, subtaskIndex));
    const shared = parts.flatMap((part) => part.shared);
    return {
      checkpointId: checkpoint.checkpointId,
      state: parts.flatMap((part) => part.owned),
      ...(shared.length === 0 ? {} : { shared }),
    };
  };
}

interface SubtaskPart {
  readonly owned: readonly StateHandle[];
  readonly shared: readonly StateHandle[];
}

/** Looks at no more of the old subtasks than it may take state from. */
function partOf(snapshot: VertexSnapshot, vertex: JobVertex, subtaskIndex: number): SubtaskPart {
  if (snapshot.parallelism === vertex.parallelism) return { owned: statesOf(snapshot, [subtaskIndex]), shared: [] };
  const owned: number[] = [];
  for (let oldIndex = subtaskIndex; oldIndex < snapshot.parallelism; oldIndex += vertex.parallelism)
    owned.push(oldIndex);
  const [first, last] = sharedWith(snapshot, vertex, subtaskIndex);
  const shared = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const others = shared.filter((oldIndex) => oldIndex % vertex.parallelism !== subtaskIndex);
  return { owned: statesOf(snapshot, owned), shared: statesOf(snapshot, others) };
}

function statesOf({ subtasks }: VertexSnapshot, oldIndexes: readonly number[]): readonly StateHandle[] {
  return oldIndexes.map((oldIndex) => subtasks[oldIndex]?.state).filter((state) => state !== undefined);
}

/** The first and the last of the old subtasks that have something of what the subtask takes over with others. */
function sharedWith(
  { parallelism }: VertexSnapshot,
  vertex: JobVertex,
  subtaskIndex: number,
): readonly [first: number, last: number] {
  if (vertex.operators.some(({ kind }) => kind === "source")) return [0, parallelism - 1];
  const { maxParallelism } = vertex;
  const { start, end } = keyGroupRangeOf(subtaskIndex, vertex.parallelism, maxParallelism);
  return [subtaskOfKeyGroup(start, parallelism, maxParallelism), subtaskOfKeyGroup(end, parallelism, maxParallelism)];
}

function requireSameKeyGroups(checkpoint: CompletedCheckpoint, vertex: JobVertex, snapshot: VertexSnapshot): void {
  const { maxParallelism } = snapshot;
  if (maxParallelism === vertex.maxParallelism) return;
  throw mismatch(
    checkpoint,
    `maxParallelism of ${vertex.name}: expected ${maxParallelism}, got ${vertex.maxParallelism}; it cannot change while there is state`,
  );
}

function nonRestored(checkpoint: CompletedCheckpoint, { id, name }: OperatorInSnapshot): SluiceException {
  return mismatch(
    checkpoint,
    `it has state of ${name} (${id}), which is not in the job. Give the operator the uid it had, or set allowNonRestoredState to drop its state`,
  );
}

function mismatch({ checkpointId, savepoint }: CompletedCheckpoint, what: string): SluiceException {
  const kind = savepoint === true ? "savepoint" : "checkpoint";
  return new SluiceException("CHECKPOINT", `${kind} ${checkpointId} does not fit the job: ${what}`);
}
