import { setTimeout as sleep } from "node:timers/promises";
import { PUSHED } from "../../../test/harness/job-modules.ts";
import { Platform, until } from "../../../test/harness/platform.ts";

/** Events of a release that is under way when the last alarm is gone. */
const SETTLE_MILLIS = 2_000;

export interface QuiescentJobFigures {
  /** Events of all objects while it slept and nobody sent it anything. */
  readonly events: number;
  /** From the push of a record to its committed row, by wake-up. */
  readonly wakeMillis: readonly number[];
  /** Events from a push until the job sleeps again, by wake-up. */
  readonly wakeEvents: readonly number[];
}

/** A job that sleeps for `idleMillis`, and is then woken by one record at a time. */
export async function measureQuiescentJob(limits: {
  readonly idleMillis: number;
  readonly wakeUps: number;
}): Promise<QuiescentJobFigures> {
  await using platform = await Platform.start();
  const jobId = await platform.run(PUSHED);
  await platform.job(jobId, ({ tasksRunning, tasksTotal }) => tasksRunning === tasksTotal);
  await untilAsleep(platform);
  const before = platform.events.length;
  await sleep(limits.idleMillis);
  const events = platform.events.length - before;
  const wakeMillis: number[] = [];
  const wakeEvents: number[] = [];
  for (let value = 0; value < limits.wakeUps; value += 1) {
    const seen = platform.events.length;
    wakeMillis.push(await pushToRow(platform, jobId, value));
    await untilAsleep(platform);
    wakeEvents.push(platform.events.length - seen);
  }
  return { events, wakeMillis, wakeEvents };
}

async function pushToRow(platform: Platform, jobId: string, value: number): Promise<number> {
  const rows = await platform.rows(jobId);
  const pushed = performance.now();
  const response = await platform.fetch(`/v1/sluice/jobs/${jobId}/sources/readings/records`, {
    method: "POST",
    body: JSON.stringify({ sensor: "s", value }),
  });
  if (!response.ok) throw new Error(`push: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  // Rows are pushed as they are committed.
  let count = 0;
  for await (const line of platform.client.jobResults(jobId, { follow: true })) {
    if (line !== "") count += 1;
    if (count > rows.length) return performance.now() - pushed;
  }
  throw new Error(`job ${jobId} gave no row for the record that was pushed`);
}

/** A job that sleeps without anything due holds no alarm, nor do its workers. Looks only: calls nothing. */
async function untilAsleep(platform: Platform): Promise<void> {
  await until(
    async () => platform.alarms(),
    (alarms) => alarms.length === 0,
    "a job that nobody sends anything goes to sleep",
  );
  await sleep(SETTLE_MILLIS);
}
