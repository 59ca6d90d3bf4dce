import { setTimeout as sleep } from "node:timers/promises";
import { isTerminalJobStatus } from "../../../src/rest/messages/states.ts";
import { Platform } from "../../../test/harness/platform.ts";

const SETTLE_MILLIS = 5_000;

const JOB = `
import { CollectSink, CollectionSource, defineJob, seconds, types } from "sluice";
export default defineJob({ name: "bounded", checkpointing: { interval: seconds(1) } }, (env) => {
  env.fromSource(CollectionSource.of([1, 2, 3], types.int()), undefined, "three").sinkTo(CollectSink.named("three"));
});
`;

/** Events of all objects of a cluster that has run a job and has nothing to do. */
export async function countIdleInvocations(millis: number): Promise<number> {
  await using platform = await Platform.start();
  const jobId = await platform.run(JOB);
  await platform.job(jobId, ({ state }) => isTerminalJobStatus(state));
  await sleep(SETTLE_MILLIS);
  const before = platform.events.length;
  await sleep(millis);
  return platform.events.length - before;
}
