import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import type { ClusterInfo, ClusterSettings } from "../../../src/runtime/messages/cluster-info.ts";
import { CLUSTER_LOCATION_MILLIS } from "../../../src/runtime/messages/cluster-info.ts";
import { DEFAULT_CLUSTER_QUOTAS } from "../../../src/runtime/messages/cluster-quotas.ts";
import {
  InMemoryCluster,
  NOW,
  restHarness,
  testingClusterRegistryGateway,
  testingDispatcherGateway,
} from "../rest-harness.ts";

const ACME: ClusterInfo = { name: "acme", state: "ACTIVE", quotas: DEFAULT_CLUSTER_QUOTAS, createdMillis: NOW };
const BODY = { name: "acme", jurisdiction: null, locationHint: null, quotas: DEFAULT_CLUSTER_QUOTAS, created: NOW };

describe("routes of clusters", () => {
  const asked: (readonly [name: string, settings: ClusterSettings])[] = [];
  const registry = testingClusterRegistryGateway({
    createCluster: async (name, settings) => {
      asked.push([name, settings]);
      if (name === "taken") throw new SluiceException("CONFLICT", "jurisdiction: is fixed");
      return { ...ACME, name };
    },
    deleteCluster: async (name) => (name === "acme" ? { ...ACME, state: "DELETING" } : undefined),
    requestCluster: async (name) => (name === "acme" ? ACME : undefined),
    listClusters: async () => [{ ...ACME, name: "default", jurisdiction: "eu", createdMillis: 0 }, ACME],
  });
  const harness = restHarness({ clusters: () => registry });
  const put = (path: string, body: unknown): Promise<Response> =>
    harness.send(path, { method: "PUT", body: JSON.stringify(body) });

  it("lists them", async () => {
    expect(await harness.json("/v1/sluice/clusters")).toEqual({
      clusters: [
        { ...BODY, name: "default", jurisdiction: "eu", created: 0, state: "ACTIVE" },
        { ...BODY, state: "ACTIVE" },
      ],
    });
  });

  it("shows one, or says that it is none", async () => {
    expect(await harness.json("/sluice/clusters/acme")).toEqual({ ...BODY, state: "ACTIVE" });
    const missing = await harness.send("/sluice/clusters/nobody");
    expect([missing.status, await missing.json()]).toEqual([404, { errors: ["Cluster nobody does not exist."] }]);
  });

  it("creates one with what was said, and nothing else", async () => {
    const response = await put("/sluice/clusters/acme", { locationHint: "weur", quotas: { jobs: 3 } });
    expect([response.status, await response.json()]).toEqual([200, { ...BODY, state: "ACTIVE" }]);
    await put("/sluice/clusters/acme", {});
    expect(asked).toEqual([
      ["acme", { locationHint: "weur", quotas: { jobs: 3 } }],
      ["acme", { quotas: {} }],
    ]);
    expect((await put("/sluice/clusters/taken", {})).status).toBe(409);
  });

  it.each([
    [{ quotas: { jobs: 0 } }, "quotas.jobs: expected an integer of at least 1, got 0"],
    [{ quotas: { jobs: "many" } }, 'quotas.jobs: expected an integer of at least 1, got "many"'],
    [{ quotas: { cpus: 1 } }, "quotas: "],
    [{ jurisdiction: 1 }, "jurisdiction: expected a text, got 1"],
  ])("%j is refused: %s", async (body, message) => {
    const response = await put("/sluice/clusters/acme", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ errors: [expect.stringContaining(message)] });
  });

  it("deletes one, and one that is not there", async () => {
    const deleting = await harness.send("/sluice/clusters/acme", { method: "DELETE" });
    expect([deleting.status, await deleting.json()]).toEqual([202, { ...BODY, state: "DELETING" }]);
    const gone = await harness.send("/sluice/clusters/nobody", { method: "DELETE" });
    expect([gone.status, await gone.json()]).toEqual([
      202,
      { name: "nobody", state: "DELETED", jurisdiction: null, locationHint: null, quotas: null, created: -1 },
    ]);
  });
});

describe("the cluster of a request", () => {
  it("must exist; where it is is asked once in a while", async () => {
    const cluster = new InMemoryCluster();
    const known = new Map<string, ClusterInfo>([
      ["acme", { ...ACME, jurisdiction: "eu" }],
      ["going", { ...ACME, state: "DELETING" }],
      ["coming", { ...ACME, state: "CREATING" }],
    ]);
    const asked: string[] = [];
    const reached: unknown[] = [];
    const harness = restHarness({
      clusters: () =>
        testingClusterRegistryGateway({
          requestCluster: async (name) => {
            asked.push(name);
            return known.get(name);
          },
        }),
      dispatcher: (name) => {
        reached.push(name);
        return cluster.dispatcher;
      },
    });
    const statusOf = async (name: string): Promise<number> =>
      (await harness.send("/overview", { headers: { "Sluice-Cluster": name } })).status;
    expect([await statusOf("nobody"), await statusOf("going"), await statusOf("coming")]).toEqual([404, 409, 503]);
    expect([await statusOf("acme"), await statusOf("acme"), await statusOf("default")]).toEqual([200, 200, 200]);
    expect(reached).toEqual([
      { jurisdiction: "eu", cluster: "acme" },
      { jurisdiction: "eu", cluster: "acme" },
      { jurisdiction: "-", cluster: "default" },
    ]);
    expect(asked).toEqual(["nobody", "going", "coming", "acme"]);
    known.delete("acme");
    await harness.clock.advance(CLUSTER_LOCATION_MILLIS);
    expect(await statusOf("acme")).toBe(404);
  });

  it.each([
    ["acme.sluice.test", null, "acme"],
    ["sluice.test", null, "default"],
    ["a.b.sluice.test", null, "default"],
    ["acme.elsewhere.test", null, "default"],
    ["sluice.test", "acme", "acme"],
    ["acme.sluice.test", "acme", "acme"],
    ["acme.sluice.test", "other", "refused"],
  ])("host %s with header %s is %s", async (host, header, expected) => {
    const seen: string[] = [];
    const cluster = new InMemoryCluster();
    const harness = restHarness({
      clusterDomain: "Sluice.test",
      dispatcher: ({ cluster: name }) => {
        seen.push(name);
        return cluster.dispatcher;
      },
    });
    const headers = header === null ? {} : { "Sluice-Cluster": header };
    const response = await harness.fetch(new Request(`http://${host}/overview`, { headers }));
    if (expected === "refused") expect(response.status).toBe(400);
    else expect(seen).toEqual([expected]);
  });

  it("takes no module above its quota, and stores nothing of it", async () => {
    const harness = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({ requestClusterQuotas: async () => ({ ...DEFAULT_CLUSTER_QUOTAS, moduleBytes: 3 }) }),
    });
    const response = await harness.send("/jars/upload?filename=job.js", { method: "POST", body: "1234" });
    expect([response.status, await response.json()]).toEqual([
      429,
      { errors: ["moduleBytes: the cluster takes modules of at most 3 bytes, job.js has 4"] },
    ]);
    expect(await harness.objects.list("")).toEqual([]);
    expect((await harness.send("/jars/upload?filename=job.js", { method: "POST", body: "123" })).status).toBe(200);
  });
});
