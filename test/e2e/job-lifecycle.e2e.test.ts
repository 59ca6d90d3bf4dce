import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BOUNDED, UNBOUNDED } from "../harness/job-modules.ts";
import { Platform } from "../harness/platform.ts";

/** The promise: no event in the half minute after a job's end. */
const SILENCE_MILLIS = 30_000;
/** What may still be under way when REST first shows the end: the result's hand-over and the release of the workers. */
const CLEANUP_MILLIS = 3_000;

describe("the life of jobs", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("cancels a running unbounded job with every task, and then nothing happens any more", async () => {
    const jobId = await platform.run(UNBOUNDED);
    await platform.job(jobId, (job) => job.tasksRunning === job.tasksTotal && job.checkpoints > 0);
    await platform.client.cancelJob(jobId);
    const job = await platform.job(jobId, ({ state }) => state === "CANCELED");
    expect(job.tasks.map(({ state }) => state)).toEqual(job.tasks.map(() => "CANCELED"));

    await sleep(CLEANUP_MILLIS);
    const events = platform.events.length;
    await sleep(SILENCE_MILLIS);
    expect(platform.events.slice(events)).toEqual([]);
    expect(platform.alarms()).toEqual([]);
  });

  it("makes ten jobs of twenty submissions under ten idempotency keys", async () => {
    const bytes = new TextEncoder().encode(BOUNDED);
    const moduleId = await platform.client.uploadModule("bounded.js", bytes);
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index % 10}`);
    const before = await jobIds(platform);
    const ids = await Promise.all(
      keys.map((idempotencyKey) => platform.client.runModule(moduleId, { parallelism: 1, idempotencyKey })),
    );
    for (const [index, id] of ids.entries()) expect(id).toBe(ids[index % 10]);
    const created = (await jobIds(platform)).filter((id) => !before.includes(id));
    expect(created.toSorted()).toEqual([...new Set(ids)].toSorted());
    expect(created).toHaveLength(10);
    for (const id of created) {
      await platform.job(id, ({ state }) => state === "FINISHED");
      expect(await platform.rows(id)).toHaveLength(3);
    }
  });

  it("refuses the same idempotency key for another request", async () => {
    const moduleId = await platform.client.uploadModule("bounded.js", new TextEncoder().encode(BOUNDED));
    await platform.client.runModule(moduleId, { parallelism: 1, idempotencyKey: "taken" });
    await expect(
      platform.client.runModule(moduleId, { parallelism: 2, idempotencyKey: "taken" }),
    ).rejects.toMatchObject({ status: 409 });
  });
});

async function jobIds(platform: Platform): Promise<readonly string[]> {
  const response = await platform.fetch("/v1/jobs");
  const { jobs } = (await response.json()) as { readonly jobs: readonly { readonly id: string }[] };
  return jobs.map(({ id }) => id);
}
