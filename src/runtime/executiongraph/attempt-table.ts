import type { ExecutionAttemptID } from "../../common/ids.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";

/**
 * What there is of some attempts of one graph, at most one of each subtask. A wide job has a hundred thousand: what is in a row
 * by place is found and walked at the speed of memory, a map is not.
 */
export class AttemptTable<Entry extends { readonly attemptId: ExecutionAttemptID }> {
  readonly #entries: (Entry | undefined)[];
  #size = 0;

  /** @param places subtasks of the graph. */
  constructor(places: number) {
    this.#entries = Array.from({ length: places });
  }

  /** Attempts in it. */
  get size(): number {
    return this.#size;
  }

  /** By place. */
  get entries(): readonly (Entry | undefined)[] {
    return this.#entries;
  }

  has(attemptId: ExecutionAttemptID): boolean {
    return this.#entries[placeOf(attemptId)]?.attemptId === attemptId;
  }

  /** Puts it in its attempt's place, over what was there. */
  put(entry: Entry): void {
    const place = placeOf(entry.attemptId);
    if (this.#entries[place] === undefined) this.#size += 1;
    this.#entries[place] = entry;
  }
}
