import { types } from "../../common/types/type-factories.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "../graph/invalid-program.ts";
import type { AggregateFunction } from "./aggregate-function.ts";
import { addExactly, EMPTY_SUM, mergeSums, roundedSum } from "./exact-sum.ts";
import type { ExactSum } from "./exact-sum.ts";
import { describeRecord } from "./user-code.ts";

const MAX_DECIMALS = 15;

/** Picks the number to aggregate. `undefined`, `null` and texts are refused with the record's name: filter them out first. */
export type NumberSelector<In> = (value: In) => number;

export interface RoundingOptions {
  /**
   * Digits after the point, 0 to 15: the nearest such number to the exact value of the double, halves away from zero
   * (what SQL's `ROUND` does in SQLite). Default: no rounding.
   */
  readonly decimals?: number;
}

/** Number of records. */
export function count(): AggregateFunction<unknown, number, number> {
  return {
    description: "count",
    accumulatorType: types.long(),
    resultType: types.long(),
    createAccumulator: () => 0,
    add: (_value, accumulator) => accumulator + 1,
    getResult: (accumulator) => accumulator,
    merge: (left, right) => left + right,
  };
}

/** Sum of doubles, exact until it is rounded at the end: the order of the records does not show. */
export function sum<In>(
  selector: NumberSelector<In>,
  options: RoundingOptions = {},
): AggregateFunction<In, ExactSum, number> {
  const round = rounding("sum", options);
  return {
    description: `sum${round.description}`,
    accumulatorType: types.list(types.double()),
    resultType: types.double(),
    createAccumulator: () => EMPTY_SUM,
    add: (value, accumulator) => addExactly(accumulator, selectNumber(selector, value)),
    getResult: (accumulator) => round.apply(roundedSum(accumulator)),
    merge: mergeSums,
  };
}

export interface MeanAccumulator {
  readonly sum: ExactSum;
  readonly count: number;
}

/** Arithmetic mean; its sum is as exact as {@link sum}'s. */
export function mean<In>(
  selector: NumberSelector<In>,
  options: RoundingOptions = {},
): AggregateFunction<In, MeanAccumulator, number> {
  const round = rounding("mean", options);
  return {
    description: `mean${round.description}`,
    accumulatorType: types.row({ sum: types.list(types.double()), count: types.long() }),
    resultType: types.double(),
    createAccumulator: () => ({ sum: EMPTY_SUM, count: 0 }),
    add: (value, accumulator) => ({
      sum: addExactly(accumulator.sum, selectNumber(selector, value)),
      count: accumulator.count + 1,
    }),
    getResult: (accumulator) => round.apply(roundedSum(accumulator.sum) / accumulator.count),
    merge: (left, right) => ({ sum: mergeSums(left.sum, right.sum), count: left.count + right.count }),
  };
}

/** Least number; `NaN` if there is one. */
export function min<In>(selector: NumberSelector<In>): AggregateFunction<In, number, number> {
  return extreme("min", selector, Math.min);
}

/** Greatest number; `NaN` if there is one. */
export function max<In>(selector: NumberSelector<In>): AggregateFunction<In, number, number> {
  return extreme("max", selector, Math.max);
}

function extreme<In>(
  description: string,
  selector: NumberSelector<In>,
  choose: (...values: number[]) => number,
): AggregateFunction<In, number, number> {
  return {
    description,
    accumulatorType: types.double(),
    resultType: types.double(),
    // Of no number at all: the one that any other replaces.
    createAccumulator: () => choose(),
    add: (value, accumulator) => choose(accumulator, selectNumber(selector, value)),
    getResult: (accumulator) => accumulator,
    merge: (left, right) => choose(left, right),
  };
}

function selectNumber<In>(selector: NumberSelector<In>, value: In): number {
  const selected: unknown = selector(value);
  if (typeof selected === "number") return selected;
  throw new TypeError(
    `the selector returned ${showValue(selected)} for ${describeRecord(value)}, expected a number. Filter such records out first.`,
  );
}

function rounding(
  name: string,
  { decimals }: RoundingOptions,
): { description: string; apply: (value: number) => number } {
  if (decimals === undefined) return { description: "", apply: (value) => value };
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > MAX_DECIMALS) {
    throw invalidProgram(
      `${name}: decimals: expected an integer from 0 to ${MAX_DECIMALS}, got ${showValue(decimals)}`,
    );
  }
  // `toFixed` looks at the exact value of the double; the addition turns -0 into 0.
  return { description: `(decimals=${decimals})`, apply: (value) => Number(value.toFixed(decimals)) + 0 };
}
