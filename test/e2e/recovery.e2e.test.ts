import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EARTHQUAKES_FILE, earthquakeRowsBySql, toDemoRows } from "../harness/earthquake-rows.ts";
import { Platform } from "../harness/platform.ts";

const QUIET_MILLIS = 3_000;
const POLL_MILLIS = 250;

/** Waits until the objects have had no event for a while. Looks at the log only: calls nothing. */
async function untilQuiet(platform: Platform): Promise<void> {
  for (let seen = -1, quiet = 0; quiet < QUIET_MILLIS; quiet += POLL_MILLIS) {
    const count = platform.events.length;
    if (count !== seen) quiet = 0;
    seen = count;
    await sleep(POLL_MILLIS);
  }
}

describe("a job whose process was killed", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
    await platform.client.putObject("earthquakes.ndjson", readFileSync(EARTHQUAKES_FILE));
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("finishes by its alarms alone: nobody calls after the restart", async () => {
    const jobId = await platform.runFile("examples/earthquakes/job.ts");
    await platform.job(jobId, (job) => job.checkpoints >= 3);
    await platform.kill();
    await platform.restart();
    await untilQuiet(platform);

    const askedAt = Date.now();
    const job = await platform.client.requestJob(jobId);
    expect(job).toMatchObject({ state: "FINISHED" });
    expect(job.endTime).toBeLessThan(askedAt - QUIET_MILLIS / 2);
    expect(job.restoredPosition).toBeGreaterThan(0);
    expect(toDemoRows(await platform.rows(jobId))).toEqual(earthquakeRowsBySql());
  });
});
