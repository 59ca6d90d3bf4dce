import { milliseconds, seconds } from "../../src/common/duration.ts";
import { brandId } from "../../src/common/ids.ts";
import type { JobID } from "../../src/common/ids.ts";
import { types } from "../../src/common/types/type-factories.ts";
import type { JobGraph, JobModuleReference } from "../../src/runtime/jobgraph/job-graph.ts";
import { defineJob } from "../../src/streaming/api/define-job.ts";
import type { JobDefinition } from "../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../src/streaming/graph/job-graph-generator.ts";
import { count, sum } from "../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../src/streaming/sink/collect-sink.ts";
import { DatagenSource } from "../../src/streaming/source/datagen-source.ts";
import { WatermarkStrategy } from "../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../src/streaming/windowing/tumbling-event-time-windows.ts";

const WINDOW_MILLIS = 200;
const OUT_OF_ORDER_MILLIS = 40;
/** So much that windows fire all the time, and not at the end only. */
const MILLIS_PER_RECORD = 40;
const RESTART = { attempts: 100_000, delay: seconds(1) } as const;

const Reading = types.row({ sensor: types.string(), time: types.long(), value: types.int() });

/** A real job of the simulation: its program, and the lines it must commit. */
export interface RealJob {
  readonly name: string;
  readonly definition: JobDefinition;
  /** Sorted. */
  readonly expected: readonly string[];
}

interface Shape {
  readonly name: string;
  readonly parallelism: number;
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly twoExchanges: boolean;
  /** Characters that make the keys so long that the state of a subtask does not fit into its acknowledgement. */
  readonly padding?: number;
}

const SHAPES: readonly Shape[] = [
  { name: "small", parallelism: 1, records: 40, recordsPerSecond: 20, twoExchanges: false },
  { name: "pair", parallelism: 2, records: 80, recordsPerSecond: 20, twoExchanges: false },
  { name: "wide", parallelism: 3, records: 90, recordsPerSecond: 15, twoExchanges: false },
  { name: "long", parallelism: 2, records: 120, recordsPerSecond: 8, twoExchanges: false },
  { name: "chained", parallelism: 3, records: 60, recordsPerSecond: 20, twoExchanges: true },
  { name: "heavy", parallelism: 2, records: 100, recordsPerSecond: 10, twoExchanges: false, padding: 6_000 },
];

export const REAL_JOBS: readonly RealJob[] = SHAPES.map((shape) => ({
  name: shape.name,
  definition: definitionOf(shape),
  expected: expectedRows(shape),
}));

function reading(index: number, padding = 0): { sensor: string; time: number; value: number } {
  const jitter = (index * 7919) % OUT_OF_ORDER_MILLIS;
  return {
    sensor: `sensor-${index % 5}${"x".repeat(padding)}`,
    time: index * MILLIS_PER_RECORD + jitter,
    value: index,
  };
}

/** Records -> (exchange ->) keyed windows -> sink. */
function definitionOf(shape: Shape): JobDefinition {
  const { name, parallelism, records, recordsPerSecond, twoExchanges, padding } = shape;
  const generate = (index: number) => reading(index, padding);
  const checkpointing = { interval: seconds(1), timeout: seconds(30), tolerableFailures: 2 };
  return defineJob({ name, parallelism, checkpointing, restart: RESTART }, (env) => {
    const readings = env.fromSource(
      DatagenSource.of({ type: Reading, generate, count: records, recordsPerSecond }),
      WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(400)).withTimestampAssigner(
        (record: { time: number }) => record.time,
      ),
      "readings",
    );
    const spread = twoExchanges
      ? readings
          .map((record) => ({ ...record }))
          .returns(Reading)
          .setParallelism(2)
      : readings;
    spread
      .keyBy((record) => record.sensor)
      .window(TumblingEventTimeWindows.of(milliseconds(WINDOW_MILLIS)))
      .aggregate({ count: count(), total: sum((record) => record.value) })
      .uid("windows")
      .sinkTo(CollectSink.named("rows"));
  });
}

/** The same windows, computed without any of the product. */
function expectedRows({ records, padding }: Shape): readonly string[] {
  const windows = new Map<string, Record<string, string | number>>();
  for (let index = 0; index < records; index += 1) {
    const { sensor, time, value } = reading(index, padding);
    const start = Math.floor(time / WINDOW_MILLIS) * WINDOW_MILLIS;
    const key = `${sensor}/${start}`;
    const window = windows.get(key);
    windows.set(key, {
      key: sensor,
      window_start: start,
      window_end: start + WINDOW_MILLIS,
      count: Number(window?.["count"] ?? 0) + 1,
      total: Number(window?.["total"] ?? 0) + value,
    });
  }
  return [...windows.values()].map(canonicalRow).sort();
}

/** One text per row, whatever the order of its columns. */
export function canonicalRow(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(row).sort(([left], [right]) => (left < right ? -1 : 1)));
}

export function moduleOf(name: string): JobModuleReference {
  const hash = String(SHAPES.findIndex((shape) => shape.name === name)).repeat(64);
  return { hash, key: `v1/default/modules/${name}.js`, name, runtimeVersion: "0.1.0" };
}

const graphs = new Map<string, Promise<JobGraph>>();

/** The graph of a real job, under another job id each time. */
export async function graphOf(job: RealJob, jobId: JobID): Promise<JobGraph> {
  let graph = graphs.get(job.name);
  if (graph === undefined) {
    const template = { jobId: brandId<JobID>("00".repeat(16)), module: moduleOf(job.name) };
    graph = generateJobGraph(job.definition, template).then(({ jobGraph }) => jobGraph);
    graphs.set(job.name, graph);
  }
  return { ...(await graph), jobId };
}
