import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import { NOTHING } from "./checkpoint-messages.ts";
import type {
  CheckpointDecision,
  CheckpointEnvironment,
  CheckpointEvent,
  CheckpointRequest,
} from "./checkpoint-messages.ts";
import { decideAbort, decideFinalize } from "./checkpoint-progress.ts";

/**
 * Ids are reserved in blocks, so that a trigger seldom writes; a later life of the JobMaster skips the rest of a block.
 */
export const CHECKPOINT_ID_BLOCK = 16;

/** What follows from the state and the time by themselves; to be asked until nothing follows. */
export function decideNext(state: CheckpointCoordinatorState, environment: CheckpointEnvironment): CheckpointDecision {
  const { nowMillis } = environment;
  for (const pending of state.pending.values()) {
    if (pending.finalizing === undefined && pending.acknowledged.size === pending.plan.waitFor.size) {
      return decideFinalize(state, pending, nowMillis);
    }
    if (state.expiryOf(pending) <= nowMillis) {
      return decideAbort(state, { pending, reason: "CHECKPOINT_EXPIRED" }, environment);
    }
  }
  if (!state.active) return NOTHING;
  const due = decideDue(state, nowMillis);
  if (due.events.length > 0) return due;
  // CP-04: at the limit requests wait.
  if (state.pending.size >= state.settings.maxConcurrent) return NOTHING;
  if (state.queued.has("final")) return decideTrigger(state, "final", environment);
  if (state.queued.has("periodic")) return decideTrigger(state, "periodic", environment);
  return NOTHING;
}

/** The periodic trigger: a fixed grid, times that were missed are left out. */
function decideDue(state: CheckpointCoordinatorState, nowMillis: number): CheckpointDecision {
  const { nextTriggerMillis, periodMillis } = state;
  if (periodMillis === undefined) return NOTHING;
  // A job without an interval begins to have a period when its data ends.
  if (nextTriggerMillis === undefined) {
    return { events: [{ kind: "trigger-scheduled", atMillis: nowMillis + periodMillis }], effects: [] };
  }
  if (nextTriggerMillis > nowMillis) return NOTHING;
  const missed = Math.floor((nowMillis - nextTriggerMillis) / periodMillis);
  const atMillis = nextTriggerMillis + (missed + 1) * periodMillis;
  return {
    events: [
      { kind: "trigger-scheduled", atMillis },
      { kind: "request-queued", request: "periodic" },
    ],
    effects: [],
  };
}

function decideTrigger(
  state: CheckpointCoordinatorState,
  request: CheckpointRequest,
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { nowMillis } = environment;
  const taken = { kind: "request-taken", request } as const;
  // CP-06: the minimum pause holds for periodic requests only.
  const earliest = (state.lastCompletionMillis ?? Number.NEGATIVE_INFINITY) + state.settings.minPauseMillis;
  if (request === "periodic" && nowMillis < earliest) {
    const refused = { kind: "trigger-refused", reason: "MINIMUM_TIME_BETWEEN_CHECKPOINTS", nowMillis } as const;
    return { events: [taken, refused, { kind: "trigger-scheduled", atMillis: earliest }], effects: [] };
  }
  const result = environment.plan();
  if (result.kind === "refused") {
    // CP-07: no id is consumed, and it is no failure to be tolerated.
    const refused = { kind: "trigger-refused", reason: "NOT_ALL_REQUIRED_TASKS_RUNNING", nowMillis } as const;
    return { events: [taken, refused], effects: [] };
  }
  const checkpointId = state.nextId;
  const events: CheckpointEvent[] = [taken];
  if (checkpointId > state.reservedUpTo) {
    events.push({ kind: "ids-reserved", upTo: checkpointId + CHECKPOINT_ID_BLOCK - 1 });
  }
  events.push({ kind: "triggered", checkpointId, request, plan: result.plan, nowMillis });
  const attemptIds = result.plan.trigger;
  return { events, effects: [{ kind: "trigger-tasks", checkpointId, timestampMillis: nowMillis, attemptIds }] };
}
