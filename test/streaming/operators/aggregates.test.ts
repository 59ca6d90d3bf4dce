import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AggregateFunction } from "../../../src/streaming/operators/aggregate-function.ts";
import { count, max, mean, min, sum } from "../../../src/streaming/operators/aggregates.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

function aggregate<Accumulator, Out>(
  { add, createAccumulator, getResult, merge }: AggregateFunction<number, Accumulator, Out>,
  values: readonly number[],
): Out {
  const half = Math.floor(values.length / 2);
  const part = (list: readonly number[]): Accumulator =>
    list.reduce((accumulator, value) => add(value, accumulator), createAccumulator());
  return getResult(merge(part(values.slice(0, half)), part(values.slice(half))));
}

const self = (value: number): number => value;

describe("aggregates", () => {
  it("equal SQL's over any values", () => {
    const database = new DatabaseSync(":memory:");
    const query = database.prepare(
      "SELECT COUNT(value) AS count, SUM(value) AS sum, MIN(value) AS min, MAX(value) AS max, ROUND(AVG(value), 3) AS mean FROM json_each(?)",
    );
    // Quarters: SQL's sum of them is exact too, and their means meet the halfway cases of rounding.
    const values = fc.array(
      fc.integer({ min: -4_000, max: 4_000 }).map((quarters) => quarters / 4),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(values, (list) => {
        const results = {
          count: aggregate(count(), list),
          sum: aggregate(sum(self), list),
          min: aggregate(min(self), list),
          max: aggregate(max(self), list),
          mean: aggregate(mean(self, { decimals: 3 }), list),
        };
        expect(results).toEqual({ ...query.get(JSON.stringify(list)) });
      }),
      { seed: SEED },
    );
  });

  it.each([
    [0.0625, 0.063],
    [-0.0625, -0.063],
    [41.2345, 41.234],
    [-0.0001, 0],
    [1e22, 1e22],
  ])("round %d to %d: the double nearest to its exact value, halves away from zero", (value, rounded) => {
    expect(aggregate(sum(self, { decimals: 3 }), [value])).toBe(rounded);
  });

  it("name the record whose selector returned no number", () => {
    const magnitude = max((record: { id: string; mag: number }) => record.mag);
    const record = JSON.parse('{"id":"ci1","mag":null}') as { id: string; mag: number };
    expect(() => magnitude.add(record, 0)).toThrow("the selector returned null for record (id ci1), expected a number");
  });

  it("refuse decimals they cannot round to", () => {
    expect(() => mean(self, { decimals: 16 })).toThrow("mean: decimals: expected an integer from 0 to 15, got 16");
  });
});
