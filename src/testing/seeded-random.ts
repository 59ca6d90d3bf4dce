import type { IdSource } from "../common/ids.ts";
import type { Random } from "../common/random.ts";

const UINT32_RANGE = 2 ** 32;
const HEX = 16;
const WORD_DIGITS = 8;
const ID_WORDS = 3;

/** Repeatable randomness (mulberry32): the same seed gives the same sequence on every machine. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / UINT32_RANGE;
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError on an empty list. */
  pick<T>(from: readonly T[]): T {
    const index = Math.floor(this.next() * from.length);
    if (index >= from.length) throw new RangeError("pick: expected a list that is not empty");
    // In range, so what is there is a T, whatever T includes.
    return from[index] as T;
  }

  /** A generator of its own, so that its user may draw more or less without changing anybody else's sequence. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.next() * UINT32_RANGE));
  }
}

/** Ids that repeat with the seed; no two of one source are equal, and their order says nothing of their age. */
export function seededIds(random: SeededRandom): IdSource {
  let count = 0;
  const word = (value: number): string => value.toString(HEX).padStart(WORD_DIGITS, "0");
  return {
    hex: () => {
      const words = Array.from({ length: ID_WORDS }, () => word(random.between(0, UINT32_RANGE - 1)));
      return words.join("") + word((count += 1));
    },
  };
}
