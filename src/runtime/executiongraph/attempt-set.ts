import type { ExecutionAttemptID } from "../../common/ids.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";

/** Some attempts of one graph, at most one of each subtask. */
export class AttemptSet {
  /** By place. */
  readonly #attemptIds: (ExecutionAttemptID | undefined)[];
  #size = 0;

  /** @param places subtasks of the graph. */
  constructor(places: number) {
    this.#attemptIds = Array.from({ length: places });
  }

  /** Attempts in it. */
  get size(): number {
    return this.#size;
  }

  has(attemptId: ExecutionAttemptID): boolean {
    return this.#attemptIds[placeOf(attemptId)] === attemptId;
  }

  /** Whether one of the subtask at `place` is in it. */
  hasPlace(place: number): boolean {
    return this.#attemptIds[place] !== undefined;
  }

  /** Puts it in its place, over the one that was there. */
  add(attemptId: ExecutionAttemptID): void {
    const place = placeOf(attemptId);
    if (this.#attemptIds[place] === undefined) this.#size += 1;
    this.#attemptIds[place] = attemptId;
  }
}
