import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import earthquakes from "../../examples/earthquakes/job.ts";
import sensors from "../../examples/sensors/job.ts";
import wordcount from "../../examples/wordcount/job.ts";
import { InMemoryObjectStore } from "../../src/testing/in-memory-object-store.ts";
import type { JobDefinition } from "../../src/streaming/graph/job-definition.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { EARTHQUAKES_FILE, earthquakeRowsBySql } from "../harness/earthquake-rows.ts";
import { runLocally } from "../streaming/api/local-run.ts";

type Row = Readonly<Record<string, unknown>>;

async function rowsOf(job: JobDefinition, sink: string, parallelism: number): Promise<readonly Row[]> {
  const objects = new InMemoryObjectStore(new ManualClock());
  await objects.put("objects/earthquakes.ndjson", Uint8Array.from(readFileSync(EARTHQUAKES_FILE)));
  const results = await runLocally(job, { parallelism, objects });
  return (results.get(sink) ?? []) as readonly Row[];
}

describe("examples", () => {
  it.each([1, 2, 4, 7])("earthquakes at parallelism %d equals SQL over the same file", async (parallelism) => {
    const rows = (await rowsOf(earthquakes, "rows", parallelism)).map((row) => ({
      ...row,
      window_start: new Date(Number(row["window_start"])).toISOString(),
      window_end: new Date(Number(row["window_end"])).toISOString(),
    }));
    const keyOf = (row: Row): string => `${String(row["window_start"])} ${String(row["net"])}`;
    expect(rows.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))).toEqual(earthquakeRowsBySql());
  });

  it.each([1, 3])("wordcount at parallelism %d counts words per minute", async (parallelism) => {
    const rows = await rowsOf(wordcount, "counts", parallelism);
    const countsOf = (word: string): unknown => {
      const counts = rows.filter(({ key }) => key === word).map((row) => [Number(row["window_start"]), row["count"]]);
      return Object.fromEntries(counts);
    };
    expect(countsOf("to")).toEqual({ 0: 3, 60_000: 4 });
    expect(countsOf("sleep")).toEqual({ 60_000: 2 });
    expect(countsOf("'tis")).toEqual({ 0: 1 });
  });

  it("sensors makes the same plausible rows at any parallelism", async () => {
    const rows = await rowsOf(sensors, "sensors/temperatures", 4);
    // 2,000 readings, 4 a second: 17 windows of 30 seconds for each of 8 sensors.
    expect(rows).toHaveLength(17 * 8);
    for (const { coldest, mean, warmest } of rows) {
      expect(Number(coldest)).toBeGreaterThan(9);
      expect(Number(warmest)).toBeLessThan(32);
      expect(Number(coldest) <= Number(mean) && Number(mean) <= Number(warmest)).toBe(true);
    }
    const sorted = (list: readonly Row[]): string[] => list.map((row) => JSON.stringify(row)).toSorted();
    expect(sorted(await rowsOf(sensors, "sensors/temperatures", 1))).toEqual(sorted(rows));
  });
});
