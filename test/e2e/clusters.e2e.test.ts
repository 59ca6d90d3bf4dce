import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RestClient } from "../../src/client/rest-client.ts";
import {
  ClusterDeleteHeaders,
  ClusterGetHeaders,
  ClusterListHeaders,
  ClusterPutHeaders,
} from "../../src/rest/messages/sluice-cluster-messages.ts";
import { Platform, until } from "../harness/platform.ts";

const IDLE_MILLIS = 10_000;

const UNBOUNDED = `
import { CollectSink, DatagenSource, defineJob, seconds, types } from "sluice";
export default defineJob({ name: "unbounded", parallelism: 1, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(DatagenSource.of({ type: types.long(), generate: (index) => index, recordsPerSecond: 20 }), undefined, "numbers")
    .sinkTo(CollectSink.named("numbers"));
});
`;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Answer to a GET under another host name, which `fetch` does not let one choose. */
function statusUnderHost(url: string, host: string): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path: "/v1/sluice/objects", headers: { host: `${host}:${port}` } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

describe("clusters on workerd", () => {
  let platform: Platform;
  let acme: RestClient;
  beforeAll(async () => {
    platform = await Platform.start();
    acme = new RestClient({ url: platform.url, cluster: "acme" });
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const names = async (): Promise<readonly string[]> =>
    (await platform.client.call(ClusterListHeaders)).clusters.map(({ name }) => name);

  it("costs nothing while it is idle: no object has an event, none holds an alarm", async () => {
    await platform.client.call(ClusterPutHeaders, { path: { cluster: "idle" }, body: { locationHint: "weur" } });
    await sleep(1_000);
    const before = platform.events.length;
    await sleep(IDLE_MILLIS);
    expect(platform.events.slice(before)).toEqual([]);
    expect(platform.alarms()).toEqual([]);
  });

  it("are told apart by header and host name; one that does not exist is 404", async () => {
    await expect(acme.putObject("a", bytesOf("1"))).rejects.toMatchObject({ status: 404 });
    await platform.client.call(ClusterPutHeaders, {
      path: { cluster: "acme" },
      body: { quotas: { jobs: 1, moduleBytes: 1_000 } },
    });
    await acme.putObject("a", bytesOf("1"));
    const statusOf = async (init?: RequestInit): Promise<number> =>
      (await platform.fetch("/v1/sluice/objects/a", init)).status;
    expect(await statusOf({ headers: { "sluice-cluster": "acme" } })).toBe(200);
    expect(await statusOf()).toBe(404);
    expect(await statusUnderHost(platform.url, "acme.localhost")).toBe(200);
    expect(await statusUnderHost(platform.url, "nobody.localhost")).toBe(404);
  });

  it("refuses what exceeds a quota with 429, a jurisdiction that the platform lacks, and to move", async () => {
    await expect(acme.uploadModule("long.js", bytesOf(UNBOUNDED + " ".repeat(1_000)))).rejects.toMatchObject({
      status: 429,
      errors: [expect.stringContaining("moduleBytes")],
    });
    const moduleId = await acme.uploadModule("unbounded.js", bytesOf(UNBOUNDED));
    await acme.runModule(moduleId);
    await expect(acme.runModule(moduleId)).rejects.toMatchObject({
      status: 429,
      errors: [expect.stringContaining("jobs: ")],
    });
    const jurisdiction = (cluster: string): Promise<unknown> =>
      platform.client.call(ClusterPutHeaders, { path: { cluster }, body: { jurisdiction: "eu" } });
    await expect(jurisdiction("acme")).rejects.toMatchObject({ status: 409 });
    // Local workerd has none.
    await expect(jurisdiction("elsewhere")).rejects.toMatchObject({ status: 503 });
    expect(await names()).toEqual(["default", "acme", "idle"]);
  });

  it("is deleted with its running jobs and all it stores, though the process is killed half way", async () => {
    const jobs = await acme.call(ClusterGetHeaders, { path: { cluster: "acme" } });
    expect(jobs.state).toBe("ACTIVE");
    await platform.client.putObject("mine", bytesOf("1"));
    expect(await platform.client.call(ClusterDeleteHeaders, { path: { cluster: "acme" } })).toMatchObject({
      state: "DELETING",
    });
    await platform.kill();
    await platform.restart();
    await until(names, (found) => !found.includes("acme"), "the deletion of the cluster acme");
    expect(await platform.client.call(ClusterDeleteHeaders, { path: { cluster: "acme" } })).toMatchObject({
      state: "DELETED",
    });
    expect((await platform.fetch("/v1/sluice/objects/mine")).status).toBe(200);
    expect(platform.alarms()).toEqual([]);
    await platform.client.call(ClusterPutHeaders, { path: { cluster: "acme" } });
    const response = await platform.fetch("/v1/sluice/objects", { headers: { "sluice-cluster": "acme" } });
    expect(await response.json()).toEqual({ objects: [] });
  });
});
