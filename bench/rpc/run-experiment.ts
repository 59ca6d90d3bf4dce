import { judge } from "./report/row.ts";
import type { Reason, Row } from "./report/row.ts";
import { alternate } from "./report/statistics.ts";
import type { Experiment, Missing, Side } from "./rows.ts";
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
  const reasons = new Map<string, Reason>();
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
      reasons.set(key, `failed: ${side.system}: ${firstLine(error)}`);
      return Number.NaN;
    }
  });
  const values = new Map([...medians].map(([[key], value]) => [key, value]));
  const found = (
    side: Side | Missing | undefined,
  ): { readonly value?: number | undefined; readonly reason?: Reason } => {
    if (side === undefined) return {};
    if ("missing" in side) return { reason: side.missing };
    const reason = reasons.get(keyOf(side));
    return reason === undefined ? { value: values.get(keyOf(side)) } : { reason };
  };
  return experiment.map((row) => {
    const [ours, baseline] = [found(row.ours), found(row.baseline)];
    return judge(row, { value: ours.value, baseline: baseline.value }, ours.reason ?? baseline.reason);
  });
}

function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line;
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
