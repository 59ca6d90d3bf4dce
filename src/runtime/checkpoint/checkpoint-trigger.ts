import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import { describeFailure, requestFailure, type CheckpointFailureReason } from "./checkpoint-failure-reason.ts";
import { NOTHING } from "./checkpoint-messages.ts";
import type { CheckpointDecision, CheckpointEnvironment, CheckpointEvent } from "./checkpoint-messages.ts";
import { decideAbort, decideFinalize } from "./checkpoint-progress.ts";
import { isAwaited, MAX_QUEUED_REQUESTS, optionsOf } from "./checkpoint-request.ts";
import type { AwaitedRequest, CheckpointRequest } from "./checkpoint-request.ts";
import { pausesScheduling, resumption } from "./checkpoint-schedule.ts";

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
  const request = state.queued.find((queued) => mayBegin(state, queued));
  return request === undefined ? NOTHING : decideTrigger(state, request, environment);
}

/** CP-04: at the limit only savepoints begin, whose barriers are aligned (SVP-02). */
function mayBegin(state: CheckpointCoordinatorState, request: CheckpointRequest): boolean {
  if (request.kind === "savepoint") return true;
  if (state.paused && request.kind !== "manual") return false;
  return state.pending.size < state.settings.maxConcurrent;
}

/** Takes up what somebody asked for (CP-05, SVP-05). */
export function decideRequest(
  state: CheckpointCoordinatorState,
  request: AwaitedRequest,
  { nowMillis }: CheckpointEnvironment,
): CheckpointDecision {
  if (!state.active) return refuse(request, "NOT_ALL_REQUIRED_TASKS_RUNNING", nowMillis);
  const last = state.queued.at(-1);
  const full = state.queued.length >= MAX_QUEUED_REQUESTS;
  if (full && last?.kind !== "periodic") return refuse(request, "TOO_MANY_CHECKPOINT_REQUESTS", nowMillis);
  const events: CheckpointEvent[] = [];
  if (full && last !== undefined) events.push({ kind: "request-taken", request: last });
  if (pausesScheduling(request)) events.push({ kind: "scheduling-paused" });
  return { events: [...events, { kind: "request-queued", request }], effects: [] };
}

/** A request that comes to nothing: no id is consumed, and it is no failure to be tolerated (CP-07). */
export function refuse(
  request: CheckpointRequest,
  reason: CheckpointFailureReason,
  nowMillis: number,
): CheckpointDecision {
  const events: CheckpointEvent[] = [{ kind: "trigger-refused", request, reason, nowMillis }];
  if (!isAwaited(request)) return { events, effects: [] };
  const failure = requestFailure(reason, describeFailure(reason, undefined));
  return { events, effects: [{ kind: "request-settled", request, outcome: { kind: "failed", failure } }] };
}

/** The periodic trigger: a fixed grid, times that were missed are left out. */
function decideDue(state: CheckpointCoordinatorState, nowMillis: number): CheckpointDecision {
  const { nextTriggerMillis, periodMillis } = state;
  if (periodMillis === undefined || state.paused) return NOTHING;
  // A job without an interval begins to have a period when its data ends.
  if (nextTriggerMillis === undefined) {
    return { events: [{ kind: "trigger-scheduled", atMillis: nowMillis + periodMillis }], effects: [] };
  }
  if (nextTriggerMillis > nowMillis) return NOTHING;
  const missed = Math.floor((nowMillis - nextTriggerMillis) / periodMillis);
  const atMillis = nextTriggerMillis + (missed + 1) * periodMillis;
  const events: CheckpointEvent[] = [{ kind: "trigger-scheduled", atMillis }];
  // One that waits is enough.
  if (!state.queued.some(({ kind }) => kind === "periodic")) {
    events.push({ kind: "request-queued", request: { kind: "periodic" } });
  }
  return { events, effects: [] };
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
  if (request.kind === "periodic" && nowMillis < earliest) {
    const { events } = refuse(request, "MINIMUM_TIME_BETWEEN_CHECKPOINTS", nowMillis);
    return { events: [taken, ...events, { kind: "trigger-scheduled", atMillis: earliest }], effects: [] };
  }
  const result = environment.plan();
  if (result.kind === "refused") {
    const { events, effects } = refuse(request, "NOT_ALL_REQUIRED_TASKS_RUNNING", nowMillis);
    return { events: [taken, ...events, ...resumption(state, request, environment)], effects };
  }
  const checkpointId = state.nextId;
  const events: CheckpointEvent[] = [taken];
  if (checkpointId > state.reservedUpTo) {
    events.push({ kind: "ids-reserved", upTo: checkpointId + CHECKPOINT_ID_BLOCK - 1 });
  }
  events.push({ kind: "triggered", checkpointId, request, plan: result.plan, nowMillis });
  const attemptIds = result.plan.trigger;
  const options = optionsOf(request);
  return {
    events,
    effects: [{ kind: "trigger-tasks", checkpointId, timestampMillis: nowMillis, options, attemptIds }],
  };
}
