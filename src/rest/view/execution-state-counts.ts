import { EXECUTION_STATES } from "../../runtime/messages/execution-state.ts";
import type { ExecutionState } from "../../runtime/messages/execution-state.ts";

/** How often each of the ten states occurs, in upper case. */
export function countStates(states: Iterable<ExecutionState>): Record<ExecutionState, number> {
  const counts = Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as Record<ExecutionState, number>;
  for (const state of states) counts[state]++;
  return counts;
}

/** State of a vertex from those of its subtasks: the first rule that fits (contract: rest-v1 5.4). */
export function aggregateState(states: readonly ExecutionState[]): ExecutionState {
  const counts = countStates(states);
  for (const state of ["FAILED", "CANCELING", "CANCELED", "INITIALIZING", "RUNNING"] as const) {
    if (counts[state] > 0) return state;
  }
  if (counts.FINISHED > 0) return counts.FINISHED === states.length ? "FINISHED" : "RUNNING";
  return "CREATED";
}
