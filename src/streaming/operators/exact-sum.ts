/**
 * A sum of doubles without rounding error (Shewchuk's expansions, as in Python's `math.fsum`): numbers that do not overlap,
 * from small to large, and add up exactly to what was added. Rounded once at the end, so neither the order of the records
 * nor the way partial sums were merged shows in the result. Rarely more than a handful of parts.
 *
 * Infinities and `NaN` behave as in a plain sum, and so does a sum that overflows on its way.
 */
export type ExactSum = readonly number[];

export const EMPTY_SUM: ExactSum = [];

export function addExactly(sum: ExactSum, value: number): ExactSum {
  const parts: number[] = [];
  let carried = value;
  for (const part of sum) {
    const large = Math.abs(carried) < Math.abs(part) ? part : carried;
    const small = large === part ? carried : part;
    const rounded = large + small;
    if (!Number.isFinite(rounded)) return [rounded];
    const error = small - (rounded - large);
    if (error !== 0) parts.push(error);
    carried = rounded;
  }
  parts.push(carried);
  return parts;
}

export function mergeSums(left: ExactSum, right: ExactSum): ExactSum {
  return right.reduce(addExactly, left);
}

/** The exact sum, rounded to the nearest double. */
export function roundedSum(sum: ExactSum): number {
  let index = sum.length - 1;
  let high = sum[index] ?? 0;
  let low = 0;
  while (index > 0 && low === 0) {
    const part = sum[--index] ?? 0;
    const rounded = high + part;
    low = part - (rounded - high);
    high = rounded;
  }
  // Exactly halfway between two doubles, the parts below decide, which the last addition did not see.
  const below = sum[index - 1] ?? 0;
  if (low !== 0 && Math.sign(low) === Math.sign(below)) {
    const rounded = high + low * 2;
    if (low * 2 === rounded - high) return rounded;
  }
  return high;
}
