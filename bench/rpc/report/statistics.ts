/** The middle of the values; of an even number, the mean of the two in the middle. @throws RangeError without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError("median: expected at least one value");
  return (lower + upper) / 2;
}

/** The smallest value that at least `fraction` of all values do not exceed (nearest rank). @throws RangeError as {@link median}. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)];
  if (value === undefined) throw new RangeError("percentile: expected at least one value");
  return value;
}

/** In its first second or two a side is measured while the compiler still works at it. */
const WARM_UP_ROUNDS = 2;

/**
 * The median of each side over `rounds` rounds. Each round measures every side once and begins with another one, so that
 * what changes meanwhile (the machine's load, its temperature) touches all of them alike; {@link WARM_UP_ROUNDS} before
 * them warm up and are not counted.
 */
export async function alternate<Side>(
  sides: readonly Side[],
  rounds: number,
  measure: (side: Side) => Promise<number>,
): Promise<ReadonlyMap<Side, number>> {
  const values = new Map<Side, number[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) for (const side of sides) await measure(side);
  for (let round = 0; round < rounds; round += 1) {
    for (const position of sides.keys()) {
      const side = sides[(round + position) % sides.length];
      if (side !== undefined) values.get(side)?.push(await measure(side));
    }
  }
  return new Map([...values].map(([side, measured]) => [side, median(measured)]));
}
