import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PUSHED, SELDOM } from "../harness/job-modules.ts";
import { Platform, until } from "../harness/platform.ts";

/** A job in which nothing happens goes to sleep after 5 s; checkpoint and release come on top. */
const ASLEEP_MILLIS = 9_000;
const SILENCE_MILLIS = 15_000;

interface Reading {
  readonly sensor: string;
  readonly value: number;
}

async function push(platform: Platform, jobId: string, query: string, values: readonly number[]): Promise<unknown> {
  const body = values.map((value) => JSON.stringify({ sensor: `s${value % 3}`, value })).join("\n");
  const path = `/v1/sluice/jobs/${jobId}/sources/readings/records${query}`;
  const response = await platform.fetch(path, { method: "POST", body });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

async function values(platform: Platform, jobId: string): Promise<readonly number[]> {
  const rows = await platform.rows<Reading>(jobId);
  return rows.map(({ value }) => value).sort((left, right) => left - right);
}

/** The events while nobody calls. */
async function silence(platform: Platform, millis: number): Promise<readonly string[]> {
  const seen = platform.events.length;
  await sleep(millis);
  return platform.events.slice(seen);
}

describe("a quiescent job on workerd", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("makes no invocation, and wakes for what is sent to it, also after a kill -9", async () => {
    const jobId = await platform.run(PUSHED);
    await platform.job(jobId, ({ tasksRunning, tasksTotal }) => tasksRunning === tasksTotal);
    await sleep(ASLEEP_MILLIS);
    expect(await silence(platform, SILENCE_MILLIS)).toEqual([]);
    expect(platform.alarms()).toEqual([]);
    expect(await platform.client.requestJob(jobId)).toMatchObject({ state: "RUNNING", quiescent: true });

    // What is no record of its source is refused where it comes in, and wakes nobody.
    const bad = await platform.fetch(`/v1/sluice/jobs/${jobId}/sources/readings/records?producer=p&sequence=1`, {
      method: "POST",
      body: '{"sensor":"s1","value":7}\n\n{"sensor":"s2","value":"eight"}\n',
    });
    expect(bad.status).toBe(400);
    expect(await bad.json()).toEqual({ errors: ['line 3: value: expected an integer of 32 bits, got "eight"'] });
    expect(await platform.client.requestJob(jobId)).toMatchObject({ state: "RUNNING", quiescent: true });

    expect(await push(platform, jobId, "?producer=p&sequence=1", [1, 2, 3])).toEqual({ records: 3, duplicate: false });
    expect(await push(platform, jobId, "?producer=p&sequence=1", [1, 2, 3])).toEqual({ records: 3, duplicate: true });
    await until(
      () => values(platform, jobId),
      ({ length }) => length >= 3,
      "the rows",
    );
    await sleep(ASLEEP_MILLIS);
    expect(platform.alarms()).toEqual([]);

    await platform.kill();
    await platform.restart();
    expect(await silence(platform, 3_000)).toEqual([]);
    await push(platform, jobId, "?producer=p&sequence=2", [4, 5]);
    await until(
      () => values(platform, jobId),
      ({ length }) => length >= 5,
      "the rows",
    );
    expect(await values(platform, jobId)).toEqual([1, 2, 3, 4, 5]);
    const { state, restarts } = await platform.client.requestJob(jobId);
    expect({ state, restarts }).toEqual({ state: "RUNNING", restarts: 0 });

    await sleep(ASLEEP_MILLIS);
    await platform.client.cancelJob(jobId);
    await platform.job(jobId, (job) => job.state === "CANCELED");
    await expect(
      platform.fetch(`/v1/sluice/jobs/${jobId}/sources/readings/records`, { method: "POST", body: "1" }),
    ).resolves.toMatchObject({ status: 409 });
  });

  it("is the example: an alert for each reading that is too warm", async () => {
    const jobId = await platform.runFile("examples/alerts/job.ts");
    const readings = [
      { sensor: "kitchen", celsius: 31.5 },
      { sensor: "cellar", celsius: 12 },
    ];
    const path = `/v1/sluice/jobs/${jobId}/sources/readings/records?producer=me&sequence=1`;
    for (const duplicate of [false, true]) {
      const response = await platform.fetch(path, {
        method: "POST",
        body: readings.map((r) => JSON.stringify(r)).join("\n"),
      });
      expect(await response.json()).toEqual({ records: 2, duplicate });
    }
    const rows = await until(
      () => platform.rows(jobId),
      ({ length }) => length > 0,
      "the alert",
    );
    expect(rows).toEqual([{ sensor: "kitchen", text: "31.5 degrees, at most 30 are fine" }]);
    await platform.client.cancelJob(jobId);
    await platform.job(jobId, ({ state }) => state === "CANCELED");
  });

  it("comes to its end by its alarm alone", async () => {
    const jobId = await platform.run(SELDOM, { parallelism: 1 });
    await platform.job(jobId, ({ checkpoints, recordsIn }) => checkpoints > 0 && recordsIn === 1);
    await sleep(ASLEEP_MILLIS);
    expect(platform.alarms()).toEqual([`v1/-/default/job-master/${jobId}`]);
    const events = await silence(platform, 20_000);
    expect(events.filter((event) => event.includes("alarm"))).not.toEqual([]);
    expect(await platform.client.requestJob(jobId)).toMatchObject({ state: "FINISHED", restarts: 0 });
    expect(await platform.rows(jobId)).toHaveLength(2);
  });
});
