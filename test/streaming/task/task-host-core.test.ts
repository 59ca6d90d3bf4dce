import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { milliseconds } from "../../../src/common/duration.ts";
import { brandId } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { ObjectInfo, PutCondition } from "../../../src/runtime/blob/object-store.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { StreamExecutionEnvironment } from "../../../src/streaming/api/stream-execution-environment.ts";
import { CHANNEL_CREDIT_BYTES } from "../../../src/streaming/network/exchange-link.ts";
import { count } from "../../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { SLICE_RECORDS } from "../../../src/streaming/task/task-host-core.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { TestingJob } from "./testing-job.ts";

/** A store whose writes of sink parts wait until the test lets them pass. */
class SlowSinkStore extends InMemoryObjectStore {
  #gate: PromiseWithResolvers<void> | undefined;

  block(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    if (key.includes("/part-")) await this.#gate?.promise;
    return super.put(key, bytes, condition);
  }
}

class FailingStore extends InMemoryObjectStore {
  failing = false;

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    if (this.failing) throw new Error("the store is down");
    return super.put(key, bytes, condition);
  }
}

interface Setup {
  readonly build: (env: StreamExecutionEnvironment) => void;
  readonly parallelism?: number;
  readonly hosts?: number;
}

async function testingJob<Store extends InMemoryObjectStore>(
  { build, parallelism = 2, hosts = 2 }: Setup,
  Store: new (clock: ManualClock) => Store,
): Promise<{ job: TestingJob; clock: ManualClock; objects: Store }> {
  const clock = new ManualClock(1_000_000);
  const objects = new Store(clock);
  const definition = defineJob({ name: "job", parallelism }, build);
  const job = await TestingJob.create({ definition, hosts, clock, objects });
  await job.deploy();
  return { job, clock, objects };
}

const numbers = (count_?: number, recordsPerSecond?: number): DatagenSource<number> =>
  DatagenSource.of({
    type: types.int(),
    generate: (index) => index,
    ...(count_ === undefined ? {} : { count: count_ }),
    ...(recordsPerSecond === undefined ? {} : { recordsPerSecond }),
  });

const timestamps = (timestampOf: (value: number) => number): WatermarkStrategy<number> =>
  WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner(timestampOf);

/** source -> map -> sink in one chain. */
function chained(source: DatagenSource<number>, map: (value: number) => unknown = (value) => value) {
  return (env: StreamExecutionEnvironment): void => {
    env.fromSource(source, undefined, "numbers").map(map).returns(types.json()).sinkTo(CollectSink.named("rows"));
  };
}

/** source -> keyed windows of one record -> padded rows: the consumer makes far more bytes than it gets. */
function padded(source: DatagenSource<number>, bytesEach: number, sinkParallelism = 2) {
  return (env: StreamExecutionEnvironment): void => {
    env
      .fromSource(
        source,
        timestamps((value) => value),
        "numbers",
      )
      .keyBy((value) => value, types.int())
      .window(TumblingEventTimeWindows.of(milliseconds(1)))
      .aggregate({ count: count() })
      .setParallelism(sinkParallelism)
      .map((row) => ({ key: row.key, padding: "x".repeat(bytesEach) }))
      .returns(types.json())
      .setParallelism(sinkParallelism)
      .sinkTo(CollectSink.named("rows"))
      .setParallelism(sinkParallelism);
  };
}

async function rows(objects: InMemoryObjectStore, sink = "rows"): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const line of readCommitted(objects, `results/${sink}/`)) found.push(JSON.parse(line));
  return found;
}

async function untilFinished(job: TestingJob): Promise<void> {
  while (!job.isFinished && job.failures.length === 0) {
    await job.round();
    job.triggerCheckpoint();
  }
}

async function rounds(job: TestingJob, many: number): Promise<void> {
  for (let round = 0; round < many; round += 1) await job.round();
}

describe("TaskHostCore", () => {
  it("takes a task from INITIALIZING over RUNNING to FINISHED with one terminal report", async () => {
    const { job } = await testingJob({ build: chained(numbers(10)), parallelism: 1, hosts: 1 }, InMemoryObjectStore);
    const [host] = job.hosts;
    const states: string[] = [];
    const endOfData: string[] = [];
    const run = async (): Promise<boolean> => {
      const report = await host?.run({ maxWaitMillis: 0 });
      states.push(...(report?.states.map(({ state }) => state) ?? []));
      endOfData.push(...(report?.endOfData ?? []));
      return report?.active ?? false;
    };
    await run();
    expect(states).toEqual(["INITIALIZING", "RUNNING"]);
    expect(await run()).toBe(true);
    expect(endOfData).toEqual([job.tasks[0]?.attemptId]);
    const attemptIds = job.tasks.map(({ attemptId }) => attemptId);
    await host?.triggerCheckpoint({ attemptIds, checkpointId: 1, timestampMillis: 0 });
    const report = await host?.run({ maxWaitMillis: 0 });
    expect(report?.acknowledgements.map(({ checkpointId }) => checkpointId)).toEqual([1]);
    expect(await run()).toBe(true);
    await host?.notifyCheckpointComplete(1);
    expect(await run()).toBe(false);
    expect(states).toEqual(["INITIALIZING", "RUNNING", "FINISHED"]);
    expect(await run()).toBe(false);
  });

  it("CP-29 does not finish by a checkpoint that began before the end of data", async () => {
    const { job, clock, objects } = await testingJob(
      { build: chained(numbers(4, 10)), parallelism: 1, hosts: 1 },
      InMemoryObjectStore,
    );
    await rounds(job, 2);
    job.triggerCheckpoint();
    await rounds(job, 2);
    await clock.advance(1_000);
    await rounds(job, 3);
    expect(job.completed).toHaveLength(1);
    expect(job.isFinished).toBe(false);
    expect(await rows(objects)).toEqual([0]);
    job.triggerCheckpoint();
    await rounds(job, 3);
    expect(job.isFinished).toBe(true);
    expect(await rows(objects)).toEqual([0, 1, 2, 3]);
  });

  it("commits the restored checkpoint's output before the task is RUNNING", async () => {
    const { job, objects } = await testingJob(
      { build: chained(numbers(undefined, 5)), parallelism: 1, hosts: 1 },
      InMemoryObjectStore,
    );
    await rounds(job, 2);
    job.triggerCheckpoint();
    while (job.completed.length === 0) {
      await job.runHost(0);
      if (job.completed.length === 0) await job.round();
    }
    await job.killAndRestart();
    while (job.tasks[0]?.state !== "RUNNING") await job.runHost(0);
    expect(await rows(objects)).toEqual([0]);
  });

  it("keeps every channel within its credit while a sink is slow, and stops the sources", async () => {
    const { job, objects } = await testingJob({ build: padded(numbers(), 2_000, 1) }, SlowSinkStore);
    await rounds(job, 2);
    objects.block();
    const blocked = job.runHost(0);
    const remoteSource = job.tasks.find(({ host, vertex }) => host === 1 && vertex.inputs.length === 0);
    const produced = (): number => job.metrics.get(remoteSource?.attemptId ?? brandId(""))?.recordsOut ?? 0;
    const trajectory: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      while (job.network.hasPending) {
        await job.network.step(job.choices);
        await setImmediate();
      }
      await job.runHost(1);
      trajectory.push(produced());
    }
    expect(produced()).toBeGreaterThan(0);
    expect(new Set(trajectory.slice(-30)).size).toBe(1);
    objects.release();
    await blocked;
    await rounds(job, 10);
    expect(produced()).toBeGreaterThan(trajectory.at(-1) ?? 0);
    const metrics = [...job.metrics.values()];
    for (const { peakChannelBytes, channelCreditBytes } of metrics) {
      expect(channelCreditBytes).toBe(CHANNEL_CREDIT_BYTES);
      expect(peakChannelBytes).toBeLessThanOrEqual(CHANNEL_CREDIT_BYTES);
    }
    expect(Math.max(...metrics.map(({ peakChannelBytes }) => peakChannelBytes))).toBeGreaterThan(
      CHANNEL_CREDIT_BYTES / 2,
    );
    expect(Math.max(...metrics.map(({ remoteRecordsOut }) => remoteRecordsOut))).toBeGreaterThan(0);
    expect(job.failures).toEqual([]);
  });

  it("feeds every branch of a chain, chained and over channels", async () => {
    const build = (env: StreamExecutionEnvironment): void => {
      const stream = env.fromSource(
        numbers(100),
        timestamps((value) => value),
        "numbers",
      );
      stream
        .map((value) => value * 2)
        .returns(types.int())
        .sinkTo(CollectSink.named("doubled"));
      stream.filter((value) => value % 2 === 0).sinkTo(CollectSink.named("even"));
      stream
        .keyBy(() => "all")
        .window(TumblingEventTimeWindows.of(milliseconds(1_000)))
        .aggregate({ count: count() })
        .sinkTo(CollectSink.named("rows"));
    };
    const { job, objects } = await testingJob({ build }, InMemoryObjectStore);
    await untilFinished(job);
    const all = Array.from({ length: 100 }, (_, value) => value);
    expect(new Set(await rows(objects, "doubled"))).toEqual(new Set(all.map((value) => value * 2)));
    expect(new Set(await rows(objects, "even"))).toEqual(new Set(all.filter((value) => value % 2 === 0)));
    expect(await rows(objects)).toMatchObject([{ count: 100 }]);
  });

  it("waits without work until a source is due, and is woken by a cancel", async () => {
    const { job, clock } = await testingJob(
      { build: chained(numbers(undefined, 1)), parallelism: 1, hosts: 1 },
      InMemoryObjectStore,
    );
    const [host] = job.hosts;
    await rounds(job, 1);
    const first = host?.run({ maxWaitMillis: 10_000 });
    let returned = false;
    void first?.then(() => (returned = true));
    await clock.advance(9_999);
    expect(returned).toBe(false);
    await clock.advance(1);
    expect((await first)?.metrics[0]?.metrics.idleMillis).toBe(10_000);
    expect(clock.pending).toBe(0);
    const second = host?.run({ maxWaitMillis: 10_000 });
    await clock.settle();
    for (const { attemptId } of job.tasks) await host?.cancelTask(attemptId);
    expect((await second)?.states.map(({ state }) => state)).toEqual(["CANCELED"]);
  });

  it("returns after a slice while a source has more", async () => {
    const { job } = await testingJob({ build: chained(numbers()), parallelism: 1, hosts: 1 }, InMemoryObjectStore);
    await rounds(job, 1);
    const [host] = job.hosts;
    job.triggerCheckpoint();
    await host?.run({ maxWaitMillis: 60_000 });
    const [task] = job.tasks;
    await host?.triggerCheckpoint({
      attemptIds: task === undefined ? [] : [task.attemptId],
      checkpointId: 9,
      timestampMillis: 0,
    });
    const report = await host?.run({ maxWaitMillis: 60_000 });
    const [acknowledgement] = report?.acknowledgements[0]?.acknowledgements ?? [];
    expect(acknowledgement?.metrics.sourcePosition).toBe(SLICE_RECORDS);
  });

  it("fails a task whose user function throws, with message and stack, and the host goes on", async () => {
    const failing = chained(numbers(10), (value) => {
      if (value === 5) throw new RangeError("five is right out");
      return value;
    });
    const { job } = await testingJob({ build: failing, parallelism: 2, hosts: 1 }, InMemoryObjectStore);
    await rounds(job, 3);
    expect(job.tasks.map(({ state }) => state)).toEqual(["RUNNING", "FAILED"]);
    expect(job.failures[0]?.failure?.message).toContain("five is right out");
    expect(job.failures[0]?.failure?.stack).toContain("task-host-core.test.ts");
    expect(job.failures[0]?.failure?.code).toBe("USER_CODE");
  });

  it("fails the tasks of a broken link with PARTITION_CONNECTION", async () => {
    const { job, clock } = await testingJob({ build: padded(numbers(undefined, 100), 10) }, InMemoryObjectStore);
    await rounds(job, 2);
    job.network.break();
    await clock.advance(1_000);
    await rounds(job, 2);
    const codes = job.failures.map(({ failure }) => failure?.code);
    expect(new Set(codes)).toEqual(new Set(["PARTITION_CONNECTION"]));
    expect(codes.length).toBeGreaterThan(0);
  });

  it("CP-16 declines for a task that is not ready, and for an attempt it does not know", async () => {
    const { job } = await testingJob({ build: chained(numbers(1)), parallelism: 1, hosts: 1 }, InMemoryObjectStore);
    const [host] = job.hosts;
    const known = job.tasks.map(({ attemptId }) => attemptId);
    await host?.triggerCheckpoint({ attemptIds: [...known, brandId("stranger")], checkpointId: 1, timestampMillis: 0 });
    const report = await host?.run({ maxWaitMillis: 0 });
    expect(report?.declines.map(({ attemptId, reason }) => [attemptId, reason])).toEqual([
      [known[0], "CHECKPOINT_DECLINED_TASK_NOT_READY"],
      ["stranger", "TASK_CHECKPOINT_FAILURE"],
    ]);
  });

  it("CP-16 declines when the asynchronous part fails, goes on, and loses nothing", async () => {
    const { job, objects } = await testingJob({ build: chained(numbers(3)), parallelism: 1, hosts: 1 }, FailingStore);
    await rounds(job, 2);
    objects.failing = true;
    job.triggerCheckpoint();
    await rounds(job, 2);
    expect(job.declined).toEqual([1]);
    objects.failing = false;
    job.triggerCheckpoint();
    await rounds(job, 3);
    expect(job.isFinished).toBe(true);
    expect(await rows(objects)).toEqual([0, 1, 2]);
  });

  it("CP-19 fails a task whose commit fails", async () => {
    const { job, objects } = await testingJob({ build: chained(numbers(3)), parallelism: 1, hosts: 1 }, FailingStore);
    await rounds(job, 2);
    job.triggerCheckpoint();
    while (job.completed.length === 0) await job.round();
    objects.failing = true;
    await rounds(job, 2);
    expect(job.failures.map(({ failure }) => failure?.message)).toEqual(["the store is down"]);
  });

  it("CP-22 takes no snapshot for a checkpoint whose abort came first, and tells the tasks behind", async () => {
    const { job } = await testingJob({ build: padded(numbers(undefined, 100), 10) }, InMemoryObjectStore);
    await rounds(job, 3);
    const sources = job.tasks.filter(({ vertex }) => vertex.inputs.length === 0).map(({ attemptId }) => attemptId);
    const [aborting, other] = job.hosts;
    await aborting?.notifyCheckpointAborted(1);
    for (const [index, host] of [aborting, other].entries()) {
      const attemptIds = sources.slice(index, index + 1);
      await host?.triggerCheckpoint({ attemptIds, checkpointId: 1, timestampMillis: 0 });
    }
    await rounds(job, 3);
    // The source that knew nothing took it; the tasks behind got its barrier and the other's cancel marker.
    expect(job.acknowledged.get(1)).toEqual([sources[1]]);
    expect(job.declined).toEqual([]);
    for (const host of job.hosts) {
      await host.triggerCheckpoint({ attemptIds: sources, checkpointId: 2, timestampMillis: 0 });
    }
    await rounds(job, 3);
    expect(job.acknowledged.get(2)).toHaveLength(job.tasks.length);
  });

  it("CP-22 ignores a trigger that is not above the last checkpoint handled", async () => {
    const { job } = await testingJob(
      { build: chained(numbers(undefined, 1)), parallelism: 1, hosts: 1 },
      InMemoryObjectStore,
    );
    await rounds(job, 2);
    const attemptIds = job.tasks.map(({ attemptId }) => attemptId);
    for (const checkpointId of [5, 5, 4]) {
      await job.hosts[0]?.triggerCheckpoint({ attemptIds, checkpointId, timestampMillis: 0 });
    }
    await rounds(job, 3);
    expect([...job.acknowledged]).toEqual([[5, attemptIds]]);
  });

  it("puts state above the inline limit into one object per subtask and restores from it", async () => {
    const build = (env: StreamExecutionEnvironment): void => {
      env
        .fromSource(
          numbers(12_000),
          timestamps(() => 1),
          "numbers",
        )
        .keyBy((value) => value, types.int())
        .window(TumblingEventTimeWindows.of(milliseconds(10)))
        .aggregate({ count: count() })
        .sinkTo(CollectSink.named("rows"));
    };
    const { job, objects } = await testingJob({ build }, InMemoryObjectStore);
    while ([...job.metrics.values()].reduce((sum, { recordsIn }) => sum + recordsIn, 0) < 1_000) await job.round();
    job.triggerCheckpoint();
    while (job.completed.length === 0) await job.round();
    const states = (await objects.list("state/")).map(({ key }) => key);
    const window = job.tasks.find(({ vertex }) => vertex.inputs.length > 0)?.vertex.id;
    expect(states).toEqual([`state/chk-1/${window}-0`, `state/chk-1/${window}-1`]);
    await job.killAndRestart();
    await untilFinished(job);
    expect(await rows(objects)).toHaveLength(12_000);
  });

  it("refuses a graph that is not the submitted one, a vertex it does not have, and an attempt twice", async () => {
    let builds = 0;
    const unstable = (env: StreamExecutionEnvironment): void => chained(numbers((builds += 1)))(env);
    await expect(testingJob({ build: unstable, parallelism: 1, hosts: 1 }, InMemoryObjectStore)).rejects.toThrow(
      /^the job's graph is another one on this TaskExecutor/,
    );
    const { job } = await testingJob({ build: chained(numbers(1)), parallelism: 1, hosts: 1 }, InMemoryObjectStore);
    const [descriptor] = job.descriptors;
    if (descriptor === undefined) throw new Error("nothing was deployed");
    const [host] = job.hosts;
    await expect(host?.submitTask(descriptor)).rejects.toThrow("runs already");
    await expect(host?.submitTask({ ...descriptor, jobVertexId: brandId("none") })).rejects.toThrow(
      "the job has no vertex none",
    );
  });

  it("runs one call of run at a time", async () => {
    const { job, clock } = await testingJob(
      { build: chained(numbers(undefined, 1)), parallelism: 1, hosts: 1 },
      InMemoryObjectStore,
    );
    await rounds(job, 1);
    const [host] = job.hosts;
    const first = host?.run({ maxWaitMillis: 5 });
    await expect(host?.run({ maxWaitMillis: 5 })).rejects.toThrow("run: the previous call has not returned");
    await clock.advance(5);
    await first;
  });
});
