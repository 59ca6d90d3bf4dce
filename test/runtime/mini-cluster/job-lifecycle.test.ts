import { describe, expect, it } from "vitest";
import { testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import { ScriptedCluster, SECOND } from "./mini-cluster-harness.ts";

describe("a job in a mini cluster", () => {
  it("runs from its submission to its end (SUB-01, CP-29)", async () => {
    using scripted = new ScriptedCluster();
    const jobId = await scripted.submit();
    await scripted.reach(jobId, "RUNNING");
    expect(await scripted.end(jobId, 100)).toBe("FINISHED");
    const { dispatcher, cluster } = scripted;
    expect(await cluster.resolve(dispatcher.requestJobResult(jobId))).toMatchObject({ applicationStatus: "SUCCEEDED" });
    const info = await cluster.resolve(dispatcher.requestJob(jobId));
    expect(info.vertices.flatMap(({ executions }) => executions.map(({ state }) => state))).toEqual(
      Array.from({ length: 8 }, () => "FINISHED"),
    );
    expect(info.restarts).toBe(0);
    expect(info.checkpoints?.counts.completed).toBeGreaterThan(0);
  });

  it("uses two workers of two slots each for parallelism 4, and both of its kinds of task on each", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const jobId = await scripted.submit();
    await scripted.cluster.until(() => [...scripted.hosts.load.values()].reduce((sum, tasks) => sum + tasks, 0) === 8);
    expect([...scripted.hosts.load]).toEqual([
      [`${jobId}-te-0`, 4],
      [`${jobId}-te-1`, 4],
    ]);
    const workers = await scripted.cluster.resolve(scripted.cluster.resourceManager.requestTaskManagerInfo());
    expect(workers.map(({ slots, freeSlots }) => [slots, freeSlots])).toEqual([
      [2, 0],
      [2, 0],
    ]);
  });

  it("leaves nothing behind: no timer, no worker, no host, no callback, no snapshot (HB-07, HA-07)", async () => {
    using scripted = new ScriptedCluster();
    const jobId = await scripted.submit();
    await scripted.cluster.objects.put(`v1/default/jobs/${jobId}/results/rows/1`, Uint8Array.of(1));
    await scripted.cluster.objects.put(`v1/default/jobs/${jobId}/chk-1/state`, Uint8Array.of(1));
    await scripted.end(jobId, 100);
    await scripted.cluster.clock.advance(2 * SECOND);
    const before = scripted.cluster.trace.length;
    await scripted.cluster.clock.advance(30 * SECOND);
    expect(scripted.cluster.trace.length).toBe(before);
    expect(await scripted.leftovers()).toEqual([]);
    const objects = await scripted.cluster.objects.list("");
    expect(objects.map(({ key }) => key)).toEqual([`v1/default/jobs/${jobId}/results/rows/1`]);
  });

  it("is one job per idempotency key: 20 submissions at once, 10 keys used twice (SUB-02, SUB-04)", async () => {
    using scripted = new ScriptedCluster();
    const { cluster, dispatcher } = scripted;
    const submissions = Array.from({ length: 20 }, (_, index) =>
      dispatcher.submitJob(testingSubmission({ number: index + 1, parallelism: 1 }, `key ${index % 10}`)),
    );
    const answers = await cluster.resolve(Promise.all(submissions));
    expect(answers.slice(10)).toEqual(answers.slice(0, 10));
    expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(10);
    expect(await cluster.resolve(dispatcher.listJobs())).toHaveLength(10);
    for (const { jobId } of answers) expect(await scripted.end(jobId)).toBe("FINISHED");
    const again = await cluster.resolve(
      dispatcher.submitJob(testingSubmission({ number: 99, parallelism: 1 }, "key 0")),
    );
    expect(again).toEqual(answers[0]);
  });

  it("is cancelled while it runs: every task CANCELED, then nothing is left (CAN-01, CAN-02)", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const jobId = await scripted.submit();
    await scripted.reach(jobId, "RUNNING");
    await scripted.cluster.clock.advance(3 * SECOND);
    await scripted.cluster.resolve(scripted.dispatcher.cancelJob(jobId));
    expect(await scripted.end(jobId, 100)).toBe("CANCELED");
    const info = await scripted.cluster.resolve(scripted.dispatcher.requestJob(jobId));
    expect(new Set(info.vertices.flatMap(({ executions }) => executions.map(({ state }) => state)))).toEqual(
      new Set(["CANCELED"]),
    );
    expect(await scripted.cluster.resolve(scripted.dispatcher.cancelJob(jobId))).toBe("acknowledge");
    await scripted.cluster.clock.advance(30 * SECOND);
    expect(await scripted.leftovers()).toEqual([]);
  });

  it("is cancelled before anything of it runs (CAN-05)", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const submitted = scripted.dispatcher.submitJob(testingSubmission());
    await scripted.cluster.resolve(scripted.dispatcher.listJobs());
    const { jobId } = testingSubmission().jobGraph;
    await scripted.cluster.resolve(scripted.dispatcher.cancelJob(jobId));
    await scripted.cluster.resolve(submitted);
    expect(await scripted.end(jobId, 100)).toBe("CANCELED");
  });

  it("ends FAILED after three restarts with the user's message", async () => {
    using scripted = new ScriptedCluster({ failWhenRunning: () => new TypeError("quake is not a function") });
    const jobId = await scripted.submit();
    expect(await scripted.end(jobId)).toBe("FAILED");
    const info = await scripted.cluster.resolve(scripted.dispatcher.requestJob(jobId));
    expect(info.restarts).toBe(3);
    expect(info.failure?.stack).toContain("quake is not a function");
    expect(info.exceptionHistory.length).toBe(4);
    expect(await scripted.cluster.resolve(scripted.dispatcher.requestJobResult(jobId))).toMatchObject({
      applicationStatus: "FAILED",
    });
  });

  it("goes on after a failure, from its last checkpoint", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const jobId = await scripted.submit();
    await scripted.cluster.clock.advance(5 * SECOND);
    const [host] = [...scripted.hosts.load.keys()];
    if (host === undefined) throw new Error("no host");
    scripted.hosts.crash(host);
    await scripted.cluster.clock.advance(5 * SECOND);
    scripted.hosts.script.bounded = true;
    const info = await scripted.cluster.resolve(scripted.dispatcher.requestJob(jobId));
    expect(info).toMatchObject({ status: "RUNNING", restarts: 1 });
    expect(info.checkpoints?.latestRestored?.checkpointId).toBeGreaterThan(0);
    expect(info.checkpoints?.latestRestored?.sourcePosition).toBeGreaterThan(0);
  });

  it("makes the nine calls that every reader of the architecture knows", async () => {
    let faults = 1;
    using scripted = new ScriptedCluster({
      bounded: false,
      failLoading: (self) => (self.endsWith("-te-0") && faults-- > 0 ? "the host does not load" : undefined),
    });
    const jobId = await scripted.submit();
    await scripted.reach(jobId, "RUNNING");
    await scripted.cluster.clock.advance(30 * SECOND);
    await scripted.cluster.resolve(scripted.dispatcher.requestJob(jobId));
    await scripted.cluster.resolve(scripted.dispatcher.requestCheckpointStats(jobId));
    await scripted.cluster.resolve(scripted.dispatcher.cancelJob(jobId));
    expect(await scripted.end(jobId, 100)).toBe("CANCELED");
    const seen = new Set(
      scripted.cluster.trace.map(({ caller, callee, method }) => `${caller} -> ${callee}.${method}`),
    );
    expect([...seen]).toEqual(
      expect.arrayContaining([
        "task-executor -> job-master.updateTaskExecutionState",
        "task-executor -> job-master.acknowledgeCheckpoint",
        "task-executor -> resource-manager.requestSlot",
        "task-executor -> resource-manager.heartbeatFromTaskManager",
        "job-master -> task-executor.triggerCheckpoint",
        "job-master -> task-executor.cancelTask",
        "dispatcher -> job-master.requestJobStatus",
        "client -> dispatcher.requestJob",
        "client -> dispatcher.requestCheckpointStats",
      ]),
    );
    const first = (method: string): number => scripted.cluster.trace.findIndex((call) => call.method === method);
    expect(first("requestSlot")).toBeLessThan(first("failSlot"));
  });
});
