import Table from "cli-table3";
import pc from "picocolors";
import type { Row, Unit } from "./row.ts";

const FEW = 100;

/** The rows as a table for people, and under it the reasons of what was not measured. */
export function renderTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ["measure", "value", "baseline", "ratio", "bar", ""],
    colAligns: ["left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [] },
  });
  table.push(
    ...rows.map((row) => [
      row.name,
      quantity(row.value, row.unit),
      quantity(row.baseline, row.unit),
      times(row.ratio),
      row.bar,
      outcome(row),
    ]),
  );
  const reasons = rows.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
  const passed = rows.filter(({ pass }) => pass).length;
  return [table.toString(), ...reasons, `${passed} of ${rows.length} rows hold`].join("\n");
}

function quantity(value: number | null, unit: Unit): string {
  return value === null ? "–" : `${decimal(value)} ${unit}`;
}

function times(ratio: number | null): string {
  return ratio === null ? "–" : `${decimal(ratio)} x`;
}

function decimal(value: number): string {
  return value >= FEW ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

function outcome({ pass, reason }: Row): string {
  if (pass) return pc.green("✔");
  return reason === undefined ? pc.red("✘") : pc.yellow(reason.slice(0, reason.indexOf(":")));
}
