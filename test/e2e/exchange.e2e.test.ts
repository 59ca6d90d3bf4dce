import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Platform } from "../harness/platform.ts";

const RECORDS = 60_000;
const KEYS = 97;

/** Keyed counts of many records, and a sink that gets every record of a large stream: more than the credits of its channels hold. */
const EXCHANGE = `
import { CollectSink, count, DatagenSource, defineJob, seconds, sum, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.int(), text: types.string() });
const text = "x".repeat(100);
function spin() { let sum = 0; for (let i = 0; i < 20000; i += 1) sum += i; return sum; }
export default defineJob({ name: "exchange", parallelism: 4, checkpointing: { interval: seconds(1) } }, (env) => {
  const rows = env.fromSource(
    DatagenSource.of({ type: Row, count: ${RECORDS}, generate: (index) => ({ index, key: index % ${KEYS}, text }), timestampOf: (row) => row.index }),
    WatermarkStrategy.forMonotonousTimestamps(), "rows");
  rows.keyBy("key").window(TumblingEventTimeWindows.of(seconds(3600))).aggregate({ count: count(), indexes: sum((row) => row.index) })
    .sinkTo(CollectSink.named("counts"));
  rows.map((row) => { spin(); return row; }).returns(Row).setParallelism(3).sinkTo(CollectSink.named("all"));
});`;

describe("the exchange between TaskExecutors", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("crosses objects, loses and doubles nothing, and never buffers more than the credit of a channel", async () => {
    const jobId = await platform.run(EXCHANGE);
    const job = await platform.job(jobId, ({ state }) => state === "FINISHED" || state === "FAILED");
    expect(job).toMatchObject({ state: "FINISHED", failure: null });

    expect(new Set(job.tasks.map(({ taskExecutor }) => taskExecutor)).size).toBeGreaterThanOrEqual(2);
    expect(job.tasks.reduce((total, task) => total + task.remoteRecordsOut, 0)).toBeGreaterThan(0);
    const consumers = job.tasks.filter((task) => task.peakChannelBytes > 0);
    expect(consumers.length).toBeGreaterThan(0);
    for (const task of consumers) expect(task.peakChannelBytes).toBeLessThanOrEqual(task.channelCreditBytes);

    const rows = await platform.rows<{ readonly key: number; readonly count?: number; readonly index: number }>(jobId);
    const counts = rows.filter((row) => row.count !== undefined);
    expect(counts.map(({ key, count }) => [key, count]).toSorted(([a = 0], [b = 0]) => a - b)).toEqual(
      Array.from({ length: KEYS }, (_, key) => [key, Math.ceil((RECORDS - key) / KEYS)]),
    );
    const all = rows.filter((row) => row.count === undefined);
    expect(all).toHaveLength(RECORDS);
    expect(new Set(all.map(({ index }) => index)).size).toBe(RECORDS);
  });
});
