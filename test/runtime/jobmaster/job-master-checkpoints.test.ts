import { afterEach, describe, expect, it } from "vitest";
import type { ObjectInfo } from "../../../src/runtime/blob/object-store.ts";
import { CHECKPOINT_DEFAULTS } from "../../../src/runtime/jobgraph/job-configuration.ts";
import { brandId } from "../../../src/common/ids.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";
import { executionsOf, JobMasterHarness } from "./job-master-harness.ts";

const open: JobMasterHarness[] = [];
const EVERY_SECOND = { ...CHECKPOINT_DEFAULTS, intervalMillis: 1_000 };

function harnessOf(...args: ConstructorParameters<typeof JobMasterHarness>): JobMasterHarness {
  const harness = new JobMasterHarness(...args);
  open.push(harness);
  return harness;
}

afterEach(() => {
  for (const harness of open.splice(0)) harness.close();
});

const keysOf = (objects: readonly ObjectInfo[]): readonly string[] => objects.map(({ key }) => key);
const PREFIX = `v1/default/jobs/${TESTING_JOB_ID}`;

describe("checkpoints", () => {
  it("CP-02, CP-12, CP-18: triggered at the sources of each TaskExecutor, stored, then told to all", async () => {
    const harness = harnessOf([{ parallelism: 3 }, { parallelism: 2 }]);
    await harness.run([0, 1]);
    await harness.clock.advance(999);
    expect(harness.argsOf("triggerCheckpoint")).toEqual([]);
    await harness.clock.advance(1);
    const attempts = await harness.attempts();
    expect(harness.argsOf("triggerCheckpoint", "te-0")[0]?.[0]).toEqual(attempts.slice(0, 2));
    expect(harness.argsOf("triggerCheckpoint", "te-1")[0]?.[0]).toEqual(attempts.slice(2, 3));
    await harness.acknowledge(1);
    expect(keysOf(await harness.objects.list(""))).toEqual([`${PREFIX}/chk-1/_metadata`]);
    expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1, 1]);
    expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({
      counts: { completed: 1, inProgress: 0 },
      latestCompleted: { checkpointId: 1, externalPath: `${PREFIX}/chk-1/_metadata`, stateSize: 15, subtasks: 5 },
    });
  });

  it("CP-25: the next one replaces it, objects and rows", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    for (const id of [1, 2]) {
      await harness.clock.advance(1_000);
      await harness.acknowledge(id);
    }
    expect(keysOf(await harness.objects.list(""))).toEqual([`${PREFIX}/chk-2/_metadata`]);
    expect(harness.database.exec("SELECT key FROM sluice_kv WHERE key LIKE 'checkpoint/%'")).toHaveLength(1);
  });

  it("CP-15: a decline ends it, everyone is told, a later acknowledgement changes nothing", async () => {
    const harness = harnessOf([{ parallelism: 2 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    const [attemptId] = await harness.attempts();
    harness.jobMaster().declineCheckpoint(TESTING_JOB_ID, {
      checkpointId: 1,
      attemptId: attemptId ?? expect.fail("no attempt"),
      reason: "CHECKPOINT_DECLINED_TASK_NOT_READY",
    });
    await harness.acknowledge(1);
    expect(harness.argsOf("abortCheckpoint")).toEqual([[1, -1, 1]]);
    expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({ counts: { failed: 1, completed: 0 } });
    expect(await harness.objects.list("")).toEqual([]);
    await harness.clock.advance(1_000);
    const checkpoints = harness.argsOf("triggerCheckpoint").map(([, checkpoint]) => checkpoint);
    expect(checkpoints).toMatchObject([{ checkpointId: 1 }, { checkpointId: 2 }]);
  });

  it("CP-17, CP-23: one that expires fails the job over", async () => {
    const harness = harnessOf([{ parallelism: 1 }], { checkpointing: { ...EVERY_SECOND, timeoutMillis: 5_000 } });
    await harness.run();
    await harness.clock.advance(5_999);
    expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
    await harness.clock.advance(1);
    expect(await harness.info()).toMatchObject({
      status: "RESTARTING",
      exceptionHistory: [
        { failure: { name: "CheckpointException", message: expect.stringContaining("checkpoint 1") } },
      ],
    });
  });

  it("CP-11: a TaskExecutor that refuses the trigger ends only the checkpoint", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    harness.fail("triggerCheckpoint", "CHECKPOINT");
    await harness.clock.advance(1_000);
    expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({
      counts: { failed: 1 },
      latestFailed: { failureMessage: expect.stringContaining(harness.resourceId(0)) },
    });
    expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
  });

  it("CP-20: metadata that cannot be written is a failure of the checkpoint", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.objects.put(`${PREFIX}/chk-1/_metadata`, Uint8Array.of(1));
    await harness.acknowledge(1);
    expect(await harness.info()).toMatchObject({
      status: "RESTARTING",
      checkpoints: { latestFailed: { failureMessage: expect.stringContaining("could not be stored") } },
    });
  });

  it("FO-10: a restart starts from the last completed one, its own state for each subtask", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.acknowledge(1);
    await harness.clock.advance(1_000);
    await harness.reportAll("FAILED");
    await harness.clock.advance(1_000);
    const restarted = harness.deployed.slice(2);
    expect(restarted.map(({ restore }) => restore)).toEqual([
      { checkpointId: 1, state: [{ kind: "inline", bytes: Uint8Array.of(1, 2, 3) }] },
      { checkpointId: 1, state: [{ kind: "inline", bytes: Uint8Array.of(1, 2, 3) }] },
    ]);
    expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({
      counts: { restored: 1, failed: 1 },
      latestRestored: { checkpointId: 1, sourcePosition: 200 },
    });
  });

  it.each([
    { what: "that gets no further", positionOf: () => 100, status: "FAILED" },
    { what: "that gets further", positionOf: (round: number) => 100 + round, status: "RESTARTING" },
  ])("a job $what is $status after eleven restarts by the infrastructure", async ({ positionOf, status }) => {
    const harness = harnessOf([{ parallelism: 1 }], { restartStrategy: { kind: "none" } });
    await harness.run();
    const cause = serializeThrowable(new Error("object reset"), { infrastructure: true });
    for (let round = 1; round <= 11; round += 1) {
      expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
      await harness.clock.advance(1_000);
      await harness.acknowledge(round, positionOf(round));
      await harness.jobMaster().disconnectTaskManager(harness.resourceId(0), cause);
      if (round === 11) break;
      await harness.addTaskExecutor(0, `instance ${round}`);
      await harness.clock.advance(1_000);
      await harness.runTasks();
    }
    expect(await harness.jobMaster().requestJobStatus()).toBe(status);
  });

  it("a job that asked for none has no statistics", async () => {
    const harness = harnessOf([{ parallelism: 1 }], { checkpointing: undefined });
    await harness.run();
    await harness.clock.advance(60_000);
    expect(harness.argsOf("triggerCheckpoint")).toEqual([]);
    expect(await harness.jobMaster().requestCheckpointStats()).toBeUndefined();
  });
});

describe("recovery of the JobMaster", () => {
  it("raises its epoch, registers anew, and starts from the last checkpoint with new attempts, uncharged", async () => {
    const harness = harnessOf([{ parallelism: 2 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.acknowledge(1);
    await harness.restartJobMaster();
    expect(harness.argsOf("registerJobMaster").map(([epoch]) => epoch)).toEqual([1, 2]);
    await harness.addTaskExecutor(0, "again");
    const restarted = harness.deployed.slice(2);
    expect(restarted.map(({ attemptNumber, restore }) => [attemptNumber, restore?.checkpointId])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    const info = await harness.info();
    expect(info).toMatchObject({
      status: "RUNNING",
      restarts: 1,
      exceptionHistory: [{ failure: { name: "JobMasterException", infrastructure: true } }],
      checkpoints: { counts: { completed: 1, restored: 1 }, latestRestored: { sourcePosition: 200 } },
    });
    expect(info.statusTimestamps.INITIALIZING).toBe(1_000_000);
    // CP-09: ids go on, none is used twice.
    await harness.runTasks();
    await harness.clock.advance(1_000);
    const ids = harness.argsOf("triggerCheckpoint").map(([, checkpoint]) => checkpoint);
    expect(ids).toMatchObject([{ checkpointId: 1 }, { checkpointId: 17 }]);
  });

  it("over HA-06: lets tasks run on that are found, and tells them what became of their checkpoints", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.acknowledge(1);
    await harness.clock.advance(1_000);
    const tasks = harness.runningTasks();
    const attempts = await harness.attempts();
    harness.calls.length = 0;
    await harness.restartJobMaster();
    expect(executionsOf(await harness.info()).map(({ state }) => state)).toEqual(["SCHEDULED", "SCHEDULED"]);
    await harness.addTaskExecutor(0, "again", tasks);
    const info = await harness.info();
    expect(info).toMatchObject({
      status: "RUNNING",
      restarts: 0,
      exceptionHistory: [],
      checkpoints: { counts: { completed: 1, restored: 0 } },
    });
    expect(executionsOf(info)).toMatchObject(
      attempts.map((attemptId) => ({ attemptId, attemptNumber: 0, state: "RUNNING", location: harness.resourceId(0) })),
    );
    expect(harness.deployed).toEqual([]);
    expect(harness.argsOf("cancelTask")).toEqual([]);
    // The notice of 1 may have been lost, 2 was pending, and 3 to 16 may have been triggered for all that is known.
    expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1]);
    expect(harness.argsOf("abortCheckpoint").map(([id]) => id)).toEqual(Array.from({ length: 15 }, (_, at) => at + 2));
    await harness.clock.advance(1_000);
    expect(harness.argsOf("triggerCheckpoint")).toMatchObject([[[attempts[0]], { checkpointId: 17 }, 2]]);
    // What is found once is known from then on: a second loss is the same again.
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "once more", tasks);
    expect(await harness.attempts()).toEqual(attempts);
    await harness.report(tasks[0]?.attemptId ?? attempts[1] ?? brandId(""), "FAILED");
    expect(await harness.jobMaster().requestJobStatus()).toBe("RESTARTING");
  });

  it("over HA-06: a task that is missing restarts the job, the others are ended before they are replaced", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }]);
    await harness.run();
    const [found, ...missing] = harness.runningTasks();
    harness.calls.length = 0;
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "again", found === undefined ? [] : [found]);
    expect(missing).toHaveLength(1);
    const sent = harness.calls.filter(({ method }) => ["cancelTask", "submitTasks"].includes(method));
    expect(sent.map(({ method }) => method)).toEqual(["cancelTask", "submitTasks"]);
    expect(sent[0]?.args[0]).toBe(found?.attemptId);
    expect(await harness.info()).toMatchObject({ restarts: 1, exceptionHistory: [{ labels: { TYPE: "SYSTEM" } }] });
  });

  it("over HA-06: until it is decided states are not taken, heartbeats end nothing, and ends of data are kept", async () => {
    const harness = harnessOf([{ parallelism: 4 }, { parallelism: 1 }]);
    await harness.run([0, 1]);
    const tasks = harness.runningTasks();
    const on = (index: number) => tasks.filter(({ allocationId }) => allocationId.startsWith(`slot-${index}-`));
    harness.calls.length = 0;
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "again", on(0));
    const here = on(0).map(({ attemptId }) => attemptId);
    await expect(harness.report(here[0] ?? brandId(""), "FINISHED")).rejects.toThrow("looks for its tasks");
    harness.jobMaster().heartbeatFromTaskManager(harness.resourceId(0), { deployed: here, metrics: [] });
    harness
      .jobMaster()
      .notifyEndOfData(tasks.filter(({ subtaskIndex }) => subtaskIndex < 2).map(({ attemptId }) => attemptId));
    await harness.clock.settle();
    await harness.addTaskExecutor(
      1,
      "again",
      on(1).map((task) => ({ ...task, endOfData: true })),
    );
    expect(harness.argsOf("cancelTask")).toEqual([]);
    expect(harness.deployed).toEqual([]);
    // All sources are at their end, so the final checkpoint starts at once.
    expect(harness.argsOf("triggerCheckpoint")).toHaveLength(2);
  });

  it("over HA-06: tasks found when it is decided are ended", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    const tasks = harness.runningTasks();
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "again");
    expect(harness.argsOf("cancelTask")).toEqual([]);
    await harness.addTaskExecutor(1, "first", tasks);
    expect(harness.argsOf("cancelTask", "te-1").map(([attemptId]) => attemptId)).toEqual(
      tasks.map(({ attemptId }) => attemptId),
    );
  });

  it("FO-15: the restart budget goes on", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    for (let number = 1; number <= 3; number += 1) {
      await harness.reportAll("FAILED");
      await harness.clock.advance(1_000);
      await harness.runTasks();
    }
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "again");
    await harness.reportAll("FAILED");
    const info = await harness.info();
    expect(info).toMatchObject({ status: "FAILED", restarts: 4 });
    expect(info.exceptionHistory).toHaveLength(5);
  });

  it("DEP-08: a turn that throws is undone, and the JobMaster goes on from what is stored", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    harness.database.failNextWrite = true;
    await expect(harness.jobMaster().cancel()).rejects.toThrow("the disk is full");
    await harness.clock.advance(0);
    // Not CANCELLING: the turn that decided so was undone.
    expect(await harness.info()).toMatchObject({ status: "RUNNING", restarts: 0 });
    expect(harness.argsOf("cancelTask")).toEqual([]);
    expect(harness.argsOf("registerJobMaster").map(([epoch]) => epoch)).toEqual([1, 2]);
  });

  it("a cancel that was decided before the crash is carried out after it", async () => {
    const harness = harnessOf();
    await harness.run();
    await harness.jobMaster().cancel();
    await harness.restartJobMaster();
    expect(await harness.jobMaster().requestJobStatus()).toBe("CANCELED");
    expect(harness.argsOf("jobReachedTerminalState")).toHaveLength(1);
    expect(harness.deployed).toHaveLength(2);
  });

  it("the end of a job is told again until acknowledged, only to those who have not", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    harness.fail("jobReachedTerminalState", "UNAVAILABLE");
    await harness.reportAll("FINISHED");
    const before = await harness.info();
    harness.failing.clear();
    await harness.restartJobMaster();
    expect(harness.argsOf("disconnectJobManager", "rm")).toHaveLength(1);
    expect(harness.argsOf("jobReachedTerminalState")).toHaveLength(2);
    expect(await harness.info()).toEqual(before);
    expect(harness.durableTimers).toEqual([]);
  });

  it("RST-09: a checkpoint that is gone fails the job, and says which", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.acknowledge(1);
    await harness.objects.delete([`${PREFIX}/chk-1/_metadata`]);
    await harness.restartJobMaster();
    const info = await harness.info();
    expect(info.status).toBe("FAILED");
    expect(info.failure?.stack).toContain(`${PREFIX}/chk-1/_metadata does not exist`);
  });

  it("comes back by itself: its durable timer is set for as long as the job has not ended", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    expect(harness.durableTimers).toEqual([{ name: "back-stop", due: 1_010_000 }]);
    await harness.advanceWithHeartbeats(20_000, [0]);
    expect(harness.durableTimers).toEqual([{ name: "back-stop", due: 1_030_000 }]);
    await harness.reportAll("FINISHED");
    expect(harness.durableTimers).toEqual([]);
  });
});
