import { EXECUTION_STATES, type ExecutionState } from "../messages/execution-state.ts";
import { zeroPerState } from "./execution.ts";

const COLUMN_OF = Object.fromEntries(EXECUTION_STATES.map((state, column) => [state, column]));

/** When each subtask entered each state, as one block of numbers: as objects they would be most of a wide job's memory. */
export class StateTimestamps {
  readonly #millis: Float64Array;

  /** @param subtasks number of places. */
  constructor(subtasks: number) {
    this.#millis = new Float64Array(subtasks * EXECUTION_STATES.length);
  }

  /** A new attempt takes the place. */
  begin(place: number, state: ExecutionState, nowMillis: number): void {
    const start = place * EXECUTION_STATES.length;
    this.#millis.fill(0, start, start + EXECUTION_STATES.length);
    this.enter(place, state, nowMillis);
  }

  enter(place: number, state: ExecutionState, nowMillis: number): void {
    this.#millis[place * EXECUTION_STATES.length + (COLUMN_OF[state] ?? 0)] = nowMillis;
  }

  /** 0 for a state that the place's attempt never was in. */
  of(place: number): Record<ExecutionState, number> {
    const timestamps = zeroPerState();
    for (const [column, state] of EXECUTION_STATES.entries()) {
      timestamps[state] = this.#millis[place * EXECUTION_STATES.length + column] ?? 0;
    }
    return timestamps;
  }
}
