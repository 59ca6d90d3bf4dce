import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointingStatisticsHeaders } from "../../src/rest/messages/checkpoint-messages.ts";
import {
  SavepointDisposalStatusHeaders,
  SavepointDisposalTriggerHeaders,
  SavepointStatusHeaders,
  SavepointTriggerHeaders,
  StopWithSavepointHeaders,
} from "../../src/rest/messages/savepoint-messages.ts";
import { EARTHQUAKES_FILE, earthquakeRowsBySql, toDemoRows, type ResultRow } from "../harness/earthquake-rows.ts";
import { PUSHED } from "../harness/job-modules.ts";
import { Platform, until } from "../harness/platform.ts";

const JOB_FILE = "examples/earthquakes/job.ts";
const POLL_MILLIS = 100;

describe("savepoints on real workerd", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
    await platform.client.putObject("earthquakes.ndjson", readFileSync(EARTHQUAKES_FILE));
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  async function awaitSavepoint(jobId: string, triggerid: string): Promise<string> {
    for (;;) {
      const { operation } = await platform.client.call(SavepointStatusHeaders, { path: { jobid: jobId, triggerid } });
      if (operation?.location !== undefined) return operation.location;
      if (operation !== null) throw new Error(operation["failure-cause"]?.["stack-trace"]);
      await sleep(POLL_MILLIS);
    }
  }

  async function stop(jobId: string): Promise<string> {
    const begun = await platform.client.call(StopWithSavepointHeaders, { path: { jobid: jobId }, body: {} });
    const location = await awaitSavepoint(jobId, begun["request-id"]);
    expect(await platform.client.requestJob(jobId)).toMatchObject({ state: "FINISHED", restarts: 0 });
    return location;
  }

  it("a job stopped at parallelism 4 and resumed at 2, then at 8, gives the rows that SQL gives", async () => {
    const first = await platform.runFile(JOB_FILE, { parallelism: 4 });
    await platform.job(first, (job) => job.checkpoints >= 2);
    const savepointPath = await stop(first);
    expect(savepointPath).toMatch(/^savepoints\/savepoint-[0-9a-f]{6}-[0-9a-f]{12}$/);

    const second = await platform.runFile(JOB_FILE, { parallelism: 2, savepointPath });
    await platform.job(second, (job) => job.checkpoints >= 2);
    const again = await stop(second);

    const third = await platform.runFile(JOB_FILE, { parallelism: 8, savepointPath: again, claimMode: "CLAIM" });
    const ended = await platform.job(third, (job) => job.state === "FINISHED");
    expect(ended.restoredPosition).toBeGreaterThan(0);
    const statistics = await platform.client.call(CheckpointingStatisticsHeaders, { path: { jobid: third } });
    expect(statistics.latest.restored).toMatchObject({ is_savepoint: true, external_path: again });

    const rows: ResultRow[] = [];
    for (const jobId of [first, second, third]) rows.push(...(await platform.rows<ResultRow>(jobId)));
    expect(toDemoRows(rows)).toEqual(earthquakeRowsBySql());
  });

  it("a request that the stopped job had stored is a repeat to the job that goes on", async () => {
    const push = async (jobId: string, sequence: number, value: number): Promise<unknown> => {
      const path = `/v1/sluice/jobs/${jobId}/sources/readings/records?producer=gateway&sequence=${sequence}`;
      for (;;) {
        const response = await platform.fetch(path, { method: "POST", body: JSON.stringify({ sensor: "a", value }) });
        if (response.status !== 503) return response.json();
        await sleep(POLL_MILLIS);
      }
    };
    const first = await platform.run(PUSHED);
    expect(await push(first, 1, 10)).toEqual({ records: 1, duplicate: false });
    const savepointPath = await stop(first);
    const second = await platform.run(PUSHED, { parallelism: 1, savepointPath });
    expect(await push(second, 1, 10)).toEqual({ records: 1, duplicate: true });
    expect(await push(second, 2, 20)).toEqual({ records: 1, duplicate: false });
    const rows = await until(
      () => platform.rows<{ readonly value: number }>(second),
      ({ length }) => length > 0,
      "the row",
    );
    expect(rows.map(({ value }) => value)).toEqual([20]);
    await platform.client.cancelJob(second);
    await platform.job(second, ({ state }) => state === "CANCELED");
  });

  it("the same trigger id is the same savepoint; it is gone once disposed of", async () => {
    const jobId = await platform.runFile(JOB_FILE);
    await platform.job(jobId, (job) => job.checkpoints >= 1);
    const triggerId = "7".repeat(32);
    const body = { triggerId, "target-directory": "mine", "cancel-job": true };
    for (let time = 0; time < 3; time += 1) {
      const begun = await platform.client.call(SavepointTriggerHeaders, { path: { jobid: jobId }, body });
      expect(begun["request-id"]).toBe(triggerId);
    }
    const location = await awaitSavepoint(jobId, triggerId);
    await platform.job(jobId, (job) => job.state === "CANCELED");
    expect(await awaitSavepoint(jobId, triggerId)).toBe(location);

    const disposal = await platform.client.call(SavepointDisposalTriggerHeaders, {
      body: { "savepoint-path": location },
    });
    const path = { triggerid: disposal["request-id"] };
    for (;;) {
      const { operation } = await platform.client.call(SavepointDisposalStatusHeaders, { path });
      if (operation !== null) {
        expect(operation).toEqual({});
        break;
      }
      await sleep(POLL_MILLIS);
    }
    await expect(platform.runFile(JOB_FILE, { savepointPath: location })).rejects.toThrow(
      `savepointPath: there is no savepoint or checkpoint at "${location}"`,
    );
  });
});
