import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { milliseconds, seconds } from "../../../src/common/duration.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { JobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { count, sum } from "../../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { ObjectSource } from "../../../src/streaming/source/object-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { TestingJob } from "./testing-job.ts";

const RECORDS = 240;
const WINDOW_MILLIS = 100;
const OUT_OF_ORDER_MILLIS = 40;
const MAX_STEPS = 20_000;

const Reading = types.row({ sensor: types.string(), time: types.long(), value: types.int() });

function reading(index: number): { sensor: string; time: number; value: number } {
  const jitter = (index * 7919) % OUT_OF_ORDER_MILLIS;
  return { sensor: `sensor-${index % 5}`, time: index * 10 + jitter, value: index };
}

/** Source -> keyed windows -> sink: two vertices, all to all. */
function windowedJob(): JobDefinition {
  return defineJob({ name: "readings", parallelism: 3, checkpointing: { interval: seconds(1) } }, (env) => {
    env
      .fromSource(
        DatagenSource.of({ type: Reading, generate: reading, count: RECORDS, recordsPerSecond: 300 }),
        WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(400)).withTimestampAssigner(
          (record: { time: number }) => record.time,
        ),
        "readings",
      )
      .keyBy((record) => record.sensor)
      .window(TumblingEventTimeWindows.of(milliseconds(WINDOW_MILLIS)))
      .aggregate({ count: count(), total: sum((record) => record.value) })
      .uid("windows")
      .sinkTo(CollectSink.named("rows"));
  });
}

/** Object -> map at another parallelism -> keyed windows -> one sink: four vertices, three kinds of edges. */
function objectJob(): JobDefinition {
  return defineJob({ name: "object", parallelism: 3, checkpointing: { interval: seconds(1) } }, (env) => {
    env
      .fromSource(
        ObjectSource.ndjson("readings.ndjson", Reading, {
          timestampField: "time",
          recordsPerSecond: 400,
          chunkBytes: 700,
        }),
        WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(OUT_OF_ORDER_MILLIS)),
        "readings",
      )
      .map((record) => ({ ...record }))
      .returns(Reading)
      .setParallelism(2)
      .keyBy("sensor")
      .window(TumblingEventTimeWindows.of(milliseconds(WINDOW_MILLIS)))
      .aggregate({ count: count(), total: sum((record) => record.value) })
      .uid("windows")
      .map(({ sensor, ...row }) => ({ key: sensor, ...row }))
      .sinkTo(CollectSink.named("rows"))
      .setParallelism(1);
  });
}

function expectedWindows(): string[] {
  const windows = new Map<
    string,
    { key: string; window_start: number; window_end: number; count: number; total: number }
  >();
  for (let index = 0; index < RECORDS; index += 1) {
    const { sensor, time, value } = reading(index);
    const window_start = Math.floor(time / WINDOW_MILLIS) * WINDOW_MILLIS;
    const key = `${sensor}/${window_start}`;
    const window = windows.get(key) ?? {
      key: sensor,
      window_start,
      window_end: window_start + WINDOW_MILLIS,
      count: 0,
      total: 0,
    };
    window.count += 1;
    window.total += value;
    windows.set(key, window);
  }
  return [...windows.values()].map(canonical).sort();
}

function canonical(row: unknown): string {
  return JSON.stringify(
    Object.entries(row as Record<string, unknown>).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

interface Simulation {
  readonly definition?: JobDefinition;
  readonly seed: number;
  /** Numbers of steps after which everything is killed. */
  readonly kills: readonly number[];
  /** Called after every step; true kills. */
  readonly killWhen?: (job: TestingJob) => boolean;
}

async function simulate(simulation: Simulation): Promise<{ rows: string[]; steps: number; job: TestingJob }> {
  const clock = new ManualClock(1_000_000);
  const objects = new InMemoryObjectStore(clock);
  const lines = Array.from({ length: RECORDS }, (_, index) => `${JSON.stringify(reading(index))}\n`);
  await objects.put("objects/readings.ndjson", new TextEncoder().encode(lines.join("")));
  const { definition = windowedJob(), seed } = simulation;
  const job = await TestingJob.create({ definition, hosts: 2, clock, objects, seed });
  await job.deploy();
  let steps = 0;
  for (; !job.isFinished && steps < MAX_STEPS; steps += 1) {
    await job.step();
    if (simulation.kills.includes(steps) || simulation.killWhen?.(job) === true) await job.killAndRestart();
    expect(job.failures).toEqual([]);
  }
  expect(job.isFinished).toBe(true);
  const rows: string[] = [];
  for await (const line of readCommitted(objects, "results/rows/")) rows.push(canonical(JSON.parse(line)));
  return { rows: rows.sort(), steps, job };
}

describe("exactly-once output", () => {
  const expected = expectedWindows();

  it("CP-29 a bounded job commits everything by its final checkpoint, without a failure", async () => {
    const { rows, job } = await simulate({ seed: 7, kills: [] });
    expect(rows).toEqual(expected);
    expect(job.completed.length).toBeGreaterThan(3);
  });

  it("is the same when everything is killed after any step", async () => {
    const { steps } = await simulate({ seed: 11, kills: [] });
    expect(steps).toBeGreaterThan(100);
    for (let kill = 0; kill < steps; kill += 11) {
      const { rows } = await simulate({ seed: 11, kills: [kill] });
      expect(rows, `killed after step ${kill}`).toEqual(expected);
    }
  });

  it("is the same when everything is killed at each checkpoint, before its notice is out", async () => {
    const { job } = await simulate({ seed: 5, kills: [] });
    for (let boundary = 1; boundary <= job.completed.length; boundary += 1) {
      const { rows } = await simulate({
        seed: 5,
        kills: [],
        killWhen: (running) => running.completed.length === boundary && running.restarts === 0,
      });
      expect(rows, `killed at checkpoint ${boundary}`).toEqual(expected);
    }
  });

  it.each([
    ["two vertices", windowedJob],
    ["an object read in chunks, and four vertices", objectJob],
  ])("is the same under random schedules and repeated kills: %s", async (_, definition) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 4 }),
        async (seed, kills) => {
          const { rows } = await simulate({ definition: definition(), seed, kills });
          expect(rows).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});
