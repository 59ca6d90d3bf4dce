import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID } from "../../common/ids.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import { describeFailure, isCountedFailure, type CheckpointFailureReason } from "./checkpoint-failure-reason.ts";
import { NOTHING } from "./checkpoint-messages.ts";
import type {
  CheckpointDecision,
  CheckpointEffect,
  CheckpointEnvironment,
  CheckpointEvent,
  CheckpointInput,
} from "./checkpoint-messages.ts";
import { stateKeysOf, type StoredCheckpoint } from "./completed-checkpoint.ts";
import { acknowledgedStateKeys, completeCheckpoint, type PendingCheckpoint } from "./pending-checkpoint.ts";

/**
 * Acknowledgements of one TaskExecutor (contract CP-12 to CP-14): each expected attempt counts once; state that no
 * checkpoint will refer to is discarded.
 */
export function decideAcknowledge(
  state: CheckpointCoordinatorState,
  input: CheckpointInput & { readonly kind: "acknowledged" },
  nowMillis: number,
): CheckpointDecision {
  const { checkpointId, acknowledgements } = input;
  const pending = state.pending.get(checkpointId);
  const events: CheckpointEvent[] = [];
  const stray: string[] = [];
  const seen = new Set<ExecutionAttemptID>();
  for (const acknowledgement of acknowledgements) {
    const { attemptId } = acknowledgement;
    if (pending?.acknowledged.has(attemptId) === true || seen.has(attemptId)) continue;
    if (pending?.plan.waitFor.has(attemptId) === true) {
      seen.add(attemptId);
      events.push({ kind: "acknowledged", checkpointId, acknowledgement, nowMillis });
    } else if (acknowledgement.state?.kind === "object" && !state.isRetained(acknowledgement.state.key)) {
      // Not if it is retained: a repeated acknowledgement of a checkpoint that is complete.
      stray.push(acknowledgement.state.key);
    }
  }
  return { events, effects: discard(stray, []) };
}

/** All acknowledgements are in. */
export function decideFinalize(
  state: CheckpointCoordinatorState,
  pending: PendingCheckpoint,
  nowMillis: number,
): CheckpointDecision {
  const checkpoint = completeCheckpoint(pending, state.latestCompleted, nowMillis);
  return { events: [{ kind: "finalizing", checkpoint }], effects: [{ kind: "write-metadata", checkpoint }] };
}

/**
 * The metadata is durable (contract CP-18, CP-25): the checkpoint joins the retained ones, the oldest above the number
 * retained is dropped, older pending ones are subsumed, tasks are told.
 */
export function decideCompleted(
  state: CheckpointCoordinatorState,
  input: CheckpointInput & { readonly kind: "metadata-written" },
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { checkpointId, pointer, etag } = input;
  const pending = state.pending.get(checkpointId);
  // Aborted meanwhile: the object belongs to nothing.
  if (pending?.finalizing === undefined) return { events: [], effects: discard([], [pointer]) };
  const checkpoint: StoredCheckpoint = { ...pending.finalizing, pointer, etag };
  const all = [...state.completed, checkpoint];
  const retained = all.slice(-Math.max(1, state.settings.retained));
  const dropped = all.slice(0, all.length - retained.length);
  const needed = new Set(retained.flatMap(stateKeysOf));
  const subsumed = [...state.pending.values()]
    .filter((other) => other.checkpointId < checkpointId)
    .map((other) => decideAbort(state, { pending: other, reason: "CHECKPOINT_SUBSUMED" }, environment));
  return {
    events: [
      {
        kind: "completed",
        checkpoint,
        dropped: dropped.map((old) => old.checkpointId),
        nowMillis: environment.nowMillis,
      },
      ...subsumed.flatMap(({ events }) => events),
    ],
    effects: [
      { kind: "notify-complete", checkpointId, timestampMillis: checkpoint.triggerTimestampMillis },
      ...subsumed.flatMap(({ effects }) => effects),
      ...discard(
        dropped.flatMap(stateKeysOf).filter((key) => !needed.has(key)),
        dropped.map((old) => old.pointer),
      ),
    ],
  };
}

/** A checkpoint that will not be. */
export interface Abort {
  readonly pending: PendingCheckpoint;
  readonly reason: CheckpointFailureReason;
  readonly detail?: string | undefined;
  /** Whose doing it is, if one attempt's. */
  readonly attemptId?: ExecutionAttemptID;
}

/** Ends a pending checkpoint; one counted failure too many fails the job (contract CP-15, CP-17, CP-20, CP-23). */
export function decideAbort(
  state: CheckpointCoordinatorState,
  abort: Abort,
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { pending, reason, detail, attemptId } = abort;
  const { checkpointId } = pending;
  const { nowMillis } = environment;
  if (!state.pending.has(checkpointId)) return NOTHING;
  const message = describeFailure(reason, detail);
  const latestCompletedId = state.latestCompleted?.checkpointId ?? NO_CHECKPOINT;
  const events: CheckpointEvent[] = [{ kind: "aborted", checkpointId, reason, message, nowMillis }];
  const effects: CheckpointEffect[] = [
    { kind: "notify-aborted", checkpointId, latestCompletedId },
    ...discard(acknowledgedStateKeys(pending), []),
  ];
  const counted = isCountedFailure(reason) && checkpointId > latestCompletedId;
  if (counted && state.consecutiveFailures + 1 > state.settings.tolerableFailed) {
    events.push({ kind: "failures-exceeded" });
    if (attemptId === undefined || environment.isRunning(attemptId)) {
      const tolerated = `more checkpoints failed in a row than tolerated (${state.settings.tolerableFailed})`;
      const cause = new SluiceException("CHECKPOINT", `${tolerated}; checkpoint ${checkpointId}: ${message}`);
      effects.push({ kind: "fail-job", failure: serializeThrowable(cause) });
    }
  }
  return { events, effects };
}

/** Latest completed id where there is none (CP-19). */
const NO_CHECKPOINT = -1;

function discard(stateKeys: readonly string[], pointers: readonly string[]): readonly CheckpointEffect[] {
  return stateKeys.length === 0 && pointers.length === 0 ? [] : [{ kind: "discard", stateKeys, pointers }];
}
