import { brandId, type ExecutionAttemptID } from "../../common/ids.ts";
import type { Execution } from "../executiongraph/execution.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { JobStatus } from "../messages/job-status.ts";
import { decideCancelTasks, decideFailover, decideRecovery, idsOf } from "./failover.ts";
import { NOTHING } from "./scheduler-messages.ts";
import type { SchedulerDecision, SchedulerEnvironment, SchedulerEvent, SchedulerInput } from "./scheduler-messages.ts";
import type { SchedulerState } from "./scheduler-state.ts";
import { requiredSlots } from "./slot-sharing.ts";
import { decideTaskUpdate } from "./task-update.ts";

/**
 * What an input means for a job, without doing it (one pipelined region: the whole job, SCH-01). Pure; what is outdated
 * or repeated gives nothing.
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
        newAttempts(state, input.attemptNumber, environment),
        { kind: "job-status-changed", status: "CREATED", nowMillis },
      ];
      return {
        events:
          input.recovery === undefined ? events : [...events, ...decideRecovery(state, input.recovery, nowMillis)],
        effects: [],
      };
    }
    case "start":
      if (graph.status !== "CREATED") return NOTHING;
      return decideSchedule(state, idsOf([...graph.executions()]), nowMillis);
    case "cancel":
      return decideCancel(state, nowMillis);
    case "slots-fulfilled": {
      if (!awaitsSlots(state, input.slotRequestId)) return NOTHING;
      const attemptIds = idsOf([...graph.executions()]);
      return {
        events: [
          { kind: "slots-assigned", slots: input.slots },
          { kind: "executions-changed", attemptIds, state: "DEPLOYING", nowMillis },
        ],
        effects: [{ kind: "deploy-tasks", attemptIds }],
      };
    }
    case "slot-request-failed": {
      const [first] = graph.executions();
      if (!awaitsSlots(state, input.slotRequestId) || first === undefined) return NOTHING;
      return decideFailover(state, { failed: [first], cause: input.failure, nowMillis });
    }
    case "slots-lost": {
      const lost = [...graph.executions()].filter(
        ({ slot, state: executionState }) =>
          slot !== undefined && input.allocationIds.has(slot.allocationId) && !isTerminalExecutionState(executionState),
      );
      const failed = lost.filter((execution) => execution.state !== "CANCELING");
      const canceled = lost.filter((execution) => execution.state === "CANCELING");
      if (lost.length === 0) return NOTHING;
      if (failed.length === 0) return { events: [changed(canceled, "CANCELED", nowMillis)], effects: [] };
      return decideFailover(state, { failed, canceled, cause: input.failure, nowMillis });
    }
    case "deployment-acknowledged":
      return ofKnown(state, input.attemptId, () => ({ events: [input], effects: [] }));
    case "task-updated":
      return decideTaskUpdate(state, input.update, nowMillis);
    case "attempt-failed":
      return ofKnown(state, input.attemptId, (execution) => {
        if (isTerminalExecutionState(execution.state) || execution.state === "CANCELING") return NOTHING;
        const failover = decideFailover(state, { failed: [execution], cause: input.failure, nowMillis });
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
      return decideFailover(state, { failed: [], cause: input.failure, nowMillis });
    case "stopping":
      return graph.status === "RUNNING" ? { events: [input], effects: [] } : NOTHING;
    case "restart-delay-elapsed":
      return state.pendingRestart?.restartId === input.restartId
        ? { events: [{ kind: "restart-delay-elapsed" }], effects: [] }
        : NOTHING;
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
      if (graph.counts.CREATED > 0) return decideCancelTasks(state, new Set(), nowMillis);
      if (!graph.allTerminal) return NOTHING;
      return terminated(graph.status === "FAILING" ? "FAILED" : "CANCELED", nowMillis);
    case "RESTARTING": {
      // FO-07: both the delay and every cancel, whichever ends last.
      if (!graph.allTerminal || state.pendingRestart?.delayElapsed !== true) return NOTHING;
      const reset = newAttempts(state, state.attemptNumber + 1, environment);
      const schedule = decideSchedule(state, reset.attemptIds.flat(), nowMillis);
      return {
        events: [reset, ...schedule.events],
        effects: [{ kind: "restore-state" }, ...schedule.effects],
      };
    }
    default:
      return NOTHING;
  }
}

function decideSchedule(
  state: SchedulerState,
  attemptIds: readonly ExecutionAttemptID[],
  nowMillis: number,
): SchedulerDecision {
  const slotRequestId = state.slotRequestId + 1;
  return {
    events: [
      { kind: "job-status-changed", status: "RUNNING", nowMillis },
      { kind: "executions-changed", attemptIds, state: "SCHEDULED", nowMillis },
      { kind: "slots-requested", slotRequestId },
    ],
    effects: [{ kind: "request-slots", slotRequestId, slots: requiredSlots(state.graph.jobGraph) }],
  };
}

function decideCancel(state: SchedulerState, nowMillis: number): SchedulerDecision {
  switch (state.graph.status) {
    case "CREATED":
    case "RUNNING":
    case "RESTARTING":
    case "FAILING": {
      const cancellation = decideCancelTasks(state, new Set(), nowMillis);
      return {
        events: [{ kind: "job-status-changed", status: "CANCELLING", nowMillis }, ...cancellation.events],
        effects: cancellation.effects,
      };
    }
    default:
      return NOTHING;
  }
}

function newAttempts(
  state: SchedulerState,
  attemptNumber: number,
  environment: SchedulerEnvironment,
): SchedulerEvent & { readonly kind: "executions-reset" } {
  const attemptIds = state.graph.jobGraph.vertices.map((vertex) =>
    Array.from({ length: vertex.parallelism }, () => brandId<ExecutionAttemptID>(environment.ids.hex())),
  );
  return { kind: "executions-reset", attemptNumber, attemptIds, nowMillis: environment.nowMillis };
}

/** Whether the newest slot request is this one and still open. */
function awaitsSlots(state: SchedulerState, slotRequestId: number): boolean {
  const { graph } = state;
  return state.slotRequestId === slotRequestId && graph.size > 0 && graph.counts.SCHEDULED === graph.size;
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
