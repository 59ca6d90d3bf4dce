/**
 * How a source's records get event times and watermarks (Flink `WatermarkStrategy`). Values are plain data and a pure
 * function, so that the graph can be rebuilt anywhere.
 */
export interface WatermarkStrategy<T> {
  /** Event time of a record in epoch milliseconds; the source's own timestamp is passed along. */
  readonly timestampOf: (value: T, sourceTimestamp: number | undefined) => number;
  /** The watermark trails the highest event time seen by this, plus one millisecond. */
  readonly outOfOrdernessMillis: number;
  /** Canonical description for the graph's hash. */
  readonly description: string;
}
