import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID } from "../../common/ids.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import { describeFailure, isCountedFailure, requestFailure } from "./checkpoint-failure-reason.ts";
import type { CheckpointFailureReason } from "./checkpoint-failure-reason.ts";
import { NOTHING } from "./checkpoint-messages.ts";
import type {
  CheckpointDecision,
  CheckpointEffect,
  CheckpointEnvironment,
  CheckpointEvent,
  CheckpointInput,
  RequestOutcome,
} from "./checkpoint-messages.ts";
import { isAwaited, stopsTasks } from "./checkpoint-request.ts";
import { resumption } from "./checkpoint-schedule.ts";
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
  const directory = pending.request.kind === "savepoint" ? { directory: pending.request.directory } : {};
  const effects: CheckpointEffect[] = [{ kind: "write-metadata", checkpoint, ...directory }];
  return { events: [{ kind: "finalizing", checkpoint }], effects };
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
  if (checkpoint.savepoint === true) return decideSavepointCompleted(state, { pending, checkpoint }, environment);
  const all = [...state.completed, checkpoint];
  const retained = all.slice(-Math.max(1, state.settings.retained));
  const dropped = all.slice(0, all.length - retained.length);
  const subsumed = decideSubsumed(state, checkpointId, environment);
  const discardable = dropped.filter(({ unclaimed }) => unclaimed !== true);
  const needed = new Set(discardable.length === 0 ? [] : retained.flatMap(stateKeysOf));
  return {
    events: [
      {
        kind: "completed",
        checkpoint,
        dropped: dropped.map((old) => old.checkpointId),
        nowMillis: environment.nowMillis,
      },
      ...subsumed.events,
    ],
    effects: [
      ...settled(pending, { kind: "completed", checkpoint }),
      { kind: "notify-complete", checkpointId, timestampMillis: checkpoint.triggerTimestampMillis },
      ...subsumed.effects,
      ...discard(
        discardable.flatMap(stateKeysOf).filter((key) => !needed.has(key)),
        discardable.map((old) => old.pointer),
      ),
    ],
  };
}

/** Not retained, subsumes nothing, and tasks hear of it only if they end with it (SVP-03, SVP-05). */
function decideSavepointCompleted(
  state: CheckpointCoordinatorState,
  completed: { readonly pending: PendingCheckpoint; readonly checkpoint: StoredCheckpoint },
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { pending, checkpoint } = completed;
  const { checkpointId, triggerTimestampMillis } = checkpoint;
  const event = { kind: "savepoint-completed", checkpoint, nowMillis: environment.nowMillis } as const;
  const effects = settled(pending, { kind: "completed", checkpoint });
  if (!stopsTasks(pending.request)) return { events: [event], effects };
  const subsumed = decideSubsumed(state, checkpointId, environment);
  return {
    events: [event, ...subsumed.events],
    effects: [
      ...effects,
      { kind: "notify-complete", checkpointId, timestampMillis: triggerTimestampMillis },
      ...subsumed.effects,
    ],
  };
}

/** Older checkpoints that are pending still; savepoints are not subsumed (CP-18). */
function decideSubsumed(
  state: CheckpointCoordinatorState,
  checkpointId: number,
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const aborts = [...state.pending.values()]
    .filter((other) => other.checkpointId < checkpointId && other.request.kind !== "savepoint")
    .map((other) => decideAbort(state, { pending: other, reason: "CHECKPOINT_SUBSUMED" }, environment));
  return { events: aborts.flatMap(({ events }) => events), effects: aborts.flatMap(({ effects }) => effects) };
}

function settled({ request }: PendingCheckpoint, outcome: RequestOutcome): readonly CheckpointEffect[] {
  return isAwaited(request) ? [{ kind: "request-settled", request, outcome }] : [];
}

/** A checkpoint that will not be. */
export interface Abort {
  readonly pending: PendingCheckpoint;
  readonly reason: CheckpointFailureReason;
  readonly detail?: string | undefined;
  /** The attempt that declined it, if one did. */
  readonly declinedBy?: ExecutionAttemptID;
}

/** Ends a pending checkpoint; one counted failure too many fails the job (contract CP-15, CP-17, CP-20, CP-23, CP-24). */
export function decideAbort(
  state: CheckpointCoordinatorState,
  abort: Abort,
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { pending, reason, detail, declinedBy } = abort;
  const { checkpointId, request } = pending;
  const { nowMillis } = environment;
  if (!state.pending.has(checkpointId)) return NOTHING;
  const message = describeFailure(reason, detail);
  const latestCompletedId = state.latestCompleted?.checkpointId ?? NO_CHECKPOINT;
  // CP-24: of savepoints only what a task declined counts.
  const countable = request.kind !== "savepoint" || (declinedBy !== undefined && !stopsTasks(request));
  const counted = countable && isCountedFailure(reason) && checkpointId > latestCompletedId;
  const events: CheckpointEvent[] = [
    { kind: "aborted", checkpointId, counted, reason, message, nowMillis },
    ...resumption(state, request, environment),
  ];
  const effects: CheckpointEffect[] = [
    { kind: "notify-aborted", checkpointId, latestCompletedId },
    ...discard(acknowledgedStateKeys(pending), []),
    ...settled(pending, { kind: "failed", failure: requestFailure(reason, message) }),
  ];
  if (counted && state.consecutiveFailures + 1 > state.settings.tolerableFailed) {
    events.push({ kind: "failures-exceeded" });
    if (declinedBy === undefined || environment.isRunning(declinedBy)) {
      const tolerated = `more checkpoints failed in a row than tolerated (${state.settings.tolerableFailed})`;
      effects.push(failJob(`${tolerated}; checkpoint ${checkpointId}: ${message}`));
    }
  }
  // CP-24; and what was drained has ended its data, so only an earlier checkpoint can go on.
  if (stopsTasks(request) && (declinedBy !== undefined || request.afterwards === "drain")) {
    effects.push(failJob(`the savepoint ${checkpointId} that the job was to end with failed: ${message}`));
  }
  return { events, effects };
}

function failJob(message: string): CheckpointEffect {
  return { kind: "fail-job", failure: serializeThrowable(new SluiceException("CHECKPOINT", message)) };
}

/** Latest completed id where there is none (CP-19). */
const NO_CHECKPOINT = -1;

function discard(stateKeys: readonly string[], pointers: readonly string[]): readonly CheckpointEffect[] {
  return stateKeys.length === 0 && pointers.length === 0 ? [] : [{ kind: "discard", stateKeys, pointers }];
}
