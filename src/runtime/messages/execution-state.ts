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

const CODES = Object.fromEntries(EXECUTION_STATES.map((state, code) => [state, code]));

/** The state's index in {@link EXECUTION_STATES}. */
export function codeOfState(state: ExecutionState): number {
  return CODES[state] ?? 0;
}

export function isTerminalExecutionState(state: ExecutionState): state is "FINISHED" | "CANCELED" | "FAILED" {
  return state === "FINISHED" || state === "CANCELED" || state === "FAILED";
}
