import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UNBOUNDED } from "../harness/job-modules.ts";
import { Platform } from "../harness/platform.ts";

/** The calls between components that every reader of Flink's architecture knows; see docs/concepts.md. */
const CALLS = [
  "JobMaster.updateTaskExecutionState",
  "JobMaster.acknowledgeCheckpoint",
  "ResourceManager.requestSlot",
  "ResourceManager.heartbeatFromTaskManager",
  "TaskExecutor.triggerCheckpoint",
  "TaskExecutor.cancelTask",
  "JobMaster.requestJobStatus",
  "Dispatcher.requestJob",
  "Dispatcher.requestCheckpointStats",
];

describe("the control plane on workerd", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("makes the nine calls while real jobs run, are cancelled and lose their module", async () => {
    const cancelled = await platform.run(UNBOUNDED);
    await platform.job(cancelled, (job) => job.tasksRunning === job.tasksTotal && job.checkpoints > 0);
    for (const path of ["", "/status", "/checkpoints"]) {
      const response = await platform.fetch(`/v1/jobs/${cancelled}${path}`);
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
    await platform.client.cancelJob(cancelled);
    await platform.job(cancelled, ({ state }) => state === "CANCELED");

    // A TaskExecutor whose facet does not load gives up its slots, and asks for others first.
    const stranded = await platform.run(UNBOUNDED);
    await platform.job(stranded, (job) => job.tasksRunning === job.tasksTotal);
    await platform.kill();
    expect(platform.loseObjects("v1/default/modules/")).toBeGreaterThan(0);
    await platform.restart();
    const job = await platform.job(stranded, ({ state }) => state === "FAILED");
    expect(job.failure).toMatch(/module .* is not in the object store/);

    const seen = new Set(platform.events.map((line) => line.split(" ")[3]));
    expect(CALLS.filter((call) => !seen.has(call))).toEqual([]);
  });
});
