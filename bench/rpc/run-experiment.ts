import { judge } from "./report/row.ts";
import type { Row } from "./report/row.ts";
import { alternate } from "./report/statistics.ts";
import type { Experiment, Missing, RowDefinition, Side } from "./rows.ts";
import { absence } from "./systems.ts";

/**
 * Measures every side of the experiment's rows in alternating rounds. A side that cannot be measured here, or fails, makes
 * its rows fail with the reason; the others are measured all the same.
 */
export async function runExperiment(
  experiment: Experiment,
  rounds: number,
  measure: (side: Side) => Promise<number>,
): Promise<readonly Row[]> {
  const sides = distinct(experiment.flatMap(({ ours, baseline }) => [ours, baseline]));
  const reasons = new Map<string, string>();
  for (const side of sides.values()) {
    const reason = absence(side.system);
    if (reason !== undefined) reasons.set(keyOf(side), reason);
  }
  const present = [...sides].filter(([key]) => !reasons.has(key));
  const medians = await alternate(present, rounds, async ([key, side]) => {
    if (reasons.has(key)) return Number.NaN;
    try {
      return await measure(side);
    } catch (error) {
      reasons.set(key, `${side.system} failed: ${error instanceof Error ? error.message : String(error)}`);
      return Number.NaN;
    }
  });
  const values = new Map([...medians].map(([[key], value]) => [key, value]));
  return experiment.map((row) => judgeMeasured(row, values, reasons));
}

function judgeMeasured(
  row: RowDefinition,
  values: ReadonlyMap<string, number>,
  reasons: ReadonlyMap<string, string>,
): Row {
  const sides = [row.ours, row.baseline];
  const [value, baseline] = sides.map((side) => {
    const key = isSide(side) ? keyOf(side) : undefined;
    return key === undefined || reasons.has(key) ? undefined : values.get(key);
  });
  const whys = sides.flatMap((side) => {
    if (side === undefined) return [];
    return isSide(side) ? (reasons.get(keyOf(side)) ?? []) : side.missing;
  });
  return judge(row, { value, baseline }, whys.length === 0 ? undefined : whys.join("; "));
}

function distinct(sides: readonly (Side | Missing | undefined)[]): ReadonlyMap<string, Side> {
  return new Map(sides.filter(isSide).map((side) => [keyOf(side), side]));
}

function isSide(side: Side | Missing | undefined): side is Side {
  return side !== undefined && "system" in side;
}

function keyOf(side: Side): string {
  return `${side.system}/${side.load}/${side.width}`;
}
