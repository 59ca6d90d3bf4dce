import { milliseconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { describeRecord } from "../operators/user-code.ts";

/** Event time of a record in epoch milliseconds; the source's own timestamp is passed along. */
export type TimestampAssigner<T> = (value: T, sourceTimestamp: number | undefined) => number;

/**
 * How a source's records get event times and watermarks (Flink `WatermarkStrategy`). Values are plain data and a pure
 * function, so that the graph can be rebuilt anywhere.
 */
export interface WatermarkStrategy<T> {
  readonly timestampOf: TimestampAssigner<T>;
  /** The watermark trails the highest event time seen by this, plus one millisecond. */
  readonly outOfOrdernessMillis: number;
  /** Canonical description for the graph's hash. */
  readonly description: string;
}

/** A strategy that takes the source's own timestamps until it is given an assigner. */
export interface WatermarkStrategyBuilder extends WatermarkStrategy<unknown> {
  withTimestampAssigner<T>(timestampOf: TimestampAssigner<T>): WatermarkStrategy<T>;
}

export const WatermarkStrategy = {
  /** For streams on which nothing looks at event time: their records have no timestamp. */
  noWatermarks: (): undefined => undefined,

  /** Records are late only if they trail the latest one seen by more than `bound`. */
  forBoundedOutOfOrderness(bound: Duration): WatermarkStrategyBuilder {
    if (!Number.isSafeInteger(bound) || bound < 0) {
      throw new SluiceException(
        "INVALID_PROGRAM",
        `forBoundedOutOfOrderness: bound: expected a duration such as seconds(5), got ${String(bound)}`,
      );
    }
    const bounds = { outOfOrdernessMillis: bound, description: `bounded(${bound})` };
    return {
      ...bounds,
      timestampOf: sourceTimestamp,
      withTimestampAssigner: (timestampOf) => ({
        ...bounds,
        timestampOf,
        description: `${bounds.description}+assigner`,
      }),
    };
  },

  /** Event times never fall within one subtask of the source. */
  forMonotonousTimestamps(): WatermarkStrategyBuilder {
    return WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(0));
  },
};

function sourceTimestamp(value: unknown, timestamp: number | undefined): number {
  if (timestamp !== undefined) return timestamp;
  throw new SluiceException(
    "USER_CODE",
    `${describeRecord(value)} has no timestamp from its source. Add .withTimestampAssigner(...) to the WatermarkStrategy.`,
  );
}
