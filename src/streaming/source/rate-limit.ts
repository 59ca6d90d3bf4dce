import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";

const MILLIS_PER_SECOND = 1_000;

/**
 * Spreads one subtask's records evenly over time, starting when it first asks, or where an earlier life of it had come to; what
 * back-pressure delayed is caught up, what a pause of the job delayed is not.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #intervalMillis: number;
  #nextMillis: number | undefined;

  /** @param rate of the whole source; the subtasks share it. Without `recordsPerSecond`: as fast as possible. */
  constructor(
    clock: Clock,
    rate: {
      readonly recordsPerSecond: number | undefined;
      readonly parallelism: number;
      /** {@link dueMillis} of an earlier life. */
      readonly dueMillis?: number | undefined;
    },
  ) {
    const { recordsPerSecond, parallelism, dueMillis } = rate;
    this.#clock = clock;
    if (dueMillis !== undefined) this.#nextMillis = Math.max(dueMillis, clock.now());
    this.#intervalMillis = recordsPerSecond === undefined ? 0 : (MILLIS_PER_SECOND * parallelism) / recordsPerSecond;
  }

  /** Takes up to `limit` permits. */
  permits(limit: number): number {
    if (this.#intervalMillis === 0) return limit;
    return Math.min(limit, Math.floor((this.#clock.now() - this.#next()) / this.#intervalMillis) + 1);
  }

  /** Says that `records` permits were used. */
  used(records: number): void {
    if (this.#intervalMillis > 0) this.#nextMillis = this.#next() + records * this.#intervalMillis;
  }

  /** For the next life; `undefined` if there is no limit. */
  get position(): number | undefined {
    return this.#intervalMillis === 0 ? undefined : this.dueMillis;
  }

  /** When there is the next permit. */
  get dueMillis(): number {
    return Math.ceil(this.#next());
  }

  #next(): number {
    this.#nextMillis ??= this.#clock.now();
    return this.#nextMillis;
  }
}

/** @throws INVALID_ARGUMENT naming the option. */
export function requireRate(recordsPerSecond: number | undefined): number | undefined {
  if (recordsPerSecond === undefined) return undefined;
  if (typeof recordsPerSecond === "number" && recordsPerSecond > 0 && Number.isFinite(recordsPerSecond)) {
    return recordsPerSecond;
  }
  throw new SluiceException(
    "INVALID_ARGUMENT",
    `recordsPerSecond: expected a number above 0, got ${showValue(recordsPerSecond)}`,
  );
}
