import { afterEach, describe, expect, it } from "vitest";
import { brandId, type ExecutionAttemptID, type InstanceID, type JobID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { COMMIT_WAIT } from "../../../src/runtime/jobmaster/commit-watch.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";
import { executionsOf, JobMasterHarness } from "./job-master-harness.ts";

const open: JobMasterHarness[] = [];

function harnessOf(...args: ConstructorParameters<typeof JobMasterHarness>): JobMasterHarness {
  const harness = new JobMasterHarness(...args);
  open.push(harness);
  return harness;
}

afterEach(() => {
  for (const harness of open.splice(0)) harness.close();
});

const statusOf = (harness: JobMasterHarness): Promise<string> => harness.jobMaster().requestJobStatus();

describe("a job from its start to its end", () => {
  it("SCH-19: registers at the ResourceManager and declares all it needs", async () => {
    const harness = harnessOf([{ parallelism: 2 }, { parallelism: 4 }]);
    await harness.startJob();
    expect(harness.argsOf("registerJobMaster")).toEqual([[1, expect.stringContaining("job-master"), TESTING_JOB_ID]]);
    expect(harness.argsOf("declareRequiredResources")).toMatchObject([[1, { jobId: TESTING_JOB_ID, slots: 4 }]]);
    expect(await statusOf(harness)).toBe("RUNNING");
  });

  it("SCH-04: deploys when the last slot is there, subtask i of every vertex in slot i", async () => {
    const harness = harnessOf([{ parallelism: 3 }, { parallelism: 3 }]);
    await harness.startJob();
    await harness.addTaskExecutor(0);
    expect(harness.deployed).toEqual([]);
    await harness.addTaskExecutor(1);
    expect(
      harness.deployed.map(({ taskName, subtaskIndex, allocationId }) => [taskName, subtaskIndex, allocationId]),
    ).toEqual([
      ["v0", 0, "slot-0-0"],
      ["v0", 1, "slot-0-1"],
      ["v1", 0, "slot-0-0"],
      ["v1", 1, "slot-0-1"],
      ["v0", 2, "slot-1-0"],
      ["v1", 2, "slot-1-0"],
    ]);
  });

  it("CP-29: a final checkpoint when the sources are at their end, then FINISHED and handed over", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }], { checkpointing: undefined });
    await harness.run();
    const [source] = await harness.attempts();
    harness.jobMaster().notifyEndOfData(source === undefined ? [] : [source]);
    await harness.clock.settle();
    expect(harness.argsOf("triggerCheckpoint")).toMatchObject([[[source], { checkpointId: 1 }, 1]]);
    await harness.acknowledge(1);
    expect(harness.argsOf("confirmCheckpoint")).toMatchObject([[1, expect.any(Number), 1]]);
    await harness.reportAll("FINISHED");
    expect(await statusOf(harness)).toBe("FINISHED");
    expect(harness.argsOf("disconnectJobManager", "rm")).toEqual([[TESTING_JOB_ID, 1, "FINISHED"]]);
    expect(harness.argsOf("jobReachedTerminalState")).toMatchObject([[1, { status: "FINISHED", restarts: 0 }]]);
    expect(harness.durableTimers).toEqual([]);
    expect(harness.clock.pending).toBe(0);
  });

  it("after a deploy nothing is deployed until the TaskExecutors report one version", async () => {
    const harness = harnessOf([{ parallelism: 4 }]);
    await harness.startJob();
    harness.runtimeVersion = "2";
    await harness.addTaskExecutor(0, "first");
    harness.runtimeVersion = "1";
    await harness.addTaskExecutor(1, "first");
    await harness.advanceWithHeartbeats(20_000, [0, 1]);
    expect(harness.deployed).toEqual([]);
    harness.runtimeVersion = "2";
    await harness.addTaskExecutor(1, "second");
    expect(harness.deployed).toHaveLength(4);
    await harness.runTasks();
    await harness.reportAll("FINISHED");
    expect(harness.clock.pending).toBe(0);
  });

  it("TaskExecutors that stay of several versions hold a job up for a minute only", async () => {
    const harness = harnessOf([{ parallelism: 4 }]);
    await harness.startJob();
    harness.runtimeVersion = "2";
    await harness.addTaskExecutor(0, "first");
    harness.runtimeVersion = "1";
    await harness.addTaskExecutor(1, "first");
    await harness.advanceWithHeartbeats(50_000, [0, 1]);
    expect(harness.deployed).toEqual([]);
    await harness.advanceWithHeartbeats(20_000, [0, 1]);
    expect(harness.deployed).toHaveLength(4);
  });

  it("CP-29: a lost notice of the end of the data is made good by the next heartbeat", async () => {
    const harness = harnessOf([{ parallelism: 1 }], { checkpointing: undefined });
    await harness.run();
    const deployed = await harness.attempts();
    const beat = async (): Promise<void> => {
      harness
        .jobMaster()
        .heartbeatFromTaskManager(harness.resourceId(0), { deployed, metrics: [], endOfData: deployed });
      await harness.clock.settle();
    };
    expect(harness.argsOf("triggerCheckpoint")).toEqual([]);
    await beat();
    await beat();
    expect(harness.argsOf("triggerCheckpoint")).toMatchObject([[deployed, { checkpointId: 1 }, 1]]);
  });

  it("HA-04, HA-07: the hand-over is repeated until acknowledged, only then is the job released, and it never starts again", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    harness.fail("disconnectJobManager", "UNAVAILABLE");
    await harness.reportAll("FINISHED");
    await expect(harness.jobMaster().releaseJob(TESTING_JOB_ID)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(harness.durableTimers).toHaveLength(1);
    harness.failing.clear();
    await harness.clock.advance(1_000);
    expect(harness.argsOf("disconnectJobManager", "rm")).toHaveLength(2);
    expect(harness.argsOf("jobReachedTerminalState")).toHaveLength(1);
    await harness.jobMaster().releaseJob(TESTING_JOB_ID);
    await harness.jobMaster().releaseJob(TESTING_JOB_ID);
    expect(harness.durableTimers).toEqual([]);
    await harness.restartJobMaster();
    await expect(harness.jobMaster().startJob(harness.jobGraph, "late", harness.quotas)).rejects.toMatchObject({
      code: "JOB_NOT_FOUND",
    });
    await expect(statusOf(harness)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it("the same start again acknowledges, another job is refused, and before any start there is no answer", async () => {
    const harness = harnessOf();
    await expect(statusOf(harness)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await harness.startJob();
    await harness.startJob();
    const other = { ...harness.jobGraph, jobId: brandId<JobID>("9".repeat(32)) };
    await expect(harness.jobMaster().startJob(other, "d", harness.quotas)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(harness.argsOf("registerJobMaster")).toHaveLength(1);
  });

  it("HB-11: a call of an older epoch is refused", async () => {
    const harness = harnessOf();
    await harness.startJob();
    await harness.restartJobMaster();
    await expect(harness.jobMaster(1 as Epoch).requestJobStatus()).rejects.toMatchObject({ code: "FENCING_TOKEN" });
  });
});

describe("failures", () => {
  it("FO-07, FO-15: restarts three times a second after each failure, then FAILED", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    for (let number = 1; number <= 3; number += 1) {
      const [attempt] = await harness.attempts();
      await harness.report(attempt ?? brandId(""), "FAILED", new TypeError(`bad record ${number}`));
      expect(await statusOf(harness)).toBe("RESTARTING");
      await harness.clock.advance(999);
      expect(await statusOf(harness)).toBe("RESTARTING");
      await harness.clock.advance(1);
      expect(await statusOf(harness)).toBe("RUNNING");
      await harness.runTasks();
    }
    expect(harness.deployed.map(({ attemptNumber }) => attemptNumber)).toEqual([0, 1, 2, 3]);
    const [last] = await harness.attempts();
    await harness.report(last ?? brandId(""), "FAILED", new TypeError("bad record 4"));
    const info = await harness.info();
    expect(info).toMatchObject({ status: "FAILED", restarts: 3 });
    expect(info.failure?.stack).toContain("TypeError: bad record 4");
    expect(info.exceptionHistory.map(({ failure }) => failure.message)).toEqual(
      [1, 2, 3, 4].map((n) => `bad record ${n}`),
    );
  });

  it("FO-10: an attempt of before the restart is unknown", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    const [attempt = brandId<ExecutionAttemptID>("")] = await harness.attempts();
    await harness.report(attempt, "FAILED", new Error("boom"));
    await harness.clock.advance(1_000);
    expect(await harness.report(attempt, "RUNNING")).toBe(false);
  });

  it("SCH-13: five minutes without the slots fail over with NoResourceAvailable", async () => {
    const harness = harnessOf([{ parallelism: 3 }]);
    await harness.startJob();
    await harness.addTaskExecutor(0);
    await harness.advanceWithHeartbeats(299_990, [0]);
    expect(await statusOf(harness)).toBe("RUNNING");
    await harness.clock.advance(10);
    expect(await harness.info()).toMatchObject({
      status: "RESTARTING",
      exceptionHistory: [
        { failure: { code: "NO_RESOURCE_AVAILABLE", message: "the job needs 3 slots and got 2 within 300 s" } },
      ],
    });
  });

  it("SCH-16: as does the ResourceManager's word that there are not enough", async () => {
    const harness = harnessOf([{ parallelism: 3 }]);
    await harness.startJob();
    harness.jobMaster().notifyNotEnoughResourcesAvailable(2, "quota");
    await harness.clock.settle();
    expect((await harness.info()).exceptionHistory[0]?.failure.message).toBe(
      "the job needs 3 slots and can get 2: quota",
    );
  });

  it("HB-02: a TaskExecutor that falls silent is dropped, its tasks fail, nothing is charged", async () => {
    const harness = harnessOf([{ parallelism: 4 }, { parallelism: 4 }]);
    await harness.run([0, 1]);
    await harness.advanceWithHeartbeats(60_000, [0]);
    expect(harness.argsOf("disconnectJobManager", "te-1")).toMatchObject([
      [TESTING_JOB_ID, 1, { code: "HEARTBEAT_TIMEOUT", infrastructure: true }],
    ]);
    const info = await harness.info();
    expect(info.exceptionHistory).toMatchObject([{ failure: { name: "HeartbeatTimeoutException" } }]);
    expect(harness.argsOf("cancelTask", "te-0")).toHaveLength(4);
    await harness.reportAll("CANCELED");
    await harness.addTaskExecutor(2);
    await harness.clock.advance(1_000);
    const again = harness.deployed.slice(8).filter(({ taskName }) => taskName === "v0");
    expect(again.map(({ allocationId }) => allocationId)).toEqual(["slot-0-0", "slot-0-1", "slot-2-0", "slot-2-1"]);
    // Not charged: three failures of its own are still allowed.
    for (let number = 1; number <= 3; number += 1) {
      await harness.reportAll("FAILED");
      expect(await statusOf(harness)).toBe("RESTARTING");
      await harness.clock.advance(1_000);
    }
  });

  it("HB-10: a new instance of a TaskExecutor drops the old one first; the same again is a success", async () => {
    const harness = harnessOf([{ parallelism: 2 }]);
    await harness.run();
    await harness.addTaskExecutor(0, "second");
    expect(await statusOf(harness)).toBe("RESTARTING");
    expect((await harness.info()).exceptionHistory[0]?.failure).toMatchObject({ infrastructure: true });
    await harness.clock.advance(1_000);
    expect(harness.deployed).toHaveLength(4);
    await harness.addTaskExecutor(0, "second");
    expect(await statusOf(harness)).toBe("RUNNING");
  });

  it("C6: a TaskExecutor of another job is rejected, one that cannot be called back fails", async () => {
    const harness = harnessOf();
    await harness.startJob();
    const registration = {
      resourceId: harness.resourceId(7),
      address: `v1/-/default/task-executor/${harness.resourceId(7)}`,
      instanceId: brandId<InstanceID>("i"),
      jobId: TESTING_JOB_ID,
      slots: 2,
    };
    const other = brandId<JobID>("9".repeat(32));
    expect(await harness.jobMaster().registerTaskManager(other, registration, [])).toMatchObject({ kind: "rejection" });
    expect(await harness.jobMaster().registerTaskManager(TESTING_JOB_ID, registration, [])).toMatchObject({
      kind: "failure",
    });
    await expect(harness.offerSlots(7)).rejects.toMatchObject({ code: "TASK_MANAGER" });
    expect(await statusOf(harness)).toBe("RUNNING");
  });

  it("SCH-20, SCH-25: superfluous offers are left out, known ones accepted again, a failed slot fails its tasks", async () => {
    const harness = harnessOf([{ parallelism: 3 }, { parallelism: 3 }]);
    await harness.run([0, 1]);
    expect(await harness.offerSlots(1)).toMatchObject([{ allocationId: "slot-1-0" }]);
    const cause = serializeThrowable(new Error("facet will not load"));
    harness.jobMaster().failSlot(harness.resourceId(1), harness.allocation(1, 0), cause);
    await harness.clock.settle();
    const states = executionsOf(await harness.info()).map(({ state }) => state);
    expect(states).toEqual(["CANCELING", "CANCELING", "FAILED", "CANCELING", "CANCELING", "FAILED"]);
  });

  it("SCH-18, SCH-20: regions that wait are served in the order they asked, and more is not taken", async () => {
    const harness = harnessOf([{ parallelism: 2 }]);
    await harness.run();
    const [first = brandId<ExecutionAttemptID>(""), second = first] = await harness.attempts();
    const cause = serializeThrowable(new Error("drained"));
    harness.jobMaster().failSlot(harness.resourceId(0), harness.allocation(0, 1), cause);
    await harness.clock.advance(10);
    harness.jobMaster().failSlot(harness.resourceId(0), harness.allocation(0, 0), cause);
    await harness.clock.settle();
    expect(await harness.attempts()).toEqual([first, second]);
    await harness.clock.advance(1_000);
    harness.calls.length = 0;
    await harness.addTaskExecutor(1);
    expect(harness.deployed.map(({ subtaskIndex, allocationId }) => [subtaskIndex, allocationId])).toEqual([
      [1, "slot-1-0"],
      [0, "slot-1-1"],
    ]);
    expect(await harness.offerSlots(0)).toEqual([]);
  });

  it("SCH-22: an offer of a TaskExecutor that is not registered is an error there", async () => {
    const harness = harnessOf();
    await harness.startJob();
    await expect(harness.offerSlots(0)).rejects.toMatchObject({ code: "TASK_MANAGER" });
    expect(harness.deployed).toEqual([]);
  });

  it("DEP-03: a task that its TaskExecutor refuses fails the job over, with its name", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.startJob();
    harness.fail("submitTasks", "TASK_SUBMISSION");
    await harness.addTaskExecutor(0);
    expect(await harness.info()).toMatchObject({
      status: "RESTARTING",
      exceptionHistory: [{ failure: { message: expect.stringContaining(`${harness.resourceId(0)} refused a task`) } }],
    });
  });

  it("DEP-05: but not while the deployment is under way", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.startJob();
    harness.losingReplies.add("submitTasks");
    await harness.addTaskExecutor(0);
    harness.jobMaster().heartbeatFromTaskManager(harness.resourceId(0), { deployed: [], metrics: [] });
    await harness.clock.settle();
    expect(await statusOf(harness)).toBe("RUNNING");
    await harness.clock.advance(10_000);
    expect(await harness.info()).toMatchObject({
      status: "RESTARTING",
      exceptionHistory: [{ failure: { message: expect.stringContaining("did not answer"), infrastructure: true } }],
    });
  });

  it("DEP-05, DEP-06: a heartbeat shows attempts that are gone and attempts that should be", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }]);
    await harness.run();
    const [first = brandId<ExecutionAttemptID>("")] = await harness.attempts();
    const stray = brandId<ExecutionAttemptID>("5".repeat(32));
    harness.jobMaster().heartbeatFromTaskManager(harness.resourceId(0), { deployed: [first, stray], metrics: [] });
    await harness.clock.settle();
    expect(harness.argsOf("cancelTask").map(([attemptId]) => attemptId)).toContain(stray);
    expect(executionsOf(await harness.info()).map(({ state }) => state)).toEqual(["CANCELING", "FAILED"]);
  });

  it("DEP-05, FO-07: a heartbeat that shows the last task gone restarts the job, whatever else was there", async () => {
    const harness = harnessOf([{ parallelism: 1 }, { parallelism: 1 }]);
    await harness.run();
    const [, sink = brandId<ExecutionAttemptID>("")] = await harness.attempts();
    await harness.report(sink, "FAILED", new Error("boom"));
    await harness.clock.advance(1_000);
    expect(executionsOf(await harness.info()).map(({ state }) => state)).toEqual(["CANCELING", "FAILED"]);
    harness.jobMaster().heartbeatFromTaskManager(harness.resourceId(0), { deployed: [], metrics: [] });
    await harness.clock.settle();
    const info = await harness.info();
    expect(info).toMatchObject({
      status: "RUNNING",
      restarts: 1,
      exceptionHistory: [{ failure: { message: "boom" } }],
    });
    expect(executionsOf(info).map(({ state, attemptNumber }) => [state, attemptNumber])).toEqual([
      ["DEPLOYING", 1],
      ["DEPLOYING", 1],
    ]);
  });
});

describe("cancel", () => {
  /** How it ended; a cancel of a job that is CANCELED acknowledges (CAN-02). */
  const endOf = async (harness: JobMasterHarness): Promise<unknown> => {
    await harness.jobMaster().cancel();
    const states = executionsOf(await harness.info()).map(({ state }) => state);
    return { status: await statusOf(harness), states, told: harness.argsOf("jobReachedTerminalState").length };
  };
  const CANCELED = { status: "CANCELED", states: ["CANCELED", "CANCELED"], told: 1 };

  it("while the job waits for slots", async () => {
    const harness = harnessOf();
    await harness.startJob();
    await harness.jobMaster().cancel();
    expect(await endOf(harness)).toEqual(CANCELED);
  });

  it("while tasks are being deployed", async () => {
    const harness = harnessOf();
    await harness.startJob();
    await harness.addTaskExecutor(0);
    await harness.jobMaster().cancel();
    expect(await statusOf(harness)).toBe("CANCELLING");
    await harness.reportAll("INITIALIZING");
    await harness.reportAll("CANCELED");
    expect(await endOf(harness)).toEqual(CANCELED);
  });

  it("CAN-01: while tasks run", async () => {
    const harness = harnessOf();
    await harness.run();
    await harness.jobMaster().cancel();
    await harness.clock.settle();
    expect(harness.argsOf("cancelTask").map(([attemptId]) => attemptId)).toEqual(await harness.attempts());
    await harness.reportAll("CANCELED");
    expect(await endOf(harness)).toEqual(CANCELED);
  });

  it("CAN-08: while it waits to restart", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    await harness.reportAll("FAILED");
    await harness.jobMaster().cancel();
    expect(await statusOf(harness)).toBe("CANCELED");
    await harness.clock.advance(5_000);
    expect(harness.deployed).toHaveLength(1);
  });

  it("CAN-09: three calls that fail are enough, and the slot of a TaskExecutor that does not answer is given up", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    harness.fail("cancelTask", "TIMEOUT");
    await harness.jobMaster().cancel();
    await harness.clock.settle();
    expect(harness.argsOf("cancelTask")).toHaveLength(3);
    expect(await statusOf(harness)).toBe("CANCELED");
  });

  it("CAN-03: a job that has ended otherwise is refused", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    await harness.reportAll("FINISHED");
    await expect(harness.jobMaster().cancel()).rejects.toMatchObject({ code: "TERMINATED_WITHOUT_CANCELLATION" });
  });
});

describe("awaitCommit", () => {
  it("answers at once what is not known yet, then with the next commit of a sink", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    const news = await harness.jobMaster().awaitCommit(-1);
    expect(news).toEqual({ commits: 0, ended: false });
    const answers: unknown[] = [];
    for (const follower of [1, 2]) {
      void harness
        .jobMaster()
        .awaitCommit(news.commits)
        .then((answer) => answers.push([follower, answer]));
    }
    await harness.clock.settle();
    expect(answers).toEqual([]);
    harness.jobMaster().notifyCommitted();
    await harness.clock.settle();
    const told = { commits: 1, ended: false };
    expect(answers).toEqual([
      [1, told],
      [2, told],
    ]);
  });

  it("answers after a while nevertheless, and with the end of the job", async () => {
    const harness = harnessOf([{ parallelism: 1 }]);
    await harness.run();
    const nothing = harness.jobMaster().awaitCommit(0);
    await harness.clock.advance(COMMIT_WAIT);
    expect(await nothing).toEqual({ commits: 0, ended: false });
    const end = harness.jobMaster().awaitCommit(0);
    await harness.reportAll("FINISHED");
    expect(await end).toMatchObject({ ended: true });
    expect(await harness.jobMaster().awaitCommit(0)).toMatchObject({ ended: true });
  });
});
