import type { Duration } from "../../common/duration.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "../graph/invalid-program.ts";
import type { TimeWindow } from "./time-window.ts";
import type { WindowAssigner } from "./window-assigner.ts";

/** Windows of one size that follow each other without gap (Flink `TumblingEventTimeWindows`). */
export class TumblingEventTimeWindows implements WindowAssigner {
  readonly name = "TumblingEventTimeWindows";
  readonly description: string;
  readonly #size: number;
  readonly #offset: number;

  private constructor(size: number, offset: number) {
    this.#size = size;
    this.#offset = offset;
    this.description = `tumbling(${size},${offset})`;
  }

  /**
   * Windows aligned to the epoch, so those of `days(1)` begin at midnight UTC.
   *
   * @param offset moves the boundaries: `days(1)` with `hours(8)` begin at 8:00 UTC.
   * @throws INVALID_PROGRAM if the size is not positive or the offset not below it.
   */
  static of(size: Duration, offset?: Duration): TumblingEventTimeWindows {
    if (!Number.isSafeInteger(size) || size <= 0) {
      throw invalidProgram(
        `TumblingEventTimeWindows: size: expected a duration of at least 1 ms such as hours(6), got ${showValue(size)}`,
      );
    }
    const shift: number = offset ?? 0;
    if (!Number.isSafeInteger(shift) || shift < 0 || shift >= size) {
      throw invalidProgram(
        `TumblingEventTimeWindows: offset: expected a duration below the size of ${size} ms, got ${showValue(shift)}`,
      );
    }
    return new TumblingEventTimeWindows(size, shift);
  }

  assignWindows(timestamp: number): readonly TimeWindow[] {
    return [this.windowAt(timestamp - floorModulo(timestamp - this.#offset, this.#size))];
  }

  windowAt(start: number): TimeWindow {
    return { start, end: start + this.#size };
  }
}

/** Unlike `%` never negative, so that times before 1970 fall into the window that contains them. */
function floorModulo(dividend: number, divisor: number): number {
  const remainder = dividend % divisor;
  return remainder < 0 ? remainder + divisor : remainder;
}
