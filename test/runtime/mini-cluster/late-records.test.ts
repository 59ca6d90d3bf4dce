import { expect, it } from "vitest";
import { milliseconds } from "../../../src/common/duration.ts";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { sluiceJobInfo } from "../../../src/rest/view/sluice-job-info.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { count } from "../../../src/streaming/operators/aggregates.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { DatagenSource } from "../../../src/streaming/source/datagen-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const JOB_ID = brandId<JobID>("3".repeat(32));
const Row = types.row({ key: types.string(), time: types.long() });
const RECORDS = 30;
const LATE = 4;

/** Time goes on, but for the last records, which are of its very beginning. */
const definition = defineJob({ name: "late", parallelism: 1 }, (env) => {
  const generate = (index: number) => ({ key: "k", time: index < RECORDS - LATE ? index * 100 : 0 });
  env
    .fromSource(
      DatagenSource.of({ type: Row, generate, count: RECORDS, recordsPerSecond: 10, timestampOf: (row) => row.time }),
      WatermarkStrategy.forMonotonousTimestamps(),
      "rows",
    )
    .keyBy("key")
    .window(TumblingEventTimeWindows.of(milliseconds(200)))
    .aggregate({ count: count() })
    .sinkTo(CollectSink.named("rows"));
});

it("records that come too late for their window are counted, and the job says so", async () => {
  const cluster = new MiniCluster({
    hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
  });
  const { jobGraph } = await generateJobGraph(definition, { jobId: JOB_ID, module: testingJobGraph().module });
  await cluster.resolve(cluster.dispatcher.submitJob({ jobGraph, requestHash: "late" }));
  const ended = async (): Promise<boolean> =>
    isGloballyTerminal(await cluster.resolve(cluster.dispatcher.requestJobStatus(JOB_ID)));
  await cluster.until(ended, { stepMillis: 500, limitMillis: 60_000 });
  const info = sluiceJobInfo(await cluster.resolve(cluster.dispatcher.requestJob(JOB_ID)), cluster.clock.now());
  expect(info).toMatchObject({ state: "FINISHED", lateRecordsDropped: LATE });
  expect(info.tasks.map(({ lateRecordsDropped }) => lateRecordsDropped)).toEqual([0, LATE]);
  cluster.close();
});
