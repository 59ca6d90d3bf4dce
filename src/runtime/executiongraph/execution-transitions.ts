import type { ExecutionState } from "../messages/execution-state.ts";

/**
 * Where one attempt may go from each state, as the JobMaster sees it (contract: runtime-semantics 1.1). A task report
 * that skips states (a very fast task) is legal for FINISHED only. RECONCILING is never entered.
 */
export const EXECUTION_TRANSITIONS: Readonly<Record<ExecutionState, readonly ExecutionState[]>> = {
  CREATED: ["SCHEDULED", "CANCELING", "FAILED"],
  SCHEDULED: ["DEPLOYING", "CANCELING", "FAILED"],
  DEPLOYING: ["INITIALIZING", "FINISHED", "CANCELING", "CANCELED", "FAILED"],
  INITIALIZING: ["RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED"],
  RUNNING: ["FINISHED", "CANCELING", "CANCELED", "FAILED"],
  CANCELING: ["CANCELED"],
  FINISHED: [],
  CANCELED: [],
  FAILED: [],
  RECONCILING: [],
};

export function canTransitionExecution(from: ExecutionState, to: ExecutionState): boolean {
  return EXECUTION_TRANSITIONS[from].includes(to);
}

/** A task in this state occupies its TaskExecutor: ending it takes a cancel call and a report. */
export function isDeployed(state: ExecutionState): state is "DEPLOYING" | "INITIALIZING" | "RUNNING" {
  return state === "DEPLOYING" || state === "INITIALIZING" || state === "RUNNING";
}
