import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { milliseconds, seconds } from "../../../src/common/duration.ts";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { SavepointRestoreSettings } from "../../../src/runtime/jobgraph/savepoint-restore-settings.ts";
import { isGloballyTerminal, type JobStatus } from "../../../src/runtime/messages/job-status.ts";
import type { SnapshotOperationStatus } from "../../../src/runtime/messages/snapshot-operations.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { JobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { count, sum } from "../../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { ObjectSink } from "../../../src/streaming/sink/object-sink.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { ObjectSource } from "../../../src/streaming/source/object-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const SECOND = 1_000;
const RECORDS = 600;
const WINDOW_MILLIS = 100;

const Reading = types.row({ sensor: types.string(), time: types.long(), value: types.int() });

function reading(index: number): { sensor: string; time: number; value: number } {
  return { sensor: `sensor-${index % 7}`, time: index * 10 + ((index * 7919) % 40), value: index };
}

const watermarks = WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(60)).withTimestampAssigner(
  (record: { time: number }) => record.time,
);

/** Every operator there is: both kinds of sources and of sinks, stateless ones, keyed windows. */
const definition: JobDefinition = defineJob(
  {
    name: "readings",
    parallelism: 2,
    checkpointing: { interval: seconds(1), externalizedRetention: "RETAIN_ON_CANCELLATION" },
  },
  (env) => {
    const windows = TumblingEventTimeWindows.of(milliseconds(WINDOW_MILLIS));
    const generated = DatagenSource.of({ type: Reading, generate: reading, count: RECORDS, recordsPerSecond: 100 });
    env
      .fromSource(generated, watermarks, "generated")
      .uid("generated")
      .keyBy((record) => record.sensor)
      .window(windows)
      .aggregate({ count: count(), total: sum((record) => record.value) })
      .uid("generated-windows")
      .sinkTo(CollectSink.named("rows"))
      .uid("rows");
    const options = { recordsPerSecond: 100, chunkBytes: 700 };
    env
      .fromSource(ObjectSource.ndjson("readings.ndjson", Reading, options), watermarks, "uploaded")
      .uid("uploaded")
      .map((record) => ({ ...record, value: record.value + 1 }))
      .returns(Reading)
      .sinkTo(ObjectSink.ndjson("copies"))
      .uid("copies");
  },
);

function canonical(row: unknown): string {
  return JSON.stringify(Object.entries(row as object).sort(([left], [right]) => (left < right ? -1 : 1)));
}

function expectedWindows(): readonly string[] {
  const windows = new Map<
    string,
    { key: string; window_start: number; window_end: number; count: number; total: number }
  >();
  for (let index = 0; index < RECORDS; index += 1) {
    const { sensor: key, time, value } = reading(index);
    const window_start = Math.floor(time / WINDOW_MILLIS) * WINDOW_MILLIS;
    const window = windows.get(`${key}/${window_start}`) ?? {
      key,
      window_start,
      window_end: window_start + WINDOW_MILLIS,
      count: 0,
      total: 0,
    };
    windows.set(`${key}/${window_start}`, { ...window, count: window.count + 1, total: window.total + value });
  }
  return [...windows.values()].map(canonical).sort();
}

const EXPECTED_WINDOWS = expectedWindows();
const EXPECTED_COPIES = Array.from({ length: RECORDS }, (_, index) => {
  const record = reading(index);
  return canonical({ ...record, value: record.value + 1 });
}).sort();

/** Jobs one after the other on one cluster, with the real data plane. */
class Lives implements Disposable {
  readonly cluster = new MiniCluster({
    hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
  });
  readonly jobs: JobID[] = [];

  async upload(): Promise<void> {
    const lines = Array.from({ length: RECORDS }, (_, index) => `${JSON.stringify(reading(index))}\n`);
    await this.cluster.objects.put("v1/default/objects/readings.ndjson", new TextEncoder().encode(lines.join("")));
  }

  async submit(parallelism: number, restore?: Partial<SavepointRestoreSettings>): Promise<JobID> {
    const jobId = brandId<JobID>(String(this.jobs.length + 1).repeat(32));
    this.jobs.push(jobId);
    const { jobGraph } = await generateJobGraph(definition, { jobId, module: testingJobGraph().module, parallelism });
    const settings = { restorePath: "", allowNonRestoredState: false, claimMode: "NO_CLAIM", ...restore } as const;
    const graph = restore === undefined ? jobGraph : { ...jobGraph, savepointRestoreSettings: settings };
    await this.cluster.resolve(this.cluster.dispatcher.submitJob({ jobGraph: graph, requestHash: jobId }));
    return jobId;
  }

  /** Lets the job run for that long from the moment when all its tasks do. */
  async run(jobId: JobID, millis: number): Promise<void> {
    const allRun = async (): Promise<boolean> => {
      const { vertices } = await this.cluster.resolve(this.cluster.dispatcher.requestJob(jobId));
      return (
        vertices.length > 0 && vertices.every(({ executions }) => executions.every(({ state }) => state === "RUNNING"))
      );
    };
    await this.cluster.until(allRun, { stepMillis: 100, limitMillis: 60 * SECOND });
    const until = this.cluster.clock.now() + millis;
    await this.cluster.until(async () => this.cluster.clock.now() >= until, { stepMillis: 100 });
  }

  status(jobId: JobID): Promise<JobStatus> {
    return this.cluster.resolve(this.cluster.dispatcher.requestJobStatus(jobId));
  }

  async end(jobId: JobID): Promise<JobStatus> {
    await this.cluster.until(async () => isGloballyTerminal(await this.status(jobId)), {
      stepMillis: 500,
      limitMillis: 120 * SECOND,
    });
    return this.status(jobId);
  }

  /** Asks for the outcome until there is one. */
  async outcome(jobId: JobID, triggerId: string): Promise<SnapshotOperationStatus> {
    let status: SnapshotOperationStatus | undefined;
    await this.cluster.until(
      async () => {
        const asked = this.cluster.dispatcher.getTriggeredSavepointStatus(jobId, triggerId);
        status = await this.cluster.resolve(asked);
        return status?.kind !== "in-progress";
      },
      { stepMillis: 100, limitMillis: 60 * SECOND },
    );
    if (status === undefined) throw new Error(`operation ${triggerId} is unknown`);
    return status;
  }

  async stop(jobId: JobID, drain = false): Promise<string> {
    const request = { targetDirectory: "", drain };
    await this.cluster.resolve(this.cluster.dispatcher.stopWithSavepoint(jobId, "stop", request));
    return this.#location(await this.outcome(jobId, "stop"));
  }

  async savepoint(jobId: JobID, cancelJob: boolean): Promise<string> {
    const request = { targetDirectory: "savepoints/mine", cancelJob };
    await this.cluster.resolve(this.cluster.dispatcher.triggerSavepoint(jobId, "save", request));
    return this.#location(await this.outcome(jobId, "save"));
  }

  #location(status: SnapshotOperationStatus): string {
    if (status.kind !== "completed") throw new Error(JSON.stringify(status));
    return status.location;
  }

  /** Rows committed by all jobs together. */
  async rows(): Promise<{ readonly windows: readonly string[]; readonly copies: readonly string[] }> {
    const windows: string[] = [];
    for (const jobId of this.jobs) {
      const prefix = `v1/default/jobs/${jobId}/results/rows/`;
      for await (const line of readCommitted(this.cluster.objects, prefix)) windows.push(canonical(JSON.parse(line)));
    }
    const copies: string[] = [];
    for await (const line of readCommitted(this.cluster.objects, "v1/default/objects/copies/")) {
      copies.push(canonical(JSON.parse(line)));
    }
    return { windows: windows.sort(), copies: copies.sort() };
  }

  [Symbol.dispose](): void {
    this.cluster.close();
  }
}

async function startedJob(parallelism = 2, millis = 1_300): Promise<{ lives: Lives; jobId: JobID }> {
  const lives = new Lives();
  await lives.upload();
  const jobId = await lives.submit(parallelism);
  await lives.run(jobId, millis);
  return { lives, jobId };
}

const ALL = { windows: EXPECTED_WINDOWS, copies: EXPECTED_COPIES };

describe("exactly-once over savepoints", { timeout: 120_000 }, () => {
  it("RST-07, RST-08, SVP-05: jobs stopped anywhere and resumed at any parallelism together give every row once", async () => {
    // Three lives together, with the time that each takes to begin and to stop, are shorter than the data.
    const longest = 600;
    const longestLives = (parallelism: number, how: "stop" | "cancel") =>
      Array.from({ length: 3 }, () => ({ parallelism, millis: longest, how }));
    const life = fc.record({
      parallelism: fc.integer({ min: 1, max: 5 }),
      millis: fc.integer({ min: 0, max: longest }),
      how: fc.constantFrom<"stop" | "cancel">("stop", "stop", "cancel"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(life, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 5 }),
        async (lifes, last) => {
          using lives = new Lives();
          await lives.upload();
          let restorePath: string | undefined;
          for (const { parallelism, millis, how } of lifes) {
            const jobId = await lives.submit(parallelism, restorePath === undefined ? undefined : { restorePath });
            await lives.run(jobId, millis);
            restorePath = how === "stop" ? await lives.stop(jobId) : await lives.savepoint(jobId, true);
            expect(await lives.end(jobId)).toBe(how === "stop" ? "FINISHED" : "CANCELED");
          }
          const jobId = await lives.submit(last, restorePath === undefined ? undefined : { restorePath });
          expect(await lives.end(jobId)).toBe("FINISHED");
          expect(await lives.rows()).toEqual(ALL);
        },
      ),
      {
        seed: 42,
        numRuns: 16,
        examples: [
          [longestLives(1, "stop"), 1],
          [longestLives(5, "cancel"), 2],
        ],
      },
    );
  });

  it("SVP-03: a savepoint commits nothing; the job goes on and gives every row once", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    const location = await lives.savepoint(jobId, false);
    expect(location).toMatch(/^savepoints\/mine\/savepoint-111111-/);
    expect(await lives.end(jobId)).toBe("FINISHED");
    expect(await lives.rows()).toEqual(ALL);
    // The savepoint outlives the job, and a job from it gives again what came after it.
    const again = await lives.submit(3, { restorePath: `${location}/_metadata` });
    expect(await lives.end(again)).toBe("FINISHED");
    const { windows } = await lives.rows();
    expect(new Set(windows)).toEqual(new Set(EXPECTED_WINDOWS));
    expect(windows.length).toBeGreaterThan(EXPECTED_WINDOWS.length);
  });

  it("SVP-05: drain fires what is open, as if the input had ended there", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    await lives.stop(jobId, true);
    expect(await lives.end(jobId)).toBe("FINISHED");
    const { windows, copies } = await lives.rows();
    const counted = windows.reduce((total, row) => total + Number(/"count",(\d+)/.exec(row)?.[1]), 0);
    const info = await lives.cluster.resolve(lives.cluster.dispatcher.requestJob(jobId));
    const read = info.vertices.flatMap(({ name, executions }) =>
      executions.map(({ metrics }) => ({ name, position: metrics.sourcePosition ?? 0 })),
    );
    const positionOf = (name: string): number =>
      read.filter((each) => each.name.includes(name)).reduce((total, { position }) => total + position, 0);
    expect(counted).toBe(positionOf("generated"));
    expect(counted).toBeGreaterThan(100);
    expect(counted).toBeLessThan(RECORDS);
    expect(copies).toHaveLength(positionOf("uploaded"));
  });

  it("SVP-05: suspend fires nothing that is open", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    await lives.stop(jobId);
    const { windows } = await lives.rows();
    const expected = new Set(EXPECTED_WINDOWS);
    // A window that had fired early would not be one of the whole input.
    expect(windows.filter((row) => !expected.has(row))).toEqual([]);
  });

  it("RST-04: a savepoint of another job is refused, unless its state may be dropped", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    const restorePath = await lives.stop(jobId);
    const other = defineJob({ name: "readings", parallelism: 1 }, (env) => {
      env.fromCollection(["x"], types.string()).uid("other").sinkTo(CollectSink.named("other")).uid("other-sink");
    });
    const { jobGraph } = await generateJobGraph(other, {
      jobId: brandId("9".repeat(32)),
      module: testingJobGraph().module,
    });
    const settings = { restorePath, allowNonRestoredState: false, claimMode: "NO_CLAIM" } as const;
    const refused = { ...jobGraph, savepointRestoreSettings: settings };
    await lives.cluster.resolve(lives.cluster.dispatcher.submitJob({ jobGraph: refused, requestHash: "refused" }));
    expect(await lives.end(jobGraph.jobId)).toBe("FAILED");
    const info = await lives.cluster.resolve(lives.cluster.dispatcher.requestJob(jobGraph.jobId));
    expect(info.failure?.stack).toContain("which is not in the job");
  });

  it("RST-05: a job gets so wide that its key groups would be others: it takes over those of the savepoint", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    const restorePath = await lives.savepoint(jobId, true);
    expect(await lives.end(jobId)).toBe("CANCELED");
    const next = await lives.submit(90, { restorePath });
    const { vertices } = await lives.cluster.resolve(lives.cluster.dispatcher.requestJob(next));
    expect(new Set(vertices.map(({ maxParallelism }) => maxParallelism))).toEqual(new Set([128]));
    expect(await lives.end(next)).toBe("FINISHED");
    expect(await lives.rows()).toEqual(ALL);
  });

  it("SVP-09: disposed of, with everything in its directory; another time it is unknown", async () => {
    const { lives, jobId } = await startedJob();
    using _ = lives;
    const location = await lives.savepoint(jobId, true);
    const { dispatcher, objects, clock } = lives.cluster;
    const outcomeOf = async (triggerId: string, path = location) => {
      await lives.cluster.resolve(dispatcher.disposeSavepoint(triggerId, path));
      await clock.advance(10);
      return lives.cluster.resolve(dispatcher.getSavepointDisposalStatus(triggerId));
    };
    expect((await objects.list(`v1/default/${location}/`)).length).toBeGreaterThan(0);
    expect(await outcomeOf("first")).toMatchObject({ kind: "completed" });
    expect(await objects.list(`v1/default/${location}/`)).toEqual([]);
    expect(await outcomeOf("second")).toMatchObject({ kind: "failed", failure: { code: "NOT_FOUND" } });
    // A disposal that failed half way: what it left behind goes with the next one, and nothing of other savepoints.
    await objects.put("v1/default/savepoints/half/v-0", Uint8Array.of(1));
    await objects.put("v1/default/savepoints/dir/whole/_metadata", Uint8Array.of(1));
    expect(await outcomeOf("third", "savepoints/half")).toMatchObject({ kind: "completed" });
    expect(await outcomeOf("fourth", "savepoints/dir")).toMatchObject({ failure: { code: "NOT_FOUND" } });
    expect((await objects.list("v1/default/savepoints/")).map(({ key }) => key)).toEqual([
      "v1/default/savepoints/dir/whole/_metadata",
    ]);
    await clock.advance(300_000);
    expect(await lives.cluster.resolve(dispatcher.getSavepointDisposalStatus("first"))).toBeUndefined();
  });

  it("CP-26: a retained checkpoint outlives the canceled job and its result, and another job starts from it", async () => {
    const { lives, jobId } = await startedJob(3, 2_300);
    using _ = lives;
    const { dispatcher, objects, clock } = lives.cluster;
    await lives.cluster.resolve(dispatcher.cancelJob(jobId));
    expect(await lives.end(jobId)).toBe("CANCELED");
    await clock.advance(10 * SECOND);
    const prefix = `v1/default/jobs/${jobId}/chk-`;
    const metadata = (await objects.list(prefix)).map(({ key }) => key).filter((key) => key.endsWith("/_metadata"));
    expect(metadata).toHaveLength(1);
    const restorePath = metadata[0]?.slice("v1/default/".length) ?? "";
    const next = await lives.submit(2, { restorePath });
    expect(await lives.end(next)).toBe("FINISHED");
    expect(await lives.rows()).toEqual(ALL);
    await clock.advance(10 * SECOND);
    // Those of a job that has finished are never kept.
    expect(await objects.list(`v1/default/jobs/${next}/chk-`)).toEqual([]);
    // The next submission discards what has expired.
    await clock.advance(3_700 * SECOND);
    await lives.submit(1);
    await clock.advance(10 * SECOND);
    expect((await objects.list(`v1/default/jobs/${jobId}/`)).every(({ key }) => key.startsWith(prefix))).toBe(true);
    expect((await objects.list(prefix)).length).toBeGreaterThan(0);
  });
});
