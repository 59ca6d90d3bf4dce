import Table from "cli-table3";
import * as z from "zod";
import { formatMinute } from "./format.ts";

/** A time of a row as the job wrote it (epoch milliseconds), as ISO-8601 in UTC. */
const RowTime = z.number().transform((millis) => new Date(millis).toISOString());

/** One row of the main job's result. */
const EarthquakeRow = z.object({
  net: z.string(),
  window_start: RowTime,
  window_end: RowTime,
  count: z.int(),
  max_mag: z.number(),
  mean_depth: z.number(),
});
export type EarthquakeRow = z.output<typeof EarthquakeRow>;

/** Parsed and sorted by window start, then network. @throws if a line is not such a row. */
export function parseEarthquakeRows(lines: readonly string[]): readonly EarthquakeRow[] {
  return lines
    .map((line) => EarthquakeRow.parse(JSON.parse(line)))
    .toSorted((left, right) => compare(left.window_start, right.window_start) || compare(left.net, right.net));
}

function compare(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

const SHOWN_ROWS = 10;
const NO_LINES = {
  top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "",
  "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  ",
}; // prettier-ignore

/** The first rows as a table, without colours or frames. */
export function formatEarthquakeRows(rows: readonly EarthquakeRow[]): readonly string[] {
  const table = new Table({
    head: ["  window (UTC)     ", "net ", "count", "max mag", "mean depth (km)"],
    colAligns: ["left", "left", "right", "right", "right"],
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows.slice(0, SHOWN_ROWS)) {
    table.push([
      `  ${formatMinute(row.window_start)}`,
      row.net,
      row.count,
      row.max_mag.toFixed(1),
      row.mean_depth.toFixed(1),
    ]);
  }
  const lines = table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  return rows.length > SHOWN_ROWS ? [...lines, "  ..."] : lines;
}
