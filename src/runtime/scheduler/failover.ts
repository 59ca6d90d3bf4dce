import type { ExecutionAttemptID } from "../../common/ids.ts";
import { isDeployed } from "../executiongraph/execution-transitions.ts";
import type { RecordedFailure } from "../executiongraph/exception-history.ts";
import { taskNameWithSubtask, type Execution } from "../executiongraph/execution.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import { decideRestart } from "./restart-strategy.ts";
import { NOTHING } from "./scheduler-messages.ts";
import type { SchedulerDecision, SchedulerEffect, SchedulerEnvironment, SchedulerEvent } from "./scheduler-messages.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** Attempts that fail together, with one cause. */
export interface Failure {
  /** Fail now. The first one gives the failure its task name; none for a global failure (FO-04). */
  readonly failed: readonly Execution[];
  /** Were being cancelled, and are gone now. */
  readonly canceled?: readonly Execution[];
  readonly cause: SerializedThrowable;
}

/**
 * Failover of the pipelined regions that failed, of all for a global failure (contract FO-01, FO-04, FO-06): record the
 * cause, ask the strategy, RUNNING to RESTARTING or FAILING, cancel the rest of the regions. A failure of what is
 * restarting or ending already changes nothing but the history (FO-05).
 */
export function decideFailover(
  state: SchedulerState,
  failure: Failure,
  environment: SchedulerEnvironment,
): SchedulerDecision {
  const { graph } = state;
  const { failed, canceled = [], cause } = failure;
  const { nowMillis } = environment;
  const events: SchedulerEvent[] = [];
  if (failed.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(failed), state: "FAILED", nowMillis, failure: cause });
  }
  if (canceled.length > 0) {
    events.push({ kind: "executions-changed", attemptIds: idsOf(canceled), state: "CANCELED", nowMillis });
  }
  const recorded = recordedFailure(cause, failed[0], nowMillis);
  const isGlobal = failed.length === 0 && canceled.length === 0;
  const regions = isGlobal ? allRegions(state) : [...new Set(failed.map((execution) => state.regions.of(execution)))];
  const underWay = regions.every((region) => state.isRestarting(region));
  switch (graph.status) {
    case "CREATED":
    case "RUNNING":
    case "RESTARTING": {
      if (underWay) break;
      const reaction = decideReaction(state, { cause, regions }, environment);
      const ended = new Set(idsOf([...failed, ...canceled]));
      const affected = reaction.kind === "fail" ? undefined : new Set(regions);
      const cancellation = decideCancelTasks(state, { except: ended, regions: affected }, nowMillis);
      const concurrent = reaction.kind === "merge";
      return {
        events: [
          ...events,
          { kind: "failure-recorded", failure: recorded, concurrent },
          ...reaction.events,
          ...cancellation.events,
        ],
        effects: [...cancellation.effects, ...reaction.effects],
      };
    }
    case "FAILING":
    case "CANCELLING":
      break;
    default:
      return NOTHING;
  }
  if (failed.length > 0 || isGlobal) events.push({ kind: "failure-recorded", failure: recorded, concurrent: true });
  return { events, effects: [] };
}

/** How a failure is met: `merge` is a restart that counts as one with the last (FO-17). */
interface Reaction extends SchedulerDecision {
  readonly kind: "restart" | "merge" | "fail";
}

function decideReaction(
  state: SchedulerState,
  failing: { readonly cause: SerializedThrowable; readonly regions: readonly number[] },
  environment: SchedulerEnvironment,
): Reaction {
  const { graph } = state;
  const { nowMillis } = environment;
  const { cause, regions } = failing;
  // A job that does not run has nothing to restart: it could not be built.
  // What the platform took of a job that has stopped can be made good: what is left of its tasks repeats nothing.
  const stopped = cause.infrastructure === true ? undefined : state.stopping;
  const failure = stopped ?? (graph.status === "CREATED" ? { ...cause, nonRecoverable: true } : cause);
  const strategy = graph.jobGraph.configuration.restartStrategy;
  const decision = decideRestart(strategy, graph.restarts, { failure, ...environment });
  if (decision.kind === "fail") {
    return {
      kind: "fail",
      events: [{ kind: "job-status-changed", status: "FAILING", nowMillis, failure: decision.failure }],
      effects: [],
    };
  }
  const restartId = state.restartId + 1;
  const events: SchedulerEvent[] = [];
  if (decision.restarts !== undefined) events.push({ kind: "restart-decided", restarts: decision.restarts });
  if (graph.status !== "RESTARTING") events.push({ kind: "job-status-changed", status: "RESTARTING", nowMillis });
  events.push({ kind: "restart-scheduled", restartId, regions });
  return {
    kind: decision.restarts === undefined ? "merge" : "restart",
    events,
    effects: [{ kind: "schedule-restart", restartId, delayMillis: decision.delayMillis }],
  };
}

/**
 * The JobMaster's memory was lost, once more without progress in between: asks the strategy whether the job may have
 * another life. Whether that is a restart of its tasks too is seen later ({@link decideRecoveryRestart}).
 */
export function decideRecovery(
  state: SchedulerState,
  cause: SerializedThrowable,
  environment: SchedulerEnvironment,
): readonly SchedulerEvent[] {
  const { restarts, jobGraph } = state.graph;
  const strategy = jobGraph.configuration.restartStrategy;
  const decision = decideRestart(strategy, restarts, { failure: cause, ...environment });
  if (decision.kind === "restart") {
    return [{ kind: "restart-decided", restarts: { ...(decision.restarts ?? restarts), total: restarts.total } }];
  }
  const { nowMillis } = environment;
  return [
    { kind: "failure-recorded", failure: recordedFailure(cause, undefined, nowMillis), concurrent: false },
    { kind: "job-status-changed", status: "FAILING", nowMillis, failure: decision.failure },
  ];
}

/** Tasks of the job's earlier life were lost with it: a restart like any other, though one without delay. */
export function decideRecoveryRestart(
  state: SchedulerState,
  cause: SerializedThrowable,
  nowMillis: number,
): SchedulerDecision {
  const { restarts } = state.graph;
  return {
    events: [
      { kind: "failure-recorded", failure: recordedFailure(cause, undefined, nowMillis), concurrent: false },
      { kind: "restart-decided", restarts: { ...restarts, total: restarts.total + 1 } },
    ],
    effects: [],
  };
}

/**
 * Ends every attempt of the regions (default: of all) but those in `except`: at once where nothing was deployed, by a
 * call where a task may run.
 */
export function decideCancelTasks(
  state: SchedulerState,
  which: { readonly except?: ReadonlySet<ExecutionAttemptID>; readonly regions?: ReadonlySet<number> | undefined },
  nowMillis: number,
): SchedulerDecision {
  const { except, regions } = which;
  const undeployed: Execution[] = [];
  const deployed: Execution[] = [];
  for (const execution of state.graph.executions()) {
    if (except?.has(execution.attemptId) === true || isTerminalExecutionState(execution.state)) continue;
    if (regions !== undefined && !regions.has(state.regions.of(execution))) continue;
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
    labels: labelsOf(cause),
  };
}

/** OBS-02; as Flink's `TypeFailureEnricher` does: whose doing the failure was, ours or the user's code's. */
function labelsOf({ code, infrastructure }: SerializedThrowable): Readonly<Record<string, string>> {
  const byUser = infrastructure !== true && (code === undefined || code === "USER_CODE");
  return { TYPE: byUser ? "USER" : "SYSTEM" };
}

function allRegions(state: SchedulerState): readonly number[] {
  return Array.from({ length: state.regions.count }, (_, region) => region);
}

export function idsOf(executions: readonly Pick<Execution, "attemptId">[]): readonly ExecutionAttemptID[] {
  return executions.map((execution) => execution.attemptId);
}
