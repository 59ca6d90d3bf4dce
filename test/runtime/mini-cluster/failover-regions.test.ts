import { describe, expect, it } from "vitest";
import { seconds } from "../../../src/common/duration.ts";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { RestartOptions } from "../../../src/streaming/api/restart-options.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const JOB_ID = brandId<JobID>("5".repeat(32));
const RECORDS = 400;
const Numbered = types.row({ number: types.int() });

interface Outcome {
  readonly status: string;
  readonly restarts: number;
  readonly attemptNumbers: readonly number[];
  readonly failures: readonly (string | undefined)[];
  readonly numbers: readonly number[];
}

/**
 * Four lanes without an exchange, so four regions, 40 records a second each, the real data plane; `fail` is asked for
 * each record.
 */
async function run(restart: RestartOptions, fail: (number: number) => boolean): Promise<Outcome> {
  const definition = defineJob(
    { name: "lanes", parallelism: 4, checkpointing: { interval: seconds(1) }, restart },
    (env) => {
      const source = DatagenSource.of({
        type: Numbered,
        generate: (number) => ({ number }),
        count: RECORDS,
        recordsPerSecond: 160,
      });
      env
        .fromSource(source, WatermarkStrategy.noWatermarks(), "numbers")
        .map((record) => {
          if (fail(record.number)) throw new Error(`no ${record.number}`);
          return record;
        })
        .returns(Numbered)
        .sinkTo(CollectSink.named("rows"));
    },
  );
  const cluster = new MiniCluster({
    hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
  });
  try {
    const { jobGraph } = await generateJobGraph(definition, { jobId: JOB_ID, module: testingJobGraph().module });
    await cluster.resolve(cluster.dispatcher.submitJob({ jobGraph, requestHash: "lanes" }));
    await cluster.until(async () => isGloballyTerminal(await cluster.dispatcher.requestJobStatus(JOB_ID)), {
      stepMillis: 100,
    });
    const info = await cluster.resolve(cluster.dispatcher.requestJob(JOB_ID));
    const numbers: number[] = [];
    for await (const line of readCommitted(cluster.objects, `v1/default/jobs/${JOB_ID}/results/rows/`)) {
      numbers.push(Numbered.parse(JSON.parse(line)).number);
    }
    return {
      status: info.status,
      restarts: info.restarts,
      attemptNumbers: info.vertices.flatMap(({ executions }) => executions.map(({ attemptNumber }) => attemptNumber)),
      failures: info.exceptionHistory.map(({ failure }) => /no \d+/.exec(failure.message)?.[0]),
      numbers: numbers.sort((left, right) => left - right),
    };
  } finally {
    cluster.close();
  }
}

/** True the first time it is asked for one of the numbers. */
function once(...numbers: readonly number[]): (number: number) => boolean {
  const left = new Set(numbers);
  return (number) => left.delete(number);
}

const ALL = Array.from({ length: RECORDS }, (_, index) => index);

describe("failover of regions on the real data plane", () => {
  it("FO-01: the lane that fails starts again, the others run on, every record comes out once", async () => {
    const { status, restarts, attemptNumbers, failures, numbers } = await run(
      { attempts: 1, delay: seconds(1) },
      once(250),
    );
    expect({ status, restarts, failures }).toEqual({ status: "FINISHED", restarts: 1, failures: ["no 250"] });
    expect(attemptNumbers.toSorted((left, right) => left - right)).toEqual([0, 0, 0, 1]);
    expect(numbers).toEqual(ALL);
  });

  it("FO-08, FO-09: lanes that fail while others restart do so on their own", async () => {
    const { status, restarts, attemptNumbers, numbers } = await run(
      { attempts: 3, delay: seconds(1) },
      once(200, 201, 300),
    );
    expect({ status, restarts }).toEqual({ status: "FINISHED", restarts: 3 });
    expect(attemptNumbers.reduce((sum, number) => sum + number, 0)).toBe(3);
    expect(numbers).toEqual(ALL);
  });

  it("FO-17: with exponential delay failures close together are one attempt", async () => {
    const { status, restarts, attemptNumbers, failures, numbers } = await run(
      { exponentialDelay: { jitter: 0, attempts: 1 } },
      once(200, 201, 202),
    );
    expect({ status, restarts, failures }).toEqual({ status: "FINISHED", restarts: 1, failures: ["no 200"] });
    expect(attemptNumbers.toSorted((left, right) => left - right)).toEqual([0, 1, 1, 1]);
    expect(numbers).toEqual(ALL);
  });

  it("FO-13: a lane that fails for good ends the job, and says who refused", async () => {
    const { status, failures } = await run({ failureRate: { maxFailures: 2 } }, (number) => number === 250);
    expect(status).toBe("FAILED");
    expect(failures).toEqual(["no 250", "no 250", "no 250"]);
  });
});
