import { EXECUTION_STATES, type ExecutionState } from "../messages/execution-state.ts";
import { zeroPerState } from "./execution.ts";

/**
 * When each subtask entered each state, as one block of numbers: as objects they would be most of a wide job's memory. One row of
 * all subtasks for each state: subtasks next to each other come to one after the other.
 */
export class StateTimestamps {
  readonly #subtasks: number;
  readonly #millis: Float64Array;

  /** @param subtasks number of places. */
  constructor(subtasks: number) {
    this.#subtasks = subtasks;
    this.#millis = new Float64Array(subtasks * EXECUTION_STATES.length);
  }

  /** The place's attempt is gone. */
  clear(place: number): void {
    for (let at = place; at < this.#millis.length; at += this.#subtasks) this.#millis[at] = 0;
  }

  /** @param code of the state: its index in {@link EXECUTION_STATES}. */
  enter(place: number, code: number, nowMillis: number): void {
    this.#millis[code * this.#subtasks + place] = nowMillis;
  }

  /** 0 for a state that the place's attempt never was in. */
  of(place: number): Record<ExecutionState, number> {
    const timestamps = zeroPerState();
    for (const [row, state] of EXECUTION_STATES.entries()) {
      timestamps[state] = this.#millis[row * this.#subtasks + place] ?? 0;
    }
    return timestamps;
  }
}
