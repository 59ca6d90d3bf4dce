import type { ExecutionAttemptID } from "../../common/ids.ts";
import { isDeployed } from "../executiongraph/execution-transitions.ts";
import type { RecordedFailure } from "../executiongraph/exception-history.ts";
import { taskNameWithSubtask, type Execution } from "../executiongraph/execution.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import { decideRestart } from "./restart-strategy.ts";
import { NOTHING } from "./scheduler-messages.ts";
import type { SchedulerDecision, SchedulerEffect, SchedulerEvent } from "./scheduler-messages.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** Attempts that fail together, with one cause. */
export interface Failure {
  /** Fail now. The first one gives the failure its task name; none for a global failure (FO-04). */
  readonly failed: readonly Execution[];
  /** Were being cancelled, and are gone now. */
  readonly canceled?: readonly Execution[];
  readonly cause: SerializedThrowable;
  readonly nowMillis: number;
}

/**
 * Whole-job failover (contract FO-06): record the cause, ask the strategy, RUNNING to RESTARTING or FAILING, cancel
 * everything else. A failure of a job that is restarting or ending already changes nothing but the history (FO-05).
 */
export function decideFailover(state: SchedulerState, failure: Failure): SchedulerDecision {
  const { graph } = state;
  const { failed, canceled = [], cause, nowMillis } = failure;
  const events: SchedulerEvent[] = [];
  if (failed.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(failed), state: "FAILED", nowMillis, failure: cause });
  }
  if (canceled.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(canceled), state: "CANCELED", nowMillis });
  }
  const recorded = recordedFailure(cause, failed[0], nowMillis);
  switch (graph.status) {
    case "CREATED":
    case "RUNNING": {
      const ended = new Set(idsOf([...failed, ...canceled]));
      const cancellation = decideCancelTasks(state, ended, nowMillis);
      const reaction = decideReaction(state, cause, nowMillis);
      return {
        events: [
          ...events,
          { kind: "failure-recorded", failure: recorded, concurrent: false },
          ...reaction.events,
          ...cancellation.events,
        ],
        effects: [...cancellation.effects, ...reaction.effects],
      };
    }
    case "RESTARTING":
    case "FAILING":
    case "CANCELLING":
      if (failed.length > 0 || canceled.length === 0) {
        events.push({ kind: "failure-recorded", failure: recorded, concurrent: true });
      }
      return { events, effects: [] };
    default:
      return NOTHING;
  }
}

function decideReaction(state: SchedulerState, cause: SerializedThrowable, nowMillis: number): SchedulerDecision {
  const { graph } = state;
  // A job that does not run has nothing to restart: it could not be built.
  const failure = state.stopping ?? (graph.status === "CREATED" ? { ...cause, nonRecoverable: true } : cause);
  const decision = decideRestart(graph.jobGraph.configuration.restartStrategy, graph.restarts, { failure, nowMillis });
  if (decision.kind === "fail") {
    const failing = { kind: "job-status-changed", status: "FAILING", nowMillis, failure: decision.failure } as const;
    return { events: [failing], effects: [] };
  }
  const restartId = state.restartId + 1;
  return {
    events: [
      { kind: "restart-decided", charged: decision.charged, nowMillis },
      { kind: "job-status-changed", status: "RESTARTING", nowMillis },
      { kind: "restart-scheduled", restartId },
    ],
    effects: [{ kind: "schedule-restart", restartId, delayMillis: decision.delayMillis }],
  };
}

/**
 * The job's earlier life was lost with the JobMaster's memory. That is a restart like any other, asked of the same
 * strategy, only that it needs no delay: all attempts are new already.
 */
export function decideRecovery(
  state: SchedulerState,
  cause: SerializedThrowable,
  nowMillis: number,
): readonly SchedulerEvent[] {
  const { graph } = state;
  const recorded = { kind: "failure-recorded", failure: recordedFailure(cause, undefined, nowMillis) } as const;
  const decision = decideRestart(graph.jobGraph.configuration.restartStrategy, graph.restarts, {
    failure: cause,
    nowMillis,
  });
  if (decision.kind === "restart") {
    return [
      { ...recorded, concurrent: false },
      { kind: "restart-decided", charged: decision.charged, nowMillis },
    ];
  }
  return [
    { ...recorded, concurrent: false },
    { kind: "job-status-changed", status: "FAILING", nowMillis, failure: decision.failure },
  ];
}

/** Ends every attempt but those in `except`: at once where nothing was deployed, by a call where a task may run. */
export function decideCancelTasks(
  state: SchedulerState,
  except: ReadonlySet<ExecutionAttemptID>,
  nowMillis: number,
): SchedulerDecision {
  const undeployed: Execution[] = [];
  const deployed: Execution[] = [];
  for (const execution of state.graph.executions()) {
    if (except.has(execution.attemptId) || isTerminalExecutionState(execution.state)) continue;
    if (isDeployed(execution.state)) deployed.push(execution);
    else if (execution.state !== "CANCELING") undeployed.push(execution);
  }
  const events: SchedulerEvent[] = [];
  const effects: SchedulerEffect[] = [];
  const canceling = [...undeployed, ...deployed];
  if (canceling.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(canceling), state: "CANCELING", nowMillis });
  }
  if (undeployed.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(undeployed), state: "CANCELED", nowMillis });
  }
  if (deployed.length > 0) effects.push({ kind: "cancel-tasks", attemptIds: idsOf(deployed) });
  return { events, effects };
}

/** An entry of the exception history for a failure, of `execution` if one attempt had it. */
export function recordedFailure(
  cause: SerializedThrowable,
  execution: Execution | undefined,
  nowMillis: number,
): RecordedFailure {
  return {
    timestampMillis: nowMillis,
    failure: cause,
    ...(execution === undefined ? {} : { taskName: taskNameWithSubtask(execution) }),
    ...(execution?.slot === undefined ? {} : { location: execution.slot.location }),
    labels: {},
  };
}

export function idsOf(executions: readonly Execution[]): readonly ExecutionAttemptID[] {
  return executions.map((execution) => execution.attemptId);
}
