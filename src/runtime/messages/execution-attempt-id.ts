import { brandId } from "../../common/ids.ts";
import type { Branded, ExecutionAttemptID, IdSource } from "../../common/ids.ts";

/** What the ids of attempts that are made together begin with. */
export type AttemptBatch = Branded<string, "AttemptBatch">;

const ID_DIGITS = 32;
const BATCH_DIGITS = 24;
const PLACE_DIGITS = ID_DIGITS - BATCH_DIGITS;
const HEX = 16;
const CODE_OF_ZERO = 48;
const CODE_OF_NINE = 57;
/** Of a letter, less its value. */
const CODE_OF_LETTER = 87;

/** A batch that never was before. */
export function newAttemptBatch(ids: IdSource): AttemptBatch {
  return brandId<AttemptBatch>(ids.hex().slice(-BATCH_DIGITS));
}

/**
 * An attempt's id says where it stands, as Flink's does, which names graph, vertex, subtask and attempt: the ids of a whole
 * vertex are told by one batch and two numbers, and an attempt is found without a search.
 *
 * @param place number of the subtask among all of the graph, in the order of its vertices.
 */
export function attemptIdOf(batch: AttemptBatch, place: number): ExecutionAttemptID {
  return brandId<ExecutionAttemptID>(batch + place.toString(HEX).padStart(PLACE_DIGITS, "0"));
}

/** The attempt at `place` that was made together with another one. */
export function inSameBatch(attemptId: ExecutionAttemptID, place: number): ExecutionAttemptID {
  return attemptIdOf(brandId<AttemptBatch>(attemptId.slice(0, BATCH_DIGITS)), place);
}

/** The place that {@link attemptIdOf} got; of anything else some number, or not a number. */
export function placeOf(attemptId: ExecutionAttemptID): number {
  let place = 0;
  for (let digit = BATCH_DIGITS; digit < ID_DIGITS; digit += 1) {
    const code = attemptId.charCodeAt(digit);
    place = place * HEX + code - (code <= CODE_OF_NINE ? CODE_OF_ZERO : CODE_OF_LETTER);
  }
  return place;
}
