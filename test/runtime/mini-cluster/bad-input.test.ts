import { expect, it } from "vitest";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { ObjectSource } from "../../../src/streaming/source/object-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const JOB_ID = brandId<JobID>("4".repeat(32));
const Row = types.row({ name: types.string(), size: types.int() });

const definition = defineJob({ name: "reads a file", parallelism: 1 }, (env) => {
  env
    .fromSource(ObjectSource.ndjson("rows.ndjson", Row), WatermarkStrategy.noWatermarks(), "rows")
    .sinkTo(CollectSink.named("rows"));
});

const GOOD = `{"name":"a","size":1}\n`;

it.each([
  ["there is none", undefined, "rows.ndjson does not exist. Upload it"],
  ["a line that is no JSON", `${GOOD}{"name":\n`, "rows.ndjson line 2: not JSON"],
  ["a value of another type", `${GOOD}${GOOD}{"name":"c","size":"x"}\n`, "rows.ndjson line 3: size: expected"],
] as const)(
  "FO-12: an input that is bad fails the job at once, without a restart: %s",
  async (_what, text, message) => {
    const cluster = new MiniCluster({
      hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
    });
    if (text !== undefined) {
      await cluster.objects.put("v1/default/objects/rows.ndjson", new TextEncoder().encode(text));
    }
    const { jobGraph } = await generateJobGraph(definition, { jobId: JOB_ID, module: testingJobGraph().module });
    await cluster.resolve(cluster.dispatcher.submitJob({ jobGraph, requestHash: "rows" }));
    const ended = async (): Promise<boolean> =>
      isGloballyTerminal(await cluster.resolve(cluster.dispatcher.requestJobStatus(JOB_ID)));
    await cluster.until(ended, { stepMillis: 500, limitMillis: 60_000 });
    const info = await cluster.resolve(cluster.dispatcher.requestJob(JOB_ID));
    expect(info).toMatchObject({ status: "FAILED", restarts: 0 });
    expect(info.failure?.stack).toContain(message);
    cluster.close();
  },
);
