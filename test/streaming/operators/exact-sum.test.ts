import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addExactly, EMPTY_SUM, mergeSums, roundedSum } from "../../../src/streaming/operators/exact-sum.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

/** Big enough to show every rounding, small enough not to overflow on the way. */
const finite = fc.double({ noNaN: true, min: -1e300, max: 1e300 });

function exactSum(values: readonly number[]): number {
  return roundedSum(values.reduce(addExactly, EMPTY_SUM));
}

/** Every double is a whole multiple of 2^-1074: sums of such multiples are exact in bigints. */
function bigintSum(values: readonly number[]): number {
  const total = values.reduce((sum, value) => sum + scaled(value), 0n);
  return nearestDouble(total);
}

const FRACTION_BITS = 1074n;
const bits = new DataView(new ArrayBuffer(8));

function scaled(value: number): bigint {
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 0x7ffn;
  const fraction = raw & 0xf_ffff_ffff_ffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return raw >> 63n === 1n ? -magnitude : magnitude;
}

function nearestDouble(total: bigint): number {
  const magnitude = total < 0n ? -total : total;
  const excess = BigInt(Math.max(0, magnitude.toString(2).length - 53));
  const rest = magnitude & ((1n << excess) - 1n);
  const half = excess === 0n ? 1n : 1n << (excess - 1n);
  let mantissa = magnitude >> excess;
  if (rest > half || (excess > 0n && rest === half && mantissa % 2n === 1n)) mantissa += 1n;
  const value = scaleDown(Number(mantissa), excess - FRACTION_BITS);
  return total < 0n ? -value : value;
}

/** In two steps, because 2^-1074 times a great factor would round twice. */
function scaleDown(mantissa: number, exponent: bigint): number {
  const half = exponent / 2n;
  return mantissa * 2 ** Number(half) * 2 ** Number(exponent - half);
}

describe("exact sum", () => {
  it("is the correctly rounded sum, as whole numbers compute it", () => {
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 60 }), (values) => {
        expect(exactSum(values) + 0).toBe(bigintSum(values) + 0);
      }),
      { numRuns: 500, seed: SEED },
    );
  });

  it("shows neither the order of the values nor where they were merged", () => {
    const values = fc
      .array(finite, { maxLength: 60 })
      .chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray(list, { minLength: list.length }),
          fc.nat({ max: list.length }),
        ),
      );
    fc.assert(
      fc.property(values, ([list, shuffled, cut]) => {
        const left = shuffled.slice(0, cut).reduce(addExactly, EMPTY_SUM);
        const right = shuffled.slice(cut).reduce(addExactly, EMPTY_SUM);
        expect(roundedSum(mergeSums(left, right)) + 0).toBe(exactSum(list) + 0);
      }),
      { seed: SEED },
    );
  });

  it.each([
    [[0.1, 0.2, 0.3], 0.6],
    [[1e100, 1, -1e100], 1],
    [[1, 2 ** -53, 2 ** -53], 1 + 2 ** -52],
    // Halfway between two doubles but for the last part.
    [[1, 2 ** -53, 2 ** -106], 1 + 2 ** -52],
    [[1, 2 ** -53, -(2 ** -106)], 1],
    [[], 0],
    [[Infinity, 1], Infinity],
    [[Infinity, -Infinity], Number.NaN],
    [[1, Number.NaN, 1], Number.NaN],
  ])("of %j is %d", (values, expected) => {
    expect(exactSum(values)).toBe(expected);
  });
});
