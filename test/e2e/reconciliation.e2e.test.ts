import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { RestClient } from "../../src/client/rest-client.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";
import { ROOT, until } from "../harness/platform.ts";

const SECONDS = 20;
const RECORDS = 300 * SECONDS;
/** Checkpoint ids are reserved in blocks: a JobMaster without memory begins a new one. */
const ID_BLOCK = 16;

/** Some keyed records over an exchange; without a restart strategy, so that a restart that is charged ends it. */
const JOB = `
import { CollectSink, count, DatagenSource, defineJob, seconds, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.int() });
export default defineJob({ name: "survivor", parallelism: 4, checkpointing: { interval: seconds(1) }, restart: "none" }, (env) => {
  env.fromSource(
    DatagenSource.of({ type: Row, count: ${RECORDS}, recordsPerSecond: ${RECORDS / SECONDS}, generate: (index) => ({ index, key: index % 7 }), timestampOf: (row) => row.index }),
    WatermarkStrategy.forMonotonousTimestamps(), "rows")
    .keyBy("key").window(TumblingEventTimeWindows.of(seconds(3600))).aggregate({ count: count() }).sinkTo(CollectSink.named("counts"));
});`;

describe("a JobMaster object that alone is reset", () => {
  const worker = { configPath: join(ROOT, "wrangler.toml"), vars: { SLUICE_LOCAL: "1" } };
  const harness = createTestHarness({ workers: [worker] });
  let client: RestClient;
  beforeAll(async () => {
    const { url } = await harness.listen();
    client = new RestClient({ url: url.href });
  });
  afterAll(() => harness.close());

  it("over HA-06: finds its tasks and lets them run; nothing is read or counted twice", async () => {
    const moduleId = await client.uploadModule("job.js", new TextEncoder().encode(JOB));
    const jobId = await client.runModule(moduleId, {});
    const job = (condition: (info: SluiceJobInfo) => boolean): Promise<SluiceJobInfo> =>
      until(() => client.requestJob(jobId), condition, `job ${jobId}`);
    await job(({ checkpoints }) => checkpoints >= 2);
    // A write that fails throws out of its turn, upon which the JobMaster's object aborts itself: at each checkpoint.
    const name = `v1/-/default/job-master/${jobId}`;
    const storage = await harness.getWorker().getDurableObjectStorage("JobMasterObject", { name });
    await storage.exec(
      "CREATE TRIGGER full BEFORE INSERT ON sluice_kv WHEN NEW.key = 'checkpoint-counts' BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
    await sleep(4_000);
    const again = await harness.getWorker().getDurableObjectStorage("JobMasterObject", { name });
    await again.exec("DROP TRIGGER full");
    const after = await job(({ latestCheckpointId }) => (latestCheckpointId ?? 0) > ID_BLOCK);
    expect(after).toMatchObject({ state: "RUNNING", restarts: 0, restoredCheckpointId: null });
    expect(after.tasks.map(({ attempt }) => attempt)).toEqual(after.tasks.map(() => 0));
    expect(await job(({ state }) => state === "FINISHED" || state === "FAILED")).toMatchObject({
      state: "FINISHED",
      restarts: 0,
    });
    let counted = 0;
    for await (const line of client.jobResults(jobId, { follow: false })) {
      // The job's own rows.
      counted += (JSON.parse(line) as { readonly count: number }).count;
    }
    expect(counted).toBe(RECORDS);
  });
});
