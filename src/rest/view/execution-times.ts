import type { ExecutionGraphInfo, ExecutionInfo } from "../../runtime/messages/execution-graph-info.ts";
import { isTerminalExecutionState } from "../../runtime/messages/execution-state.ts";
import { isGloballyTerminal } from "../../runtime/messages/job-status.ts";

/** Start, end (-1 while it runs) and duration of something, in milliseconds; all -1 before it started. */
export interface Times {
  readonly start: number;
  readonly end: number;
  readonly duration: number;
}

const NOT_STARTED: Times = { start: -1, end: -1, duration: -1 };

function times(start: number, end: number, now: number): Times {
  if (start <= 0) return NOT_STARTED;
  return { start, end: end > 0 ? end : -1, duration: Math.max(0, (end > 0 ? end : now) - start) };
}

export function jobTimes(info: ExecutionGraphInfo, now: number): Times {
  const { statusTimestamps, status } = info;
  const start = statusTimestamps.INITIALIZING > 0 ? statusTimestamps.INITIALIZING : statusTimestamps.CREATED;
  return times(start, isGloballyTerminal(status) ? statusTimestamps[status] : -1, now);
}

/** From DEPLOYING on, as Flink counts. */
export function executionTimes(execution: ExecutionInfo, now: number): Times {
  const { state, stateTimestamps } = execution;
  return times(stateTimestamps.DEPLOYING, isTerminalExecutionState(state) ? stateTimestamps[state] : -1, now);
}

/** From the first start to the last end; no end before all have ended. */
export function commonTimes(executions: readonly ExecutionInfo[], now: number): Times {
  const each = executions.map((execution) => executionTimes(execution, now));
  const starts = each.map(({ start }) => start).filter((start) => start > 0);
  if (starts.length === 0) return NOT_STARTED;
  const allEnded = executions.every(({ state }) => isTerminalExecutionState(state));
  return times(Math.min(...starts), allEnded ? Math.max(...each.map(({ end }) => end)) : -1, now);
}

const TIMED_STATES = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"] as const;

/** How long a subtask was in each state before its end; -1 for states it was never in. */
export function stateDurations(execution: ExecutionInfo, now: number): Record<(typeof TIMED_STATES)[number], number> {
  const entered = Object.values(execution.stateTimestamps).filter((timestamp) => timestamp > 0);
  const durationOf = (state: (typeof TIMED_STATES)[number]): number => {
    const start = execution.stateTimestamps[state];
    if (start <= 0) return -1;
    if (execution.state === state) return Math.max(0, now - start);
    const later = TIMED_STATES.slice(TIMED_STATES.indexOf(state) + 1)
      .map((next) => execution.stateTimestamps[next])
      .filter((timestamp) => timestamp > 0);
    // The next state of the usual order; else what ended the attempt, which is the last it entered.
    return Math.max(0, (later[0] ?? Math.max(...entered)) - start);
  };
  return {
    CREATED: durationOf("CREATED"),
    SCHEDULED: durationOf("SCHEDULED"),
    DEPLOYING: durationOf("DEPLOYING"),
    INITIALIZING: durationOf("INITIALIZING"),
    RUNNING: durationOf("RUNNING"),
  };
}
