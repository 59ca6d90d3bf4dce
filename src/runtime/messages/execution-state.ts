/**
 * State of one task attempt (Flink `ExecutionState`; contract: runtime-semantics 1.1).
 *
 * ```
 * CREATED -> SCHEDULED -> DEPLOYING -> INITIALIZING -> RUNNING -> FINISHED
 *    |           |            |             |             |
 *    +-----------+------------+-------------+-------------+--> CANCELING -> CANCELED
 *    +-----------+------------+-------------+-------------+--> FAILED
 * ```
 */
export const EXECUTION_STATES = [
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELING",
  "CANCELED",
  "FAILED",
  "RECONCILING",
] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

export function isTerminalExecutionState(state: ExecutionState): state is "FINISHED" | "CANCELED" | "FAILED" {
  return state === "FINISHED" || state === "CANCELED" || state === "FAILED";
}
