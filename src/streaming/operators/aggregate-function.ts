import type { TypeInformation } from "../../common/types/type-information.ts";

/**
 * An aggregate computed record by record, whose intermediate result is all that is kept (Flink `AggregateFunction`).
 * Methods are pure apart from `add`, which may change the accumulator it was given and return it.
 */
export interface AggregateFunction<In, Accumulator, Out> {
  /** Canonical description for the graph's hash. */
  readonly description: string;
  /** How the accumulator lies in a checkpoint. */
  readonly accumulatorType: TypeInformation<Accumulator>;
  readonly resultType: TypeInformation<Out>;
  createAccumulator(): Accumulator;
  add(value: In, accumulator: Accumulator): Accumulator;
  getResult(accumulator: Accumulator): Out;
  /** The accumulator of both inputs together; neither argument is used afterwards. */
  merge(left: Accumulator, right: Accumulator): Accumulator;
}
