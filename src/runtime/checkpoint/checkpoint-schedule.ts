import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import type { CheckpointEnvironment, CheckpointEvent } from "./checkpoint-messages.ts";
import type { CheckpointRequest } from "./checkpoint-request.ts";

/**
 * The first periodic trigger comes uniformly within [minimum pause, period], so that jobs do not beat in step (CP-02).
 */
export function firstTrigger(
  { periodMillis, settings }: CheckpointCoordinatorState,
  { nowMillis, random }: CheckpointEnvironment,
): readonly CheckpointEvent[] {
  if (periodMillis === undefined) return [];
  const spread = periodMillis - settings.minPauseMillis;
  const delay = settings.minPauseMillis + Math.floor(random.next() * (spread + 1));
  return [{ kind: "trigger-scheduled", atMillis: nowMillis + delay }];
}

/** Whether no other checkpoint is begun by itself from this request on (SVP-05). */
export function pausesScheduling(request: CheckpointRequest): boolean {
  return request.kind === "savepoint" && request.afterwards !== "go-on";
}

/** What follows for the timer if `request` fails (SVP-07). */
export function resumption(
  state: CheckpointCoordinatorState,
  request: CheckpointRequest,
  environment: CheckpointEnvironment,
): readonly CheckpointEvent[] {
  if (!pausesScheduling(request) || !state.active) return [];
  return [{ kind: "scheduling-resumed" }, ...firstTrigger(state, environment)];
}
