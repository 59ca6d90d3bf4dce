import { describe, expect, it } from "vitest";
import { milliseconds, seconds } from "../../../src/common/duration.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { inletKey, type PushedRecords } from "../../../src/runtime/messages/pushed-records.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { clusterName, jobMasterAddress } from "../../../src/runtime/object-name.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { JobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { count, sum } from "../../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { HttpSource } from "../../../src/streaming/source/http-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const SECOND = 1_000;
const JOB_ID = brandId<JobID>("5".repeat(32));
const JOB_MASTER = jobMasterAddress(clusterName(), JOB_ID);
const RECORDS = 6;
/** A record every 90 s at each of the three sources: long enough to sleep in between. */
const SELDOM = 1 / 30;

const Reading = types.row({ sensor: types.string(), time: types.long(), value: types.int() });

/** Source -> exchange -> windows -> sink, on two TaskExecutors. */
function readings(recordsPerSecond: number | undefined, records = RECORDS): JobDefinition {
  const checkpointing = { interval: seconds(2) };
  return defineJob({ name: "seldom", parallelism: 3, checkpointing }, (env) => {
    env
      .fromSource(
        DatagenSource.of({
          type: Reading,
          count: records,
          generate: (index) => ({ sensor: `sensor-${index % 2}`, time: index * 100, value: index }),
          ...(recordsPerSecond === undefined ? {} : { recordsPerSecond }),
        }),
        WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(50)).withTimestampAssigner(
          (record: { time: number }) => record.time,
        ),
        "readings",
      )
      .keyBy((record) => record.sensor)
      .window(TumblingEventTimeWindows.of(milliseconds(200)))
      .aggregate({ count: count(), total: sum((record) => record.value) })
      .uid("windows")
      .sinkTo(CollectSink.named("rows"));
  });
}

function steps(from: number, to: number, step: number): readonly number[] {
  return Array.from({ length: Math.floor((to - from) / step) }, (_, index) => from + index * step);
}

/** What is sent to it, in a sink. */
function pushed(parallelism: number): JobDefinition {
  return defineJob({ name: "pushed", parallelism, checkpointing: { interval: seconds(2) } }, (env) => {
    env
      .fromSource(
        HttpSource.ndjson("readings", Reading, { timestampField: "time" }),
        WatermarkStrategy.forMonotonousTimestamps(),
        "readings",
      )
      .map((record) => ({ sensor: record.sensor, value: record.value }))
      .returns(types.row({ sensor: types.string(), value: types.int() }))
      .sinkTo(CollectSink.named("rows"));
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function batch(...values: readonly number[]): PushedRecords {
  const lines = values.map((value) => JSON.stringify({ sensor: "a", time: value, value }));
  return { bytes: encode(lines.join("\n")), records: lines.length };
}

class Run implements Disposable {
  readonly cluster: MiniCluster;

  constructor(definition: JobDefinition) {
    this.cluster = new MiniCluster({
      hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
    });
  }

  static async start(definition: JobDefinition): Promise<Run> {
    const run = new Run(definition);
    const { jobGraph } = await generateJobGraph(definition, { jobId: JOB_ID, module: testingJobGraph().module });
    await run.cluster.resolve(run.cluster.dispatcher.submitJob({ jobGraph, requestHash: "seldom" }));
    return run;
  }

  get asleep(): boolean {
    const keys = this.cluster.storedKeys(JOB_MASTER);
    return keys.includes("sleep") && this.workers === 0;
  }

  get deployments(): number {
    return this.cluster.trace.filter(({ method }) => method === "submitTasks").length;
  }

  get workers(): number {
    return this.cluster.addresses().filter((address) => this.#isWorker(address)).length;
  }

  status() {
    return this.cluster.resolve(this.cluster.dispatcher.requestJobStatus(JOB_ID));
  }

  push(records: PushedRecords, sequence?: number) {
    const producer = sequence === undefined ? {} : { producer: { id: "test", sequence } };
    return this.cluster.dispatcher.pushRecords(JOB_ID, "readings", { ...records, ...producer });
  }

  async values(): Promise<readonly number[]> {
    const rows = await this.rows();
    return rows.map((line) => (JSON.parse(line) as { value: number }).value).sort((left, right) => left - right);
  }

  async end(): Promise<string> {
    await this.cluster.until(async () => isGloballyTerminal(await this.status()), { stepMillis: SECOND });
    return this.status();
  }

  async rows(): Promise<readonly string[]> {
    const rows: string[] = [];
    for await (const line of readCommitted(this.cluster.objects, `v1/default/jobs/${JOB_ID}/results/rows/`)) {
      rows.push(line);
    }
    return rows.sort();
  }

  info() {
    return this.cluster.resolve(this.cluster.dispatcher.requestJob(JOB_ID));
  }

  #isWorker(address: string): boolean {
    return address.includes("/task-executor/") && this.cluster.storedKeys(address).length > 0;
  }

  [Symbol.dispose](): void {
    this.cluster.close();
  }
}

describe("a quiescent job", () => {
  it("sleeps between its records, is RUNNING to everybody, and gives what it gives awake", async () => {
    using awake = await Run.start(readings(undefined));
    expect(await awake.end()).toBe("FINISHED");

    using run = await Run.start(readings(SELDOM));
    let sleeps = 0;
    let slept = false;
    await run.cluster.until(
      async () => {
        if (run.asleep && !slept) {
          sleeps += 1;
          const { status, quiescent } = await run.info();
          expect({ status, quiescent }).toEqual({ status: "RUNNING", quiescent: true });
        }
        slept = run.asleep;
        return isGloballyTerminal(await run.status());
      },
      { stepMillis: 500 },
    );
    expect(await run.status()).toBe("FINISHED");
    expect(sleeps).toBeGreaterThanOrEqual(1);
    expect(await run.rows()).toEqual(await awake.rows());
    const { restarts, exceptionHistory } = await run.info();
    expect({ restarts, exceptionHistory }).toEqual({ restarts: 0, exceptionHistory: [] });
  });

  it("holds no timer but the one that wakes it, and nothing in memory", async () => {
    using run = await Run.start(readings(SELDOM));
    await run.cluster.until(() => run.asleep);
    const started = run.cluster.clock.now();
    await run.cluster.clock.advance(10 * SECOND);
    const timers = run.cluster.addresses().filter((address) => run.cluster.nextTimer(address) !== undefined);
    expect(timers).toEqual([JOB_MASTER]);
    const calls = run.cluster.trace.length;
    await run.cluster.clock.advance(40 * SECOND);
    expect(run.cluster.trace.length - calls, "calls in 40 s").toBe(0);
    // Its sources have read the first record of each at the start, and wait for 90 s from there.
    expect(run.cluster.nextTimer(JOB_MASTER)).toBeLessThanOrEqual(started + 90 * SECOND);
    expect(await run.end()).toBe("FINISHED");
  });

  it.each([
    { who: "its JobMaster", kind: "/job-master/" },
    { who: "the ResourceManager", kind: "/resource-manager/" },
    { who: "its TaskExecutors", kind: "/task-executor/" },
    { who: "everybody", kind: undefined },
  ])("survives the loss of $who at any time", { timeout: 60_000 }, async ({ kind }) => {
    const definition = readings(SELDOM);
    using awake = await Run.start(readings(undefined));
    await awake.end();
    // The first sleep begins about 6 s after the start, and is over after 90 s.
    for (const atMillis of [...steps(4_000, 9_000, 500), ...steps(89_500, 91_500, 100)]) {
      using run = await Run.start(definition);
      await run.cluster.clock.advance(atMillis);
      for (const address of run.cluster.addresses()) {
        if (kind === undefined || address.includes(kind)) run.cluster.kill(address);
      }
      expect(await run.end(), `lost after ${atMillis} ms`).toBe("FINISHED");
      expect(await run.rows(), `lost after ${atMillis} ms`).toEqual(await awake.rows());
    }
  });

  it("is cancelled without being run again", async () => {
    using run = await Run.start(readings(SELDOM));
    await run.cluster.until(() => run.asleep);
    const deployments = run.deployments;
    await run.cluster.resolve(run.cluster.dispatcher.cancelJob(JOB_ID));
    expect(await run.end()).toBe("CANCELED");
    expect(run.deployments).toBe(deployments);
  });

  it("wakes for a savepoint, and sleeps again", async () => {
    using run = await Run.start(readings(SELDOM, 2 * RECORDS));
    await run.cluster.until(() => run.asleep);
    const { dispatcher } = run.cluster;
    await run.cluster.resolve(
      dispatcher.triggerSavepoint(JOB_ID, "save", { targetDirectory: "savepoints/mine", cancelJob: false }),
    );
    await run.cluster.until(
      async () =>
        (await run.cluster.resolve(dispatcher.getTriggeredSavepointStatus(JOB_ID, "save")))?.kind === "completed",
    );
    await run.cluster.until(() => run.asleep);
    expect(await run.end()).toBe("FINISHED");
  });
});

describe("records that are sent to a job", () => {
  it("wake it, are stored before the answer, and read exactly once", async () => {
    using run = await Run.start(pushed(2));
    await run.cluster.until(() => run.asleep);
    expect(await run.cluster.resolve(run.push(batch(1, 2), 1))).toEqual({ kind: "accepted" });
    expect(await run.cluster.resolve(run.push(batch(1, 2), 1))).toEqual({ kind: "duplicate" });
    expect(await run.cluster.resolve(run.push(batch(3), 2))).toEqual({ kind: "accepted" });
    await run.cluster.until(async () => (await run.values()).length >= 3, { stepMillis: 10, limitMillis: 4_000 });
    await run.cluster.until(() => run.asleep);
    expect(await run.cluster.resolve(run.push(batch(4, 5)))).toEqual({ kind: "accepted" });
    await run.cluster.until(async () => (await run.values()).length >= 5, { stepMillis: 10, limitMillis: 4_000 });
    await run.cluster.until(() => run.asleep);
    expect(await run.values()).toEqual([1, 2, 3, 4, 5]);
    // What a checkpoint has read is not kept.
    const objects = await run.cluster.objects.list(`v1/default/jobs/${JOB_ID}/inlet/`);
    expect(objects).toEqual([]);
    expect(run.cluster.storedKeys(JOB_MASTER).filter((key) => key.startsWith("inlet-batch/"))).toEqual([]);
    const { restarts, exceptionHistory } = await run.info();
    expect({ restarts, exceptionHistory }).toEqual({ restarts: 0, exceptionHistory: [] });
  });

  it("are lost neither nor doubled whoever is lost, asleep or awake", { timeout: 60_000 }, async () => {
    for (const kind of ["/job-master/", "/task-executor/", "/"]) {
      for (const atMillis of [...steps(0, 600, 50), ...steps(4_500, 7_000, 500)]) {
        using run = await Run.start(pushed(2));
        await run.cluster.until(() => run.asleep);
        let sequence = 0;
        const sendUntilTold = async (...values: readonly number[]): Promise<void> => {
          sequence += 1;
          for (let told = false; !told;) {
            told = await run.cluster.resolve(run.push(batch(...values), sequence)).then(
              () => true,
              () => false,
            );
          }
        };
        const first = sendUntilTold(1, 2);
        await run.cluster.clock.advance(atMillis);
        for (const address of run.cluster.addresses()) if (address.includes(kind)) run.cluster.kill(address);
        await first;
        await sendUntilTold(3);
        const what = `${kind} lost after ${atMillis} ms`;
        await run.cluster.until(async () => (await run.values()).length >= 3);
        await run.cluster.until(() => run.asleep);
        expect(await run.values(), what).toEqual([1, 2, 3]);
      }
    }
  });

  it.each([
    { line: '{"sensor":"a","time":2,"value":"two"}', reason: 'value: expected an integer of 32 bits, got "two"' },
    { line: '{"sensor":"a","time":2}', reason: "value: expected an integer of 32 bits, got undefined" },
    { line: '{"sensor":"a","time":"now","value":2}', reason: "time: expected an integer of at most 53 bits, got" },
    { line: "[]", reason: "expected an object, got []" },
  ])("are refused as a whole, before they wake it, if one is none of the source's: $line", async ({ line, reason }) => {
    using run = await Run.start(pushed(1));
    await run.cluster.until(() => run.asleep);
    const bytes = encode(`${new TextDecoder().decode(batch(1).bytes)}\n${line}`);
    const refused = { kind: "refused", record: 1, reason: expect.stringContaining(reason) };
    expect(await run.cluster.resolve(run.push({ bytes, records: 2 }, 1))).toEqual(refused);
    expect(run.asleep).toBe(true);
    expect(run.cluster.storedKeys(JOB_MASTER).filter((key) => key.startsWith("inlet"))).toEqual([]);
    expect(await run.cluster.objects.list(`v1/default/jobs/${JOB_ID}/inlet/`)).toEqual([]);
    // Its sequence is free: the same producer sends it again, mended.
    expect(await run.cluster.resolve(run.push(batch(1, 2), 1))).toEqual({ kind: "accepted" });
    await run.cluster.until(async () => (await run.values()).length >= 2);
    expect(await run.values()).toEqual([1, 2]);
    expect(await run.info()).toMatchObject({ restarts: 0, exceptionHistory: [] });
  });

  it("are refused without the event time that the source takes from them", async () => {
    const untimed = defineJob({ name: "untimed", checkpointing: { interval: seconds(2) } }, (env) => {
      env
        .fromSource(
          HttpSource.ndjson("readings", types.json<{ value: number }>(), { timestampField: "time" }),
          WatermarkStrategy.forMonotonousTimestamps(),
          "readings",
        )
        .sinkTo(CollectSink.named("rows"));
    });
    using run = await Run.start(untimed);
    const push = (line: string) => run.cluster.resolve(run.push({ bytes: encode(line), records: 1 }));
    const reason = "time: expected epoch milliseconds, got undefined";
    expect(await push('{"value":1}')).toEqual({ kind: "refused", record: 0, reason });
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(await push(`{"time":1,"value":${deep}}`)).toMatchObject({ kind: "refused", record: 0 });
    expect(await push('{"time":1,"value":1}')).toEqual({ kind: "accepted" });
    await run.cluster.until(async () => (await run.values()).length >= 1);
  });

  it("are refused for a source that does not exist, and by a job that has ended", async () => {
    using run = await Run.start(pushed(1));
    const { dispatcher } = run.cluster;
    await expect(run.cluster.resolve(dispatcher.pushRecords(JOB_ID, "other", batch(1)))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "source other not found: the job takes records for readings",
    });
    await run.cluster.resolve(dispatcher.cancelJob(JOB_ID));
    expect(await run.end()).toBe("CANCELED");
    await expect(run.cluster.resolve(run.push(batch(1)))).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("that were stored by a JobMaster that died before it could say so are known again by their sequence", async () => {
    using run = await Run.start(pushed(2));
    const head = JSON.stringify({ records: 2, producer: { id: "test", sequence: 1 } });
    const orphan = `${head}\n${new TextDecoder().decode(batch(1, 2).bytes)}`;
    await run.cluster.objects.put(`v1/default/jobs/${JOB_ID}/${inletKey("readings", 0)}`, encode(orphan));
    expect(await run.cluster.resolve(run.push(batch(1, 2), 1))).toEqual({ kind: "duplicate" });
    expect(await run.cluster.resolve(run.push(batch(3), 2))).toEqual({ kind: "accepted" });
    await run.cluster.until(async () => (await run.values()).length >= 3);
    expect(await run.values()).toEqual([1, 2, 3]);
  });

  it("are refused while too many wait to be stored", async () => {
    using run = await Run.start(pushed(1));
    await run.cluster.until(() => run.asleep);
    const sent = Array.from({ length: 70 }, (_, value) =>
      run.push(batch(value)).then(
        () => "accepted",
        (error: unknown) => (SluiceException.is(error, "QUOTA_EXCEEDED") && error.retryable ? "refused" : error),
      ),
    );
    const outcomes = await run.cluster.resolve(Promise.all(sent));
    const accepted = outcomes.filter((outcome) => outcome === "accepted").length;
    expect(outcomes.filter((outcome) => outcome === "refused")).toHaveLength(70 - accepted);
    expect(accepted).toBe(64);
    await run.cluster.until(async () => (await run.values()).length >= accepted);
  });

  it("are all in the savepoint that the job ends with", async () => {
    using run = await Run.start(pushed(2));
    const { dispatcher } = run.cluster;
    await run.cluster.until(() => run.asleep);
    expect(await run.cluster.resolve(run.push(batch(1, 2)))).toEqual({ kind: "accepted" });
    const stop = { targetDirectory: "savepoints/mine", drain: false };
    const isRunning = async (): Promise<boolean> => {
      const { quiescent, vertices } = await run.info();
      return (
        quiescent !== true && vertices.every(({ executions }) => executions.every(({ state }) => state === "RUNNING"))
      );
    };
    await run.cluster.until(isRunning, { stepMillis: 10 });
    expect(await run.cluster.resolve(run.push(batch(3, 4, 5)))).toEqual({ kind: "accepted" });
    await run.cluster.resolve(dispatcher.stopWithSavepoint(JOB_ID, "stop", stop));
    await expect(run.cluster.resolve(run.push(batch(6)))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await run.cluster.until(
      async () => {
        const status = await run.cluster.resolve(dispatcher.getTriggeredSavepointStatus(JOB_ID, "stop"));
        return status?.kind !== "in-progress";
      },
      { limitMillis: 60_000 },
    );
    expect(await run.end()).toBe("FINISHED");
    expect(await run.values()).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([1, 2, 3])(
    "are not taken twice by a job of parallelism %i that starts from that savepoint",
    async (again) => {
      const definition = pushed(2);
      using run = await Run.start(definition);
      const { dispatcher } = run.cluster;
      expect(await run.cluster.resolve(run.push(batch(1, 2), 7))).toEqual({ kind: "accepted" });
      const stop = { targetDirectory: "savepoints/mine", drain: false };
      await run.cluster.until(async () => (await run.values()).length === 2);
      await run.cluster.resolve(dispatcher.stopWithSavepoint(JOB_ID, "stop", stop));
      expect(await run.end()).toBe("FINISHED");
      const stopped = await run.cluster.resolve(dispatcher.getTriggeredSavepointStatus(JOB_ID, "stop"));
      if (stopped?.kind !== "completed") throw new Error(stopped?.kind);

      const jobId = brandId<JobID>("6".repeat(32));
      const { module } = testingJobGraph();
      const { jobGraph: fresh } = await generateJobGraph(definition, { jobId, module, parallelism: again });
      const savepointRestoreSettings = {
        restorePath: stopped.location,
        allowNonRestoredState: false,
        claimMode: "NO_CLAIM",
      } as const;
      const push = (sequence: number, ...values: readonly number[]) =>
        dispatcher.pushRecords(jobId, "readings", { ...batch(...values), producer: { id: "test", sequence } });
      const submitted = dispatcher.submitJob({
        jobGraph: { ...fresh, savepointRestoreSettings },
        requestHash: "again",
      });
      await run.cluster.resolve(submitted);
      // The producer never got the answer of the first job, and asks the second one from its first moment on.
      let outcome: unknown;
      while (outcome === undefined) {
        outcome = await run.cluster.resolve(push(7, 1, 2)).catch((error: unknown) => {
          if (!SluiceException.is(error, "UNAVAILABLE")) throw error;
          return undefined;
        });
      }
      expect(outcome).toEqual({ kind: "duplicate" });
      expect(await run.cluster.resolve(push(8, 3))).toEqual({ kind: "accepted" });
      const rows = async (): Promise<readonly string[]> => {
        const found: string[] = [];
        for await (const line of readCommitted(run.cluster.objects, `v1/default/jobs/${jobId}/results/rows/`))
          found.push(line);
        return found;
      };
      await run.cluster.until(async () => (await rows()).length > 0);
      expect(await rows()).toEqual(['{"sensor":"a","value":3}']);
    },
  );
});
