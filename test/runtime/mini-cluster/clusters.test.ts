import { describe, expect, it } from "vitest";
import type { JobID } from "../../../src/common/ids.ts";
import type { ClusterQuotas } from "../../../src/runtime/messages/cluster-quotas.ts";
import { testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import type { TestingJobOptions } from "../../../src/testing/testing-job-graph.ts";
import { ScriptedCluster, SECOND } from "./mini-cluster-harness.ts";

const UNBOUNDED = { bounded: false };

async function create(world: ScriptedCluster, name: string, quotas: Partial<ClusterQuotas> = {}): Promise<void> {
  await world.cluster.resolve(world.cluster.clusters.createCluster(name, { quotas }));
}

async function submitTo(world: ScriptedCluster, name: string, options: TestingJobOptions = {}): Promise<JobID> {
  const dispatcher = world.cluster.dispatcherOf(name);
  return (await world.cluster.resolve(dispatcher.submitJob(testingSubmission(options)))).jobId;
}

async function untilRunning(world: ScriptedCluster, name: string, jobId: JobID): Promise<void> {
  const dispatcher = world.cluster.dispatcherOf(name);
  await world.cluster.until(async () => {
    const { vertices } = await dispatcher.requestJob(jobId);
    return vertices.every(({ executions }) => executions.every(({ state }) => state === "RUNNING"));
  });
}

async function untilGone(world: ScriptedCluster, name: string): Promise<void> {
  await world.cluster.until(async () => (await world.cluster.clusters.requestCluster(name)) === undefined);
}

/** What objects of this cluster store, beside the note of a JobMaster that its job is over. */
function storedBy({ cluster }: ScriptedCluster, name: string): readonly string[] {
  return cluster
    .addresses()
    .filter((address) => address.startsWith(`v1/-/${name}/`))
    .flatMap((address) => cluster.storedKeys(address).map((key) => `${address} ${key}`))
    .filter((line) => !/\/job-master\/\w+ released$/.test(line));
}

describe("two clusters", () => {
  it("know nothing of each other: a deletion takes one with everything it has, and the name is free again", async () => {
    using world = new ScriptedCluster(UNBOUNDED);
    await create(world, "acme");
    await untilRunning(world, "acme", await submitTo(world, "acme", { number: 1 }));
    const jobId = await submitTo(world, "default", { number: 2 });
    await untilRunning(world, "default", jobId);
    await expect(world.cluster.resolve(world.dispatcher.listJobs())).resolves.toEqual([jobId]);
    await world.cluster.clock.advance(5 * SECOND);
    expect(await world.cluster.objects.list("v1/acme/")).not.toEqual([]);

    await world.cluster.resolve(world.cluster.clusters.deleteCluster("acme"));
    await untilGone(world, "acme");
    expect(await world.cluster.objects.list("v1/acme/")).toEqual([]);
    expect(storedBy(world, "acme")).toEqual([]);
    const alarms = world.cluster
      .addresses()
      .filter((address) => address.startsWith("v1/-/acme/") && world.cluster.nextTimer(address) !== undefined);
    expect(alarms).toEqual([]);
    await untilRunning(world, "default", jobId);
    await expect(submitTo(world, "acme", { number: 3 })).rejects.toMatchObject({ code: "NOT_FOUND" });

    await create(world, "acme");
    await untilRunning(world, "acme", await submitTo(world, "acme", { number: 3 }));
  });

  it("refuses work in a cluster that was never created", async () => {
    using world = new ScriptedCluster();
    await expect(submitTo(world, "nobody")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("a deletion that crashes", () => {
  it.each(["cluster-registry", "dispatcher", "resource-manager", "job-master"] as const)(
    "goes on when every %s loses its memory once a second",
    async (kind) => {
      using world = new ScriptedCluster(UNBOUNDED);
      await create(world, "acme");
      await untilRunning(world, "acme", await submitTo(world, "acme"));
      await world.cluster.resolve(world.cluster.clusters.deleteCluster("acme"));
      for (let second = 0; second < 5; second += 1) {
        world.cluster.killAll(kind);
        await world.cluster.clock.advance(SECOND);
      }
      await untilGone(world, "acme");
      expect(await world.cluster.objects.list("v1/acme/")).toEqual([]);
      expect(storedBy(world, "acme")).toEqual([]);
    },
  );
});

describe("quotas of a cluster", () => {
  it.each([
    [{ jobs: 1 }, "jobs"],
    [{ slots: 5 }, "slots"],
    [{ taskExecutors: 3 }, "taskExecutors"],
  ])("%j refuse one job more, naming %s, until another has ended", async (quotas, name) => {
    using world = new ScriptedCluster(UNBOUNDED);
    await create(world, "acme", quotas);
    const jobId = await submitTo(world, "acme", { number: 1, parallelism: 4 });
    await expect(submitTo(world, "acme", { number: 2, parallelism: 4 })).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
      message: expect.stringMatching(new RegExp(`^${name}: `)),
    });
    // Sent again it is the same job, which counts once.
    expect(await submitTo(world, "acme", { number: 1, parallelism: 4 })).toBe(jobId);
    await world.cluster.resolve(world.cluster.dispatcherOf("acme").cancelJob(jobId));
    await world.cluster.until(
      async () => (await world.cluster.dispatcherOf("acme").requestJobStatus(jobId)) === "CANCELED",
    );
    await untilRunning(world, "acme", await submitTo(world, "acme", { number: 2, parallelism: 4 }));
  });

  it("moduleBytes refuse a module that is larger", async () => {
    using world = new ScriptedCluster();
    await create(world, "acme", { moduleBytes: 10 });
    const module = testingSubmission().jobGraph.module;
    const uploaded = { id: "m", name: "job.js", uploadedMillis: 0, size: 11, module, jobName: "job" };
    const dispatcher = world.cluster.dispatcherOf("acme");
    await expect(world.cluster.resolve(dispatcher.registerModule(uploaded))).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
    });
    await world.cluster.resolve(dispatcher.registerModule({ ...uploaded, size: 10 }));
  });

  it("stateBytes fail the job whose checkpoint holds more, without a restart, and nothing stays behind", async () => {
    using world = new ScriptedCluster(UNBOUNDED);
    // Every subtask of the script has one byte of state.
    await create(world, "acme", { stateBytes: 7 });
    const jobId = await submitTo(world, "acme", { parallelism: 4 });
    const dispatcher = world.cluster.dispatcherOf("acme");
    await world.cluster.until(async () => (await dispatcher.requestJobStatus(jobId)) === "FAILED");
    const { failure, restarts } = await world.cluster.resolve(dispatcher.requestJob(jobId));
    expect(failure?.stack).toMatch(/stateBytes: checkpoint \d+ holds 8 bytes of state; the cluster allows a job 7/);
    expect(restarts).toBe(0);
    await world.cluster.clock.advance(5 * SECOND);
    expect(await world.cluster.objects.list("v1/acme/jobs/")).toEqual([]);
  });

  it("stateBytes take a checkpoint that holds as much", async () => {
    using world = new ScriptedCluster(UNBOUNDED);
    await create(world, "acme", { stateBytes: 8 });
    const jobId = await submitTo(world, "acme", { parallelism: 4 });
    const dispatcher = world.cluster.dispatcherOf("acme");
    await world.cluster.until(async () => {
      const stats = await dispatcher.requestCheckpointStats(jobId);
      return (stats?.counts.completed ?? 0) >= 2;
    });
    expect(await world.cluster.resolve(dispatcher.requestJobStatus(jobId))).toBe("RUNNING");
  });
});
