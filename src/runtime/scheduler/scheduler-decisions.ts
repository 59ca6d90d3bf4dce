import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { Execution } from "../executiongraph/execution.ts";
import { attemptIdOf, newAttemptBatch } from "../messages/execution-attempt-id.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { JobStatus } from "../messages/job-status.ts";
import { decideCancelTasks, decideFailover, decideRecovery, decideRecoveryRestart, idsOf } from "./failover.ts";
import { NOTHING } from "./scheduler-messages.ts";
import type { SchedulerDecision, SchedulerEnvironment, SchedulerEvent, SchedulerInput } from "./scheduler-messages.ts";
import type { PendingRestart, SchedulerState } from "./scheduler-state.ts";
import { decideTaskUpdate } from "./task-update.ts";

/**
 * What an input means for a job, without doing it. Pure; what is outdated or repeated gives nothing.
 */
export function decide(
  state: SchedulerState,
  input: SchedulerInput,
  environment: SchedulerEnvironment,
): SchedulerDecision {
  const { graph } = state;
  const { nowMillis } = environment;
  switch (input.kind) {
    case "create": {
      const events: SchedulerEvent[] = [
        firstAttempts(state, input.attemptNumber, environment),
        { kind: "job-status-changed", status: "CREATED", nowMillis },
      ];
      return {
        events:
          input.recovery === undefined ? events : [...events, ...decideRecovery(state, input.recovery, environment)],
        effects: [],
      };
    }
    case "start":
      if (graph.status !== "CREATED") return NOTHING;
      return decideStart(state, nowMillis);
    case "cancel":
      return decideCancel(state, nowMillis);
    case "slots-fulfilled": {
      const attemptIds = state.slotRequests.get(input.slotRequestId);
      if (attemptIds === undefined) return NOTHING;
      return {
        events: [
          { kind: "slots-assigned", attemptIds, slots: input.slots },
          { kind: "executions-changed", attemptIds, state: "DEPLOYING", nowMillis },
        ],
        effects: [{ kind: "deploy-tasks", attemptIds }],
      };
    }
    case "tasks-adopted":
      if (!state.slotRequests.has(input.slotRequestId)) return NOTHING;
      return { events: [{ kind: "executions-adopted", attempts: input.attempts, nowMillis }], effects: [] };
    case "recovery-restart":
      return decideRecoveryRestart(state, input.failure, nowMillis);
    case "slot-request-failed": {
      const attemptIds = state.slotRequests.get(input.slotRequestId);
      if (attemptIds === undefined) return NOTHING;
      return decideFailover(state, { failed: firstOfEachRegion(state, attemptIds), cause: input.failure }, environment);
    }
    case "slots-lost": {
      const lost = graph
        .executions()
        .filter(
          ({ slot, state: executionState }) =>
            slot !== undefined &&
            input.allocationIds.has(slot.allocationId) &&
            !isTerminalExecutionState(executionState),
        );
      const failed = lost.filter((execution) => execution.state !== "CANCELING");
      const canceled = lost.filter((execution) => execution.state === "CANCELING");
      if (lost.length === 0) return NOTHING;
      if (failed.length === 0) return { events: [changed(canceled, "CANCELED", nowMillis)], effects: [] };
      return decideFailover(state, { failed, canceled, cause: input.failure }, environment);
    }
    case "deployment-acknowledged": {
      const attemptIds = input.attemptIds.filter((attemptId) => graph.stateOf(attemptId) !== undefined);
      return attemptIds.length === 0 ? NOTHING : { events: [{ kind: input.kind, attemptIds }], effects: [] };
    }
    case "task-updated":
      return decideTaskUpdate(state, input.update, environment);
    case "attempt-failed":
      return ofKnown(state, input.attemptId, (execution) => {
        if (isTerminalExecutionState(execution.state) || execution.state === "CANCELING") return NOTHING;
        const failover = decideFailover(state, { failed: [execution], cause: input.failure }, environment);
        // It may run nevertheless: a submit whose answer got lost.
        const cancel = { kind: "cancel-tasks", attemptIds: [input.attemptId] } as const;
        return { events: failover.events, effects: [cancel, ...failover.effects] };
      });
    case "cancel-failed":
      return ofKnown(state, input.attemptId, (execution) =>
        execution.state === "CANCELING"
          ? { events: [changed([execution], "CANCELED", nowMillis)], effects: [] }
          : NOTHING,
      );
    case "fail":
      if (graph.status !== "CREATED") return NOTHING;
      return {
        events: [
          {
            kind: "job-status-changed",
            status: "FAILING",
            nowMillis,
            ...(input.failure === undefined ? {} : { failure: input.failure }),
          },
        ],
        effects: [],
      };
    case "global-failure":
      return decideFailover(state, { failed: [], cause: input.failure }, environment);
    case "stopping":
      return graph.status === "RUNNING" ? { events: [input], effects: [] } : NOTHING;
    case "restart-delay-elapsed":
      return state.pendingRestarts.has(input.restartId) ? { events: [input], effects: [] } : NOTHING;
    case "end-of-data": {
      const attemptIds = input.attemptIds.filter((attemptId) => graph.execution(attemptId)?.endOfData === false);
      return attemptIds.length === 0 ? NOTHING : { events: [{ kind: "end-of-data", attemptIds }], effects: [] };
    }
    case "metrics-reported":
      return ofKnown(state, input.attemptId, (execution) =>
        isTerminalExecutionState(execution.state) ? NOTHING : { events: [input], effects: [] },
      );
    case "progress-made":
      return graph.restarts.freeWithoutProgress === 0 ? NOTHING : { events: [input], effects: [] };
  }
}

/**
 * What follows from the state by itself, after any input; to be asked until nothing follows. Constant time unless it
 * restarts.
 */
export function decideNext(state: SchedulerState, environment: SchedulerEnvironment): SchedulerDecision {
  const { graph } = state;
  const { nowMillis } = environment;
  switch (graph.status) {
    case "RUNNING":
      return graph.size > 0 && graph.counts.FINISHED === graph.size ? terminated("FINISHED", nowMillis) : NOTHING;
    case "FAILING":
    case "CANCELLING":
      // An end decided in an earlier life: the attempts of this one were never started.
      if (graph.counts.CREATED > 0) return decideCancelTasks(state, {}, nowMillis);
      if (!graph.allTerminal) return NOTHING;
      return terminated(graph.status === "FAILING" ? "FAILED" : "CANCELED", nowMillis);
    case "RESTARTING": {
      // FO-07: both the delay and every cancel, whichever ends last.
      const due = [...state.pendingRestarts.values()].find(({ delayElapsed, live }) => delayElapsed && live === 0);
      return due === undefined ? NOTHING : decideRestartOf(state, due, environment);
    }
    default:
      return NOTHING;
  }
}

/** SCH-01: the whole job is one batch. */
function decideStart(state: SchedulerState, nowMillis: number): SchedulerDecision {
  const executions = state.graph.executions();
  const { events, effects } = decideSchedule(
    state,
    { attemptIds: idsOf(executions), slots: slotsOf(executions) },
    nowMillis,
  );
  return { events: [{ kind: "job-status-changed", status: "RUNNING", nowMillis }, ...events], effects };
}

/** FO-09, FO-10: new attempts for the regions; the job runs again when no other region waits. */
function decideRestartOf(
  state: SchedulerState,
  { regions }: PendingRestart,
  environment: SchedulerEnvironment,
): SchedulerDecision {
  const restarting = new Set(regions);
  const { nowMillis, ids } = environment;
  const batch = newAttemptBatch(ids);
  const ended = state.graph.executions().filter((execution) => restarting.has(state.regions.of(execution)));
  const attemptIds = ended.map(({ place }) => attemptIdOf(batch, place));
  const schedule = decideSchedule(state, { attemptIds, slots: slotsOf(ended) }, nowMillis);
  const running: readonly SchedulerEvent[] =
    state.pendingRestarts.size > 1 ? [] : [{ kind: "job-status-changed", status: "RUNNING", nowMillis }];
  return {
    events: [{ kind: "executions-reset", attemptIds, attemptNumber: 0, nowMillis }, ...running, ...schedule.events],
    effects: [{ kind: "restore-state" }, ...schedule.effects],
  };
}

/** One batch: it is deployed when all its slots are there (SCH-04). */
function decideSchedule(
  state: SchedulerState,
  { attemptIds, slots }: { readonly attemptIds: readonly ExecutionAttemptID[]; readonly slots: number },
  nowMillis: number,
): SchedulerDecision {
  const slotRequestId = state.slotRequestId + 1;
  return {
    events: [
      { kind: "executions-changed", attemptIds, state: "SCHEDULED", nowMillis },
      { kind: "slots-requested", slotRequestId, attemptIds },
    ],
    effects: [{ kind: "request-slots", slotRequestId, slots }],
  };
}

/** One per subtask index (SCH-07). */
function slotsOf(executions: readonly Execution[]): number {
  return new Set(executions.map(({ subtaskIndex }) => subtaskIndex)).size;
}

function decideCancel(state: SchedulerState, nowMillis: number): SchedulerDecision {
  switch (state.graph.status) {
    case "CREATED":
    case "RUNNING":
    case "RESTARTING":
    case "FAILING": {
      const cancellation = decideCancelTasks(state, {}, nowMillis);
      return {
        events: [{ kind: "job-status-changed", status: "CANCELLING", nowMillis }, ...cancellation.events],
        effects: cancellation.effects,
      };
    }
    default:
      return NOTHING;
  }
}

function firstAttempts(
  { graph }: SchedulerState,
  attemptNumber: number,
  { ids, nowMillis }: SchedulerEnvironment,
): SchedulerEvent {
  const batch = newAttemptBatch(ids);
  const attemptIds = Array.from({ length: graph.size }, (_, place) => attemptIdOf(batch, place));
  return { kind: "executions-reset", attemptIds, attemptNumber, nowMillis };
}

/** All regions of a batch fail with their slot request; one attempt of each is enough to say so. */
function firstOfEachRegion(state: SchedulerState, attemptIds: readonly ExecutionAttemptID[]): readonly Execution[] {
  const first = new Map<number, Execution>();
  for (const attemptId of attemptIds) {
    const execution = state.graph.execution(attemptId);
    if (execution === undefined) continue;
    const region = state.regions.of(execution);
    if (!first.has(region)) first.set(region, execution);
  }
  return [...first.values()];
}

function terminated(status: JobStatus, nowMillis: number): SchedulerDecision {
  return { events: [{ kind: "job-status-changed", status, nowMillis }], effects: [{ kind: "job-terminated" }] };
}

function changed(executions: readonly Execution[], to: "CANCELED", nowMillis: number): SchedulerEvent {
  return { kind: "executions-changed", attemptIds: idsOf(executions), state: to, nowMillis };
}

function ofKnown(
  state: SchedulerState,
  attemptId: ExecutionAttemptID,
  then: (execution: Execution) => SchedulerDecision,
): SchedulerDecision {
  const execution = state.graph.execution(attemptId);
  return execution === undefined ? NOTHING : then(execution);
}
