import type { Random } from "../../common/random.ts";
import { calculateCheckpointPlan } from "./checkpoint-plan.ts";
import type { CheckpointCoordinatorState } from "./checkpoint-coordinator-state.ts";
import { decideAbort, decideAcknowledge, decideCompleted } from "./checkpoint-progress.ts";
import { firstTrigger } from "./checkpoint-schedule.ts";
import { decideNext, decideRequest, refuse } from "./checkpoint-trigger.ts";
import { NOTHING } from "./checkpoint-messages.ts";
import type {
  CheckpointDecision,
  CheckpointEffect,
  CheckpointEnvironment,
  CheckpointEvent,
  CheckpointInput,
} from "./checkpoint-messages.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";

/** What an input means for a job's checkpoints, without doing it. Pure; what is outdated or repeated gives nothing. */
export function decide(
  state: CheckpointCoordinatorState,
  input: CheckpointInput,
  environment: CheckpointEnvironment,
): CheckpointDecision {
  const { nowMillis } = environment;
  switch (input.kind) {
    case "activate":
      return state.active ? NOTHING : decideActivate(state, environment);
    case "deactivate": {
      if (!state.active) return NOTHING;
      const aborts = [...state.pending.values()].map((pending) =>
        decideAbort(state, { pending, reason: "CHECKPOINT_COORDINATOR_SUSPEND" }, environment),
      );
      const refusals = state.queued.map((request) => refuse(request, "CHECKPOINT_COORDINATOR_SUSPEND", nowMillis));
      return {
        events: [...aborts.flatMap(({ events }) => events), { kind: "deactivated" }],
        // Tasks of other regions run on, and some may have stopped for a savepoint. The job is failing over already, or over.
        effects: [...aborts, ...refusals].flatMap(({ effects }) => effects).filter(({ kind }) => kind !== "fail-job"),
      };
    }
    case "end-of-data": {
      if (!state.active || state.endOfData) return NOTHING;
      const events: CheckpointEvent[] = [
        { kind: "end-of-data-reached" },
        { kind: "request-queued", request: { kind: "final" } },
      ];
      return { events, effects: [] };
    }
    case "idle":
      return decideIdle(state, nowMillis);
    case "request":
      return decideRequest(state, input.request, environment);
    case "tick":
      return NOTHING;
    case "acknowledged":
      return decideAcknowledge(state, input, nowMillis);
    case "declined": {
      const pending = state.pending.get(input.decline.checkpointId);
      const { reason, attemptId, failure } = input.decline;
      if (pending === undefined) return NOTHING;
      const detail = failure === undefined ? undefined : `${failure.name}: ${failure.message}`;
      return decideAbort(state, { pending, reason, detail, declinedBy: attemptId }, environment);
    }
    case "trigger-failed": {
      const pending = state.pending.get(input.checkpointId);
      if (pending === undefined) return NOTHING;
      return decideAbort(state, { pending, reason: "TRIGGER_CHECKPOINT_FAILURE", detail: input.detail }, environment);
    }
    case "metadata-written":
      return decideCompleted(state, input, environment);
    case "metadata-failed": {
      const pending = state.pending.get(input.checkpointId);
      if (pending === undefined) return NOTHING;
      return decideAbort(state, { pending, reason: "FINALIZE_CHECKPOINT_FAILURE", detail: input.detail }, environment);
    }
    case "tasks-ended": {
      const stuck = [...state.pending.values()].filter(({ plan, acknowledged }) =>
        input.attemptIds.some((attemptId) => plan.waitFor.has(attemptId) && !acknowledged.has(attemptId)),
      );
      const aborts = stuck.map((pending) =>
        decideAbort(state, { pending, reason: "CHECKPOINT_DECLINED_TASK_CLOSING" }, environment),
      );
      return { events: aborts.flatMap(({ events }) => events), effects: aborts.flatMap(({ effects }) => effects) };
    }
    case "restore": {
      const checkpoint = state.latestCompleted;
      return checkpoint === undefined
        ? NOTHING
        : { events: [{ kind: "restored", checkpoint, nowMillis }], effects: [] };
    }
  }
}

/** A periodic checkpoint ahead of its time, if none is under way; the minimum pause holds (CP-06). */
function decideIdle(state: CheckpointCoordinatorState, nowMillis: number): CheckpointDecision {
  const { isQuiet, lastCompletionMillis = Number.NEGATIVE_INFINITY, settings } = state;
  if (!isQuiet || nowMillis < lastCompletionMillis + settings.minPauseMillis) return NOTHING;
  return { events: [{ kind: "request-queued", request: { kind: "periodic" } }], effects: [] };
}

function decideActivate(state: CheckpointCoordinatorState, environment: CheckpointEnvironment): CheckpointDecision {
  return { events: [{ kind: "activated" }, ...firstTrigger(state, environment)], effects: [] };
}

/** Decides and applies, until nothing follows (Flink `CheckpointCoordinator`). */
export class CheckpointCoordinator {
  readonly state: CheckpointCoordinatorState;
  readonly #graph: ExecutionGraph;
  readonly #clock: { now(): number };
  readonly #random: Random;
  readonly #onEvent: (event: CheckpointEvent) => void;

  /** @param onEvent called after each event was applied: statistics, and what has to be stored with it. */
  constructor(
    state: CheckpointCoordinatorState,
    sources: { readonly graph: ExecutionGraph; readonly clock: { now(): number }; readonly random: Random },
    onEvent: (event: CheckpointEvent) => void,
  ) {
    this.state = state;
    this.#graph = sources.graph;
    this.#clock = sources.clock;
    this.#random = sources.random;
    this.#onEvent = onEvent;
  }

  /** @returns what is to be done now, in order. */
  handle(input: CheckpointInput): readonly CheckpointEffect[] {
    const environment: CheckpointEnvironment = {
      nowMillis: this.#clock.now(),
      random: this.#random,
      plan: () => calculateCheckpointPlan(this.#graph),
      isRunning: (attemptId) => {
        const state = this.#graph.stateOf(attemptId);
        return state === "INITIALIZING" || state === "RUNNING";
      },
    };
    const effects: CheckpointEffect[] = [];
    let decision = decide(this.state, input, environment);
    do {
      for (const event of decision.events) {
        this.state.apply(event);
        this.#onEvent(event);
      }
      effects.push(...decision.effects);
      decision = decideNext(this.state, environment);
    } while (decision.events.length > 0);
    return effects;
  }
}
