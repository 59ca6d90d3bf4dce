import { isDeployed } from "../executiongraph/execution-transitions.ts";
import type { Execution } from "../executiongraph/execution.ts";
import { isTerminalExecutionState, type ExecutionState } from "../messages/execution-state.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { decideFailover, recordedFailure } from "./failover.ts";
import {
  NOTHING,
  type SchedulerDecision,
  type SchedulerEnvironment,
  type SchedulerEvent,
} from "./scheduler-messages.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** A report, with the attempt it is about. */
interface Report {
  readonly execution: Execution;
  readonly update: TaskExecutionState;
  readonly environment: SchedulerEnvironment;
}

const ORDER: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"];

/**
 * A transition reported by a TaskExecutor (contract 1.1, "out-of-order TM updates"). Reports may come twice: what an
 * attempt has passed already is ignored. A report that makes no sense fails the attempt.
 */
export function decideTaskUpdate(
  state: SchedulerState,
  update: TaskExecutionState,
  environment: SchedulerEnvironment,
): SchedulerDecision {
  const execution = state.graph.execution(update.attemptId);
  if (execution === undefined) return NOTHING;
  const report = { execution, update, environment };
  switch (update.state) {
    case "INITIALIZING":
    case "RUNNING":
      return decideProgress(state, report);
    case "FINISHED":
      if (isDeployed(execution.state)) return { events: [change(report, "FINISHED")], effects: [] };
      return decideEnded(state, report);
    case "CANCELED":
    case "FAILED":
      return decideEnded(state, report);
    case "CANCELING":
      return decideProtocolError(state, report);
  }
}

function decideProgress(state: SchedulerState, report: Report): SchedulerDecision {
  const { execution, update } = report;
  const expected: ExecutionState = update.state === "RUNNING" ? "INITIALIZING" : "DEPLOYING";
  if (execution.state === expected) return { events: [change(report, update.state)], effects: [] };
  if (execution.state === "FINISHED" || execution.state === "CANCELED") return NOTHING;
  if (execution.state === "CANCELING" || execution.state === "FAILED") return cancelAgain(execution);
  if (ORDER.indexOf(execution.state) >= ORDER.indexOf(update.state)) return NOTHING;
  return decideProtocolError(state, report);
}

/** FINISHED of an attempt that is not deployed, CANCELED or FAILED of any. */
function decideEnded(state: SchedulerState, report: Report): SchedulerDecision {
  const { execution, update, environment } = report;
  if (isTerminalExecutionState(execution.state)) return NOTHING;
  if (execution.state === "CANCELING") {
    const events: SchedulerEvent[] = [change(report, "CANCELED")];
    if (update.state === "FAILED" && update.failure !== undefined && update.failure.code !== "CANCEL_TASK") {
      const failure = recordedFailure(update.failure, execution, environment.nowMillis);
      events.push({ kind: "failure-recorded", failure, concurrent: true });
    }
    return { events, effects: [] };
  }
  if (update.state === "FINISHED") return decideProtocolError(state, report);
  const metrics: readonly SchedulerEvent[] =
    update.metrics === undefined
      ? []
      : [{ kind: "metrics-reported", attemptId: execution.attemptId, metrics: update.metrics }];
  const cause = update.failure ?? failureWithoutCause(execution, update.state);
  const failover = decideFailover(state, { failed: [execution], cause }, environment);
  return { events: [...metrics, ...failover.events], effects: failover.effects };
}

function decideProtocolError(state: SchedulerState, report: Report): SchedulerDecision {
  const { execution, update, environment } = report;
  if (isTerminalExecutionState(execution.state) || execution.state === "CANCELING") return NOTHING;
  const cause = illegalState(`attempt ${execution.attemptId} reported ${update.state} while it was ${execution.state}`);
  const failover = decideFailover(state, { failed: [execution], cause }, environment);
  return { events: failover.events, effects: [...cancelAgain(execution).effects, ...failover.effects] };
}

function change({ execution, update, environment }: Report, to: ExecutionState): SchedulerEvent {
  return {
    kind: "executions-changed",
    attemptIds: [execution.attemptId],
    state: to,
    nowMillis: environment.nowMillis,
    ...(update.metrics === undefined ? {} : { metrics: update.metrics }),
  };
}

function cancelAgain(execution: Execution): SchedulerDecision {
  return { events: [], effects: [{ kind: "cancel-tasks", attemptIds: [execution.attemptId] }] };
}

function failureWithoutCause(execution: Execution, state: ExecutionState): SerializedThrowable {
  return illegalState(`attempt ${execution.attemptId} reported ${state} without a cause, unasked`);
}

function illegalState(message: string): SerializedThrowable {
  return serializeThrowable(new SluiceException("EXECUTION_GRAPH", message));
}
