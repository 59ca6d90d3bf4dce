import type { AttemptTable } from "../executiongraph/attempt-table.ts";
import type { AcknowledgeCheckpoint } from "../messages/checkpoint-messages.ts";
import { stateSize } from "../messages/state-handle.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";
import type { CheckpointRequest } from "./checkpoint-request.ts";
import type { CompletedCheckpoint, SubtaskSnapshot } from "./completed-checkpoint.ts";

/** A checkpoint under way (Flink `PendingCheckpoint`). Changed by the coordinator's `apply` only. */
export interface PendingCheckpoint {
  readonly checkpointId: number;
  readonly request: CheckpointRequest;
  readonly triggerTimestampMillis: number;
  readonly plan: CheckpointPlan;
  readonly acknowledged: Pick<AttemptTable<AcknowledgeCheckpoint>, "size" | "entries" | "has">;
  /** What is being written, once fully acknowledged. */
  readonly finalizing: CompletedCheckpoint | undefined;
}

export type MutablePendingCheckpoint = Omit<PendingCheckpoint, "acknowledged" | "finalizing"> & {
  readonly acknowledged: AttemptTable<AcknowledgeCheckpoint>;
  finalizing: CompletedCheckpoint | undefined;
};

/** Keys of the objects that were written for this checkpoint so far. */
export function acknowledgedStateKeys(pending: PendingCheckpoint): readonly string[] {
  const keys: string[] = [];
  for (const acknowledgement of pending.acknowledged.entries) {
    if (acknowledgement?.state?.kind === "object") keys.push(acknowledgement.state.key);
  }
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
  const { plan, acknowledged } = pending;
  let size = 0;
  let place = 0;
  const subtasksOf = plan.places.vertices.map(({ id, parallelism }) => {
    const before = previous?.vertices.find(({ jobVertexId }) => jobVertexId === id);
    return Array.from({ length: parallelism }, (_, index): SubtaskSnapshot => {
      const awaited = plan.waitFor.hasPlace(place);
      const subtask = awaited
        ? subtaskSnapshot(acknowledged.entries[place])
        : { ...before?.subtasks[index], finished: true };
      size += stateSize(subtask.state);
      place += 1;
      return subtask;
    });
  });
  return {
    checkpointId: pending.checkpointId,
    ...(pending.request.kind === "savepoint" ? { savepoint: true } : {}),
    triggerTimestampMillis: pending.triggerTimestampMillis,
    completionTimestampMillis: nowMillis,
    stateSize: size,
    vertices: plan.places.vertices.map(({ id, operators, parallelism, maxParallelism }, index) => ({
      jobVertexId: id,
      operators: operators.map(({ id: operatorId, name, stateful }) => ({ id: operatorId, name, stateful })),
      parallelism,
      maxParallelism,
      subtasks: subtasksOf[index] ?? [],
    })),
  };
}

function subtaskSnapshot({ state, metrics }: Partial<AcknowledgeCheckpoint> = {}): SubtaskSnapshot {
  const sourcePosition = metrics?.sourcePosition;
  if (sourcePosition === undefined && state !== undefined) return { finished: false, state };
  return {
    finished: false,
    ...(state === undefined ? {} : { state }),
    ...(sourcePosition === undefined ? {} : { sourcePosition }),
  };
}
