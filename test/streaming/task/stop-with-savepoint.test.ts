import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import type { CheckpointOptions } from "../../../src/runtime/messages/checkpoint-messages.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { TestingJob } from "./testing-job.ts";

const DIRECTORY = "savepoints/here/";
const SUSPEND: CheckpointOptions = { kind: "stop-with-savepoint", directory: DIRECTORY, drain: false };
const DRAIN: CheckpointOptions = { kind: "stop-with-savepoint", directory: DIRECTORY, drain: true };

/** An unbounded source at parallelism 2, and a sink behind an exchange. */
async function endlessJob() {
  const clock = new ManualClock(1_000_000);
  const objects = new InMemoryObjectStore(clock);
  const definition = defineJob({ name: "endless", parallelism: 2 }, (env) => {
    const source = DatagenSource.of({ type: types.int(), generate: (index) => index, recordsPerSecond: 100 });
    env
      .fromSource(source, WatermarkStrategy.noWatermarks(), "numbers")
      .sinkTo(CollectSink.named("rows"))
      .setParallelism(1);
  });
  const job = await TestingJob.create({ definition, hosts: 2, clock, objects });
  await job.deploy();
  const rounds = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round += 1) {
      await clock.advance(10);
      await job.round();
    }
  };
  const position = (): number =>
    [...job.metrics.values()].reduce((total, { sourcePosition = 0 }) => total + sourcePosition, 0);
  const rows = async (): Promise<number> => {
    let count = 0;
    for await (const _ of readCommitted(objects, "results/rows/")) count += 1;
    return count;
  };
  await rounds(20);
  return { job, objects, rounds, position, rows };
}

describe("stop with savepoint, seen by the tasks", () => {
  it("SVP-03: at a savepoint that is not to stop the job tasks go on", async () => {
    const { job, rounds, position } = await endlessJob();
    job.triggerCheckpoint({ kind: "savepoint", directory: DIRECTORY });
    await rounds(10);
    const before = position();
    await rounds(10);
    expect(job.completed).toHaveLength(1);
    expect(position()).toBeGreaterThan(before);
    expect(new Set(job.tasks.map(({ state }) => state))).toEqual(new Set(["RUNNING"]));
  });

  it.each([
    ["suspend", SUSPEND],
    ["drain", DRAIN],
  ])("SVP-05: %s: nothing is read after it; all commit and finish at its notice", async (_kind, options) => {
    const { job, rounds, position, rows } = await endlessJob();
    job.triggerCheckpoint(options);
    await rounds(2);
    const stopped = position();
    await rounds(10);
    expect(position()).toBe(stopped);
    expect(job.failures).toEqual([]);
    expect(job.isFinished).toBe(true);
    expect(await rows()).toBe(stopped);
  });

  it("SVP-07: a suspended task goes on when the savepoint is aborted, and nothing is lost", async () => {
    const { job, rounds, position, rows } = await endlessJob();
    job.triggerCheckpoint(SUSPEND);
    await job.runHost(0);
    await job.round();
    job.abortCheckpoint();
    await rounds(10);
    const before = position();
    await rounds(10);
    expect(position()).toBeGreaterThan(before);
    job.triggerCheckpoint(SUSPEND);
    await rounds(10);
    expect(job.isFinished).toBe(true);
    expect(await rows()).toBe(position());
  });

  it("a notice that was lost is made up for by the next checkpoint", async () => {
    const { job, rounds, position, rows } = await endlessJob();
    job.triggerCheckpoint(SUSPEND);
    await job.round();
    job.forgetCheckpoint();
    await rounds(5);
    const stopped = position();
    await rounds(5);
    expect(position()).toBe(stopped);
    job.triggerCheckpoint();
    await rounds(10);
    expect(position()).toBeGreaterThan(stopped);
    expect(job.failures).toEqual([]);
    job.triggerCheckpoint(SUSPEND);
    await rounds(10);
    expect(await rows()).toBe(position());
  });

  it("2K: a drained task fails when the savepoint is aborted: it has ended its data", async () => {
    const { job, rounds } = await endlessJob();
    job.triggerCheckpoint(DRAIN);
    await job.round();
    job.abortCheckpoint();
    await rounds(5);
    expect(job.failures.map(({ failure }) => failure?.message)).toContain(
      "savepoint 1 was aborted after it had drained the task",
    );
  });
});
