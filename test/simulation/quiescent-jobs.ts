import { milliseconds, seconds } from "../../src/common/duration.ts";
import { brandId } from "../../src/common/ids.ts";
import type { JobID } from "../../src/common/ids.ts";
import { types } from "../../src/common/types/type-factories.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import { defineJob } from "../../src/streaming/api/define-job.ts";
import type { JobDefinition } from "../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../src/streaming/graph/job-graph-generator.ts";
import { CollectSink } from "../../src/streaming/sink/collect-sink.ts";
import { DatagenSource } from "../../src/streaming/source/datagen-source.ts";
import { HttpSource } from "../../src/streaming/source/http-source.ts";
import { moduleOf } from "./jobs.ts";
import type { RealJob } from "./jobs.ts";

const RECORDS = 8;
/** Between two records of a subtask: longer than the least sleep and the time before it. */
const INTERVAL_MILLIS = 25_000;
const PARALLELISM = 2;
const CONFIGURATION = {
  parallelism: PARALLELISM,
  checkpointing: { interval: seconds(2), timeout: seconds(30), tolerableFailures: 2 },
  restart: { attempts: 100_000, delay: seconds(1) },
} as const;
const Value = types.row({ value: types.int() });

/** Name of the source that takes what is sent to the job `pushed`. */
export const INLET = "values";

/** Made by a generator that wakes its job by the clock. */
const seldom: JobDefinition = defineJob({ name: "seldom", ...CONFIGURATION }, (env) => {
  env
    .fromSource(
      DatagenSource.of({
        type: Value,
        generate: (value) => ({ value }),
        count: RECORDS,
        recordsPerSecond: (PARALLELISM * milliseconds(1_000)) / INTERVAL_MILLIS,
      }),
      undefined,
      "values",
    )
    .map((record) => ({ ...record }))
    .returns(Value)
    .setParallelism(1)
    .sinkTo(CollectSink.named("rows"));
});

const pushed: JobDefinition = defineJob({ name: "pushed", ...CONFIGURATION }, (env) => {
  env
    .fromSource(HttpSource.ndjson(INLET, Value), undefined, "values")
    .map((record) => ({ ...record }))
    .returns(Value)
    .setParallelism(1)
    .sinkTo(CollectSink.named("rows"));
});

export const SELDOM: RealJob = {
  name: "seldom",
  definition: seldom,
  expected: Array.from({ length: RECORDS }, (_, value) => lineOf(value)),
};
/** What it must commit is what it was sent. */
export const PUSHED: RealJob = { name: "pushed", definition: pushed, expected: [] };

export function lineOf(value: number): string {
  return JSON.stringify({ value });
}

export async function quiescentGraph({ name, definition }: RealJob, jobId: string): Promise<JobGraph> {
  const module = { ...moduleOf(name), hash: name === "seldom" ? "a".repeat(64) : "b".repeat(64) };
  const { jobGraph } = await generateJobGraph(definition, { jobId: brandId<JobID>(jobId), module });
  return jobGraph;
}
