/** The job that chaos runs, and its result computed without the engine. */

const RECORDS = 400;
const RECORDS_PER_SECOND = 200;
const KEYS = 7;
const MILLIS_PER_RECORD = 20;
const WINDOW_MILLIS = 1_000;

/** Two seconds of records, exchanged by key between two TaskExecutors, a checkpoint five times a second. */
export const CHAOS_JOB = `
import { CollectSink, count, DatagenSource, defineJob, max, milliseconds, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.string(), time: types.long() });
export default defineJob({ name: "chaos", parallelism: 4, checkpointing: { interval: milliseconds(200) } }, (env) => {
  env
    .fromSource(
      DatagenSource.of({
        type: Row,
        generate: (index) => ({ index, key: "k" + (index % ${KEYS}), time: index * ${MILLIS_PER_RECORD} }),
        count: ${RECORDS},
        recordsPerSecond: ${RECORDS_PER_SECOND},
        timestampOf: (row) => row.time,
      }),
      WatermarkStrategy.forMonotonousTimestamps(),
      "records",
    )
    .keyBy("key")
    .window(TumblingEventTimeWindows.of(milliseconds(${WINDOW_MILLIS})))
    .aggregate({ count: count(), last: max((row) => row.index) })
    .sinkTo(CollectSink.named("rows"));
});
`;

export interface ChaosRow {
  readonly key: string;
  readonly window_start: number | string;
  readonly count: number;
  readonly last: number;
}

/** One text per row that the job has to give, in order. */
export function expectedRows(): readonly string[] {
  const rows = new Map<string, { count: number; last: number }>();
  for (let index = 0; index < RECORDS; index += 1) {
    const start = Math.floor((index * MILLIS_PER_RECORD) / WINDOW_MILLIS) * WINDOW_MILLIS;
    const at = `k${index % KEYS} ${new Date(start).toISOString()}`;
    const row = rows.get(at) ?? { count: 0, last: 0 };
    rows.set(at, { count: row.count + 1, last: index });
  }
  return [...rows].map(([at, { count, last }]) => `${at} ${count} ${last}`).sort();
}

/** The same form for rows that came. */
export function comparableRows(rows: readonly ChaosRow[]): readonly string[] {
  return rows
    .map(({ key, window_start, count, last }) => `${key} ${new Date(window_start).toISOString()} ${count} ${last}`)
    .sort();
}

/** What is wrong with the rows of a job that ended so; `undefined`: nothing. */
export function faultOf(rows: readonly string[], end: "FINISHED" | "CANCELED"): string | undefined {
  const expected = expectedRows();
  const twice = rows.find((row, index) => rows[index + 1] === row);
  if (twice !== undefined) return `the row "${twice}" came twice`;
  const foreign = rows.find((row) => !expected.includes(row));
  if (foreign !== undefined) return `the row "${foreign}" is wrong`;
  // A canceled job may have given any part of its rows.
  const missing = end === "CANCELED" ? undefined : expected.find((row) => !rows.includes(row));
  return missing === undefined ? undefined : `the row "${missing}" is missing`;
}
