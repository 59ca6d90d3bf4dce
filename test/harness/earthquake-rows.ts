import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** One row of the main job's result, as the demo prints it. */
export interface EarthquakeRow {
  readonly net: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly count: number;
  readonly max_mag: number;
  readonly mean_depth: number;
}

export const EARTHQUAKES_FILE = join(import.meta.dirname, "../../examples/earthquakes/earthquakes.ndjson");
const WINDOW_MILLIS = 6 * 3_600_000;

/** The main job's rows computed independently of the engine: SQL over the committed NDJSON file. */
export function earthquakeRowsBySql(): readonly EarthquakeRow[] {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE lines (line TEXT)");
  const insert = database.prepare("INSERT INTO lines VALUES (?)");
  for (const line of readFileSync(EARTHQUAKES_FILE, "utf8").split("\n")) {
    if (line !== "") insert.run(line);
  }
  const rows = database
    .prepare(
      `WITH quakes AS (
         SELECT line ->> 'net' AS net, CAST(line ->> 'time' AS INTEGER) AS time,
                line ->> 'mag' AS mag, line ->> 'depth' AS depth
         FROM lines)
       SELECT net, time / ${WINDOW_MILLIS} * ${WINDOW_MILLIS} AS start, COUNT(*) AS count, MAX(mag) AS max_mag,
              ROUND(AVG(depth), 3) AS mean_depth
       FROM quakes GROUP BY net, start ORDER BY start, net`,
    )
    .all();
  return rows.map((row) => ({
    net: String(row["net"]),
    window_start: new Date(Number(row["start"])).toISOString(),
    window_end: new Date(Number(row["start"]) + WINDOW_MILLIS).toISOString(),
    count: Number(row["count"]),
    max_mag: Number(row["max_mag"]),
    mean_depth: Number(row["mean_depth"]),
  }));
}

/** A row as the job emits it: times in epoch milliseconds. */
export interface ResultRow extends Omit<EarthquakeRow, "window_start" | "window_end"> {
  readonly window_start: number;
  readonly window_end: number;
}

/** The job's rows as the demo prints and sorts them. */
export function toDemoRows(rows: readonly ResultRow[]): readonly EarthquakeRow[] {
  return rows
    .toSorted((left, right) => left.window_start - right.window_start || (left.net < right.net ? -1 : 1))
    .map((row) => ({
      ...row,
      window_start: new Date(row.window_start).toISOString(),
      window_end: new Date(row.window_end).toISOString(),
    }));
}
