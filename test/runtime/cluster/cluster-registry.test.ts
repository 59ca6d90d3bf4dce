import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { ClusterRegistry } from "../../../src/runtime/cluster/cluster-registry.ts";
import { ClusterRegistryGateway } from "../../../src/runtime/cluster/cluster-registry-gateway.ts";
import { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { CLUSTER_LOCATION_MILLIS } from "../../../src/runtime/messages/cluster-info.ts";
import { DEFAULT_CLUSTER_QUOTAS, MAX_CLUSTERS } from "../../../src/runtime/messages/cluster-quotas.ts";
import {
  clusterName,
  clusterRegistryAddress,
  dispatcherAddress,
  resourceManagerAddress,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import type { TestingHandlers } from "../../../src/testing/testing-endpoint.ts";
import { ControlPlaneWorld } from "../control-plane-world.ts";

const SECOND = 1_000;
const ADDRESS = clusterRegistryAddress();
const ACME = clusterName("acme");
const code = (name: string): unknown => expect.objectContaining({ code: name });

/** A registry between testing Dispatchers and ResourceManagers. */
class World extends ControlPlaneWorld {
  readonly objects = new InMemoryObjectStore(this.clock);
  readonly placed: (readonly [cluster: unknown, locationHint: string])[] = [];

  constructor() {
    super();
    this.start(
      ADDRESS,
      ClusterRegistryGateway,
      (context) =>
        new ClusterRegistry(context, {
          objects: this.objects,
          placement: { place: async (...place) => void this.placed.push(place) },
        }),
    );
    this.serveCluster();
  }

  serveCluster(
    cluster = ACME,
    dispatcher: TestingHandlers<typeof DispatcherGateway> = {},
    resourceManager: TestingHandlers<typeof ResourceManagerGateway> = {},
  ): void {
    const handlers = { openCluster: () => ACKNOWLEDGE, closeCluster: () => 0 };
    this.serve(dispatcherAddress(cluster), { gateway: DispatcherGateway, handlers: { ...handlers, ...dispatcher } });
    this.serve(resourceManagerAddress(cluster), {
      gateway: ResourceManagerGateway,
      handlers: { ...handlers, ...resourceManager },
    });
  }

  get registry(): ClusterRegistryGateway {
    return this.gateway(ClusterRegistryGateway, ADDRESS);
  }

  async stateOf(name: string): Promise<string | undefined> {
    return (await this.settled(this.registry.requestCluster(name)))?.state;
  }

  async advanceUntilGone(name: string): Promise<void> {
    for (let seconds = 0; (await this.stateOf(name)) !== undefined; seconds += 1) {
      if (seconds > 60) throw new Error(`${name} is still there`);
      await this.clock.advance(SECOND);
    }
  }
}

describe("createCluster", () => {
  it("answers when Dispatcher and ResourceManager have the quotas, and leaves no timer", async () => {
    using world = new World();
    const info = await world.settled(world.registry.createCluster("acme", { quotas: { jobs: 3 } }));
    const quotas = { ...DEFAULT_CLUSTER_QUOTAS, jobs: 3 };
    expect(info).toEqual({ name: "acme", state: "ACTIVE", quotas, createdMillis: 1_000_000 });
    expect(world.calls.filter(({ method }) => method === "openCluster")).toEqual([
      { to: dispatcherAddress(ACME), method: "openCluster", args: [quotas] },
      { to: resourceManagerAddress(ACME), method: "openCluster", args: [quotas] },
    ]);
    expect(world.stored(ADDRESS)).toEqual({ keys: ["cluster/acme"], timers: [] });
    expect(world.placed).toEqual([]);
  });

  it("again sets the quotas anew; place and time of creation stay", async () => {
    using world = new World();
    await world.settled(world.registry.createCluster("acme", { quotas: { jobs: 3 }, locationHint: "weur" }));
    await world.clock.advance(SECOND);
    const info = await world.settled(
      world.registry.createCluster("acme", { quotas: { slots: 8 }, locationHint: "weur" }),
    );
    expect(info).toMatchObject({ quotas: { ...DEFAULT_CLUSTER_QUOTAS, slots: 8 }, createdMillis: 1_000_000 });
    expect(world.placed).toEqual([[ACME, "weur"]]);
    await expect(world.settled(world.registry.createCluster("acme", { locationHint: "apac" }))).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("locationHint"),
    });
    await expect(world.settled(world.registry.createCluster("acme", {}))).rejects.toEqual(code("CONFLICT"));
  });

  it("puts every object of the cluster under its jurisdiction", async () => {
    using world = new World();
    world.serveCluster({ jurisdiction: "eu", cluster: "acme" });
    const info = await world.settled(world.registry.createCluster("acme", { jurisdiction: "eu" }));
    expect(info).toMatchObject({ jurisdiction: "eu", state: "ACTIVE" });
    expect(world.calls.map(({ to }) => to)).toContain("v1/eu/acme/dispatcher/dispatcher");
  });

  it("begins empty: what a late request left behind of an earlier cluster goes, and nobody else's", async () => {
    using world = new World();
    const keys = ["v1/acme/objects/late", "v1/acme2/objects/other", "v1/default/objects/mine"];
    for (const key of keys) await world.objects.put(key, new Uint8Array());
    await world.settled(world.registry.createCluster("acme", {}));
    await world.settled(world.registry.createCluster("default", {})).catch(() => undefined);
    expect((await world.objects.list("v1/")).map(({ key }) => key)).toEqual(keys.slice(1));
  });

  it("that fails leaves nothing behind", async () => {
    using world = new World();
    world.serveCluster(ACME, {
      openCluster: () => {
        throw new SluiceException("UNSUPPORTED_OPERATION", "no such place");
      },
    });
    await expect(world.settled(world.registry.createCluster("acme", {}))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "the cluster acme could not be created: no such place",
    });
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
  });

  it("goes on after a crash in between", async () => {
    using world = new World();
    world.fate = ({ method }) => (method === "openCluster" ? "lose-reply" : "deliver");
    world.registry.createCluster("acme", {}).catch(() => undefined);
    await world.clock.settle();
    expect(await world.stateOf("acme")).toBe("CREATING");
    world.service.kill(ADDRESS);
    world.fate = () => "deliver";
    world.service.restart(ADDRESS);
    await world.clock.advance(60 * SECOND);
    expect(await world.stateOf("acme")).toBe("ACTIVE");
    expect(world.stored(ADDRESS).timers).toEqual([]);
  });

  it.each([
    ["Acme", {}, "name"],
    ["-acme", {}, "name"],
    ["a".repeat(64), {}, "name"],
    ["acme", { jurisdiction: "e/u" }, "jurisdiction"],
    ["acme", { jurisdiction: "-" }, "jurisdiction"],
    ["acme", { locationHint: "We Ur" }, "locationHint"],
    ["acme", { quotas: { jobs: 0 } }, "quotas.jobs"],
    ["acme", { quotas: { slots: 1.5 } }, "quotas.slots"],
    ["acme", { quotas: { moduleBytes: 1e12 } }, "quotas.moduleBytes"],
  ])("%j with %j is refused, naming %s", async (name, settings, field) => {
    using world = new World();
    await expect(world.settled(world.registry.createCluster(name, settings))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(new RegExp(`^${field}: expected .*, got `)),
    });
    expect(world.stored(ADDRESS).keys).toEqual([]);
  });

  it("has a bound", async () => {
    using world = new World();
    for (let index = 1; index < MAX_CLUSTERS; index += 1) {
      world.serveCluster(clusterName(`c${index}`));
      await world.settled(world.registry.createCluster(`c${index}`, {}));
    }
    await expect(world.settled(world.registry.createCluster("acme", {}))).rejects.toEqual(code("QUOTA_EXCEEDED"));
  });
});

describe("deleteCluster", () => {
  it("waits for jobs, then workers, then removes everything of the object store, last its own row", async () => {
    using world = new World();
    const left = { jobs: 2, workers: 2 };
    world.serveCluster(
      ACME,
      { closeCluster: () => Math.max(0, left.jobs--) },
      { closeCluster: () => Math.max(0, left.workers--) },
    );
    await world.settled(world.registry.createCluster("acme", {}));
    await world.objects.put("v1/acme/jobs/1/chk-1/state", new Uint8Array());
    await world.objects.put("v1/default/objects/mine", new Uint8Array());
    expect(await world.settled(world.registry.deleteCluster("acme"))).toMatchObject({ state: "DELETING" });
    await world.clock.advance(CLUSTER_LOCATION_MILLIS);
    expect(await world.objects.list("v1/acme/")).toHaveLength(1);
    await world.advanceUntilGone("acme");
    const order = world.calls.filter(({ method }) => method === "closeCluster").map(({ to }) => to.split("/")[3]);
    expect(order.slice(0, 4)).toEqual(["dispatcher", "dispatcher", "dispatcher", "resource-manager"]);
    expect((await world.objects.list("v1/")).map(({ key }) => key)).toEqual(["v1/default/objects/mine"]);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
    expect(await world.settled(world.registry.deleteCluster("acme"))).toBeUndefined();
  });

  it("may be asked for again; meanwhile the name is taken", async () => {
    using world = new World();
    world.serveCluster(ACME, { closeCluster: () => 1 });
    await world.settled(world.registry.createCluster("acme", {}));
    const first = await world.settled(world.registry.deleteCluster("acme"));
    expect(await world.settled(world.registry.deleteCluster("acme"))).toEqual(first);
    await expect(world.settled(world.registry.createCluster("acme", {}))).rejects.toEqual(code("CONFLICT"));
  });

  it("goes on after a crash and after failures of any step", async () => {
    using world = new World();
    await world.settled(world.registry.createCluster("acme", {}));
    await world.objects.put("v1/acme/objects/a", new Uint8Array());
    await world.settled(world.registry.deleteCluster("acme"));
    world.service.kill(ADDRESS);
    const lost = new Set<string>();
    world.fate = ({ to, method }) => {
      if (method !== "closeCluster" || lost.has(to)) return "deliver";
      lost.add(to);
      return "lose-reply";
    };
    world.service.restart(ADDRESS);
    await world.advanceUntilGone("acme");
    expect(lost.size).toBe(2);
    expect(await world.objects.list("v1/acme/")).toEqual([]);
  });

  it("never takes default, which exists always", async () => {
    using world = new World();
    await expect(world.settled(world.registry.deleteCluster("default"))).rejects.toEqual(code("CONFLICT"));
    expect(await world.settled(world.registry.listClusters())).toEqual([
      { name: "default", state: "ACTIVE", quotas: DEFAULT_CLUSTER_QUOTAS, createdMillis: 0 },
    ]);
  });
});
