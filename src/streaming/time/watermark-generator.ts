import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { MIN_WATERMARK } from "../operators/stream-operator.ts";
import { describeRecord, userCodeException } from "../operators/user-code.ts";
import type { WatermarkStrategy } from "./watermark-strategy.ts";

/**
 * Event times and watermarks of one source subtask (Flink `BoundedOutOfOrdernessWatermarks` with its timestamp assigner).
 * In memory only: after a restore it starts anew, and what was late before stays late because the operators keep the
 * watermark they had seen.
 */
export class WatermarkGenerator<T> {
  readonly #strategy: WatermarkStrategy<T>;
  readonly #where: string;
  #maxTimestamp = MIN_WATERMARK;
  #emitted = MIN_WATERMARK;

  /** @param where names the source in messages: `source "quakes"`. */
  constructor(strategy: WatermarkStrategy<T>, where: string) {
    this.#strategy = strategy;
    this.#where = where;
  }

  /**
   * The record's event time, noted for the next watermark.
   *
   * @throws USER_CODE if the assigner throws or returns no whole number of milliseconds.
   */
  timestampOf(value: T, sourceTimestamp: number | undefined): number {
    let timestamp: unknown;
    try {
      timestamp = this.#strategy.timestampOf(value, sourceTimestamp);
    } catch (error) {
      throw userCodeException(this.#where, error);
    }
    if (typeof timestamp !== "number" || !Number.isSafeInteger(timestamp)) {
      throw userCodeException(
        this.#where,
        new TypeError(
          `the timestamp assigner returned ${showValue(timestamp)} for ${describeRecord(value)}, expected epoch milliseconds`,
        ),
      );
    }
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    return timestamp;
  }

  /** The watermark to emit now; `undefined` if it has not risen since the last call. */
  next(): number | undefined {
    if (this.#maxTimestamp === MIN_WATERMARK) return undefined;
    const watermark = this.#maxTimestamp - this.#strategy.outOfOrdernessMillis - 1;
    if (watermark <= this.#emitted) return undefined;
    this.#emitted = watermark;
    return watermark;
  }
}
