import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { AcknowledgeCheckpoint } from "../messages/checkpoint-messages.ts";
import { stateSize, type StateHandle } from "../messages/state-handle.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";
import type { CheckpointRequest } from "./checkpoint-request.ts";
import type { CompletedCheckpoint, SubtaskSnapshot } from "./completed-checkpoint.ts";

/** A checkpoint under way (Flink `PendingCheckpoint`). Changed by the coordinator's `apply` only. */
export interface PendingCheckpoint {
  readonly checkpointId: number;
  readonly request: CheckpointRequest;
  readonly triggerTimestampMillis: number;
  readonly plan: CheckpointPlan;
  readonly acknowledged: ReadonlyMap<ExecutionAttemptID, AcknowledgeCheckpoint>;
  /** What is being written, once fully acknowledged. */
  readonly finalizing: CompletedCheckpoint | undefined;
}

export type MutablePendingCheckpoint = Omit<PendingCheckpoint, "acknowledged" | "finalizing"> & {
  readonly acknowledged: Map<ExecutionAttemptID, AcknowledgeCheckpoint>;
  finalizing: CompletedCheckpoint | undefined;
};

/** Keys of the objects that were written for this checkpoint so far. */
export function acknowledgedStateKeys(pending: PendingCheckpoint): readonly string[] {
  const keys: string[] = [];
  for (const { state } of pending.acknowledged.values()) if (state?.kind === "object") keys.push(state.key);
  return keys;
}

/**
 * The checkpoint as it will be stored, all acknowledgements in. A subtask that had finished before keeps the state of
 * `previous`, the latest completed checkpoint: the one that let it finish.
 */
export function completeCheckpoint(
  pending: PendingCheckpoint,
  previous: CompletedCheckpoint | undefined,
  nowMillis: number,
): CompletedCheckpoint {
  const subtasksOf: SubtaskSnapshot[][] = pending.plan.vertices.map(({ id, parallelism }) => {
    const before = previous?.vertices.find(({ jobVertexId }) => jobVertexId === id);
    return Array.from({ length: parallelism }, (_, index) => ({ ...before?.subtasks[index], finished: true }));
  });
  let size = 0;
  for (const [attemptId, { vertexIndex, subtaskIndex }] of pending.plan.waitFor) {
    const { state, metrics } = pending.acknowledged.get(attemptId) ?? {};
    const subtasks = subtasksOf[vertexIndex];
    if (subtasks !== undefined) subtasks[subtaskIndex] = subtaskSnapshot(state, metrics?.sourcePosition);
  }
  for (const subtasks of subtasksOf) for (const { state } of subtasks) size += stateSize(state);
  return {
    checkpointId: pending.checkpointId,
    ...(pending.request.kind === "savepoint" ? { savepoint: true } : {}),
    triggerTimestampMillis: pending.triggerTimestampMillis,
    completionTimestampMillis: nowMillis,
    stateSize: size,
    vertices: pending.plan.vertices.map(({ id, operators, parallelism, maxParallelism }, index) => ({
      jobVertexId: id,
      operators: operators.map(({ id: operatorId, name, stateful }) => ({ id: operatorId, name, stateful })),
      parallelism,
      maxParallelism,
      subtasks: subtasksOf[index] ?? [],
    })),
  };
}

function subtaskSnapshot(state: StateHandle | undefined, sourcePosition: number | undefined): SubtaskSnapshot {
  return {
    finished: false,
    ...(state === undefined ? {} : { state }),
    ...(sourcePosition === undefined ? {} : { sourcePosition }),
  };
}
