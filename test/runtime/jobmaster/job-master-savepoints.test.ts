import { afterEach, describe, expect, it, vi } from "vitest";
import { brandId, type OperatorID } from "../../../src/common/ids.ts";
import { encodeCheckpointMetadata } from "../../../src/runtime/checkpoint/checkpoint-metadata.ts";
import type { CompletedCheckpoint } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { CHECKPOINT_DEFAULTS } from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { RecoveryClaimMode } from "../../../src/runtime/jobgraph/savepoint-restore-settings.ts";
import type { JobGraph } from "../../../src/runtime/jobgraph/job-graph.ts";
import type { ExecutionGraphInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { SnapshotOperationStatus } from "../../../src/runtime/messages/snapshot-operations.ts";
import { TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";
import { JobMasterHarness } from "./job-master-harness.ts";

const open: JobMasterHarness[] = [];
const EVERY_SECOND = { ...CHECKPOINT_DEFAULTS, intervalMillis: 1_000 };
const NAME = new RegExp(`^savepoints/dir/savepoint-${TESTING_JOB_ID.slice(0, 6)}-[0-9a-f]{12}$`);

async function runningJob(...args: ConstructorParameters<typeof JobMasterHarness>): Promise<JobMasterHarness> {
  const harness = new JobMasterHarness(...args);
  open.push(harness);
  await harness.run();
  return harness;
}

afterEach(() => {
  for (const harness of open.splice(0)) harness.close();
});

const keysOf = async (harness: JobMasterHarness): Promise<readonly string[]> =>
  (await harness.objects.list("")).map(({ key }) => key);

function locationOf(status: SnapshotOperationStatus | undefined): string {
  if (status?.kind !== "completed") throw new Error(`expected a completed operation, got ${JSON.stringify(status)}`);
  return status.location;
}

const failureOf = (status: SnapshotOperationStatus | undefined): string | undefined =>
  status?.kind === "failed" ? status.failure.message : undefined;

function stateOf(harness: JobMasterHarness, triggerId: string): Promise<SnapshotOperationStatus | undefined> {
  return harness.jobMaster().requestSnapshotOperation(triggerId);
}

/** What the JobMaster handed over at the job's end. */
function handedOver(harness: JobMasterHarness): ExecutionGraphInfo {
  return harness.argsOf("jobReachedTerminalState").at(-1)?.[1] as ExecutionGraphInfo;
}

async function finishTasks(harness: JobMasterHarness): Promise<void> {
  await harness.reportAll("FINISHED");
  await harness.clock.advance(0);
}

describe("savepoints", () => {
  it("SVP-03, SVP-10: written to a directory of its own; the same id again is the same operation", async () => {
    const harness = await runningJob();
    expect(await harness.jobMaster().triggerSavepoint("a", "dir", false)).toEqual({ kind: "in-progress" });
    expect(await harness.jobMaster().triggerSavepoint("a", "dir", false)).toEqual({ kind: "in-progress" });
    expect(harness.argsOf("triggerCheckpoint")).toMatchObject([
      [expect.anything(), { checkpointId: 1, options: { kind: "savepoint", directory: expect.any(String) } }, 1],
    ]);
    await harness.acknowledge(1);
    const location = locationOf(await stateOf(harness, "a"));
    expect(location).toMatch(NAME);
    expect(await keysOf(harness)).toEqual([`v1/default/${location}/_metadata`]);
    expect(harness.argsOf("confirmCheckpoint")).toEqual([]);
    expect(harness.database.exec("SELECT key FROM sluice_kv WHERE key LIKE 'checkpoint/%'")).toEqual([]);
    expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({
      latestSavepoint: { checkpointId: 1, type: "SAVEPOINT" },
    });
    expect(await harness.jobMaster().triggerSavepoint("a", "elsewhere", true)).toMatchObject({ location });
    expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
  });

  it("a manual checkpoint is a checkpoint like any other", async () => {
    const harness = await runningJob();
    await harness.jobMaster().triggerCheckpoint("m");
    await harness.acknowledge(1);
    expect(await stateOf(harness, "m")).toMatchObject({
      kind: "completed",
      checkpointId: 1,
      location: `jobs/${TESTING_JOB_ID}/chk-1`,
    });
    expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1]);
  });

  it("CP-07: fails while not all tasks run", async () => {
    const harness = new JobMasterHarness();
    open.push(harness);
    await harness.startJob();
    expect(failureOf(await harness.jobMaster().triggerSavepoint("a", "dir", false))).toMatch(
      /^NOT_ALL_REQUIRED_TASKS_RUNNING/,
    );
  });

  it("SVP-04: fails when the job fails over, and when the JobMaster loses its memory", async () => {
    const harness = await runningJob();
    await harness.jobMaster().triggerSavepoint("a", "dir", false);
    await harness.reportAll("FAILED");
    expect(failureOf(await stateOf(harness, "a"))).toMatch(/^CHECKPOINT_COORDINATOR_SUSPEND/);
    const other = await runningJob();
    await other.jobMaster().triggerSavepoint("b", "dir", false);
    await other.restartJobMaster();
    expect(failureOf(await stateOf(other, "b"))).toMatch("the JobMaster lost its memory");
  });

  it("outcomes expire after five minutes, when the next operation begins", async () => {
    const harness = await runningJob();
    await harness.jobMaster().triggerCheckpoint("m");
    await harness.acknowledge(1);
    await harness.advanceWithHeartbeats(300_000, [0]);
    expect(await stateOf(harness, "m")).toMatchObject({ kind: "completed" });
    await harness.jobMaster().triggerCheckpoint("n");
    expect(await stateOf(harness, "m")).toBeUndefined();
  });

  it("cancel with savepoint: the job is canceled once the savepoint is complete, and not before", async () => {
    const harness = await runningJob([{ parallelism: 1 }], { checkpointing: EVERY_SECOND });
    await harness.jobMaster().triggerSavepoint("a", "dir", true);
    await harness.clock.advance(5_000);
    expect(harness.argsOf("triggerCheckpoint")).toHaveLength(1);
    expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
    await harness.acknowledge(1);
    expect(await harness.jobMaster().requestJobStatus()).toBe("CANCELLING");
    await harness.reportAll("CANCELED");
    await harness.clock.advance(0);
    expect(handedOver(harness)).toMatchObject({
      status: "CANCELED",
      operations: [{ triggerId: "a", status: { kind: "completed", location: expect.stringMatching(NAME) } }],
    });
  });

  it("durable writes of one checkpoint: its row, and the counts; one turn", async () => {
    const harness = await runningJob([{ parallelism: 2 }], { checkpointing: EVERY_SECOND });
    await harness.clock.advance(1_000);
    await harness.acknowledge(1);
    await harness.clock.advance(999);
    const writes: string[] = [];
    const { database } = harness;
    const exec = database.exec.bind(database);
    database.exec = (sql, ...bindings) => {
      if (sql.startsWith("INSERT")) writes.push(String(bindings[0]));
      return exec(sql, ...bindings);
    };
    await harness.clock.advance(1);
    await harness.acknowledge(2);
    expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1, 2]);
    expect(writes).toEqual(["checkpoint/000000000002", "checkpoint-counts"]);
  });
});

describe("stop with savepoint", () => {
  it.each([
    ["suspend", false],
    ["drain", true],
  ] as const)(
    "SVP-05, SVP-06: %s: complete when the savepoint is and all tasks have finished",
    async (_kind, drain) => {
      const harness = await runningJob([{ parallelism: 2 }], { checkpointing: EVERY_SECOND });
      await harness.jobMaster().stopWithSavepoint("a", "dir", drain);
      expect(harness.argsOf("triggerCheckpoint")[0]?.[1]).toMatchObject({
        options: { kind: "stop-with-savepoint", drain },
      });
      if (drain) harness.jobMaster().notifyEndOfData(await harness.attempts());
      await harness.clock.advance(3_000);
      expect(harness.argsOf("triggerCheckpoint")).toHaveLength(1);
      await harness.acknowledge(1);
      expect(await stateOf(harness, "a")).toEqual({ kind: "in-progress" });
      expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1]);
      // A notice may get lost, and no later checkpoint makes up for it.
      await harness.clock.advance(5_000);
      expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([1, 1]);
      await finishTasks(harness);
      expect(handedOver(harness)).toMatchObject({
        status: "FINISHED",
        operations: [{ triggerId: "a", status: { kind: "completed", location: expect.stringMatching(NAME) } }],
      });
      expect(await stateOf(harness, "a")).toMatchObject({ kind: "completed" });
      await harness.clock.advance(20_000);
      expect(harness.argsOf("confirmCheckpoint")).toHaveLength(2);
    },
  );

  it("SVP-07: a savepoint that fails lets the job go on with its checkpoints", async () => {
    const harness = await runningJob([{ parallelism: 1 }], { checkpointing: EVERY_SECOND });
    harness.fail("triggerCheckpoint", "CHECKPOINT");
    await harness.jobMaster().stopWithSavepoint("a", "dir", false);
    await harness.clock.settle();
    expect(failureOf(await stateOf(harness, "a"))).toMatch(/^TRIGGER_CHECKPOINT_FAILURE/);
    harness.failing.clear();
    await harness.clock.advance(1_000);
    await harness.acknowledge(2);
    expect(harness.argsOf("confirmCheckpoint").map(([id]) => id)).toEqual([2]);
    expect(await harness.jobMaster().requestJobStatus()).toBe("RUNNING");
  });

  it("SVP-08: a task that ends otherwise fails the job without a restart; the operation names the savepoint", async () => {
    const harness = await runningJob();
    await harness.jobMaster().stopWithSavepoint("a", "dir", false);
    await harness.acknowledge(1);
    const [first = expect.fail("no attempt"), second = expect.fail("no attempt")] = await harness.attempts();
    await harness.report(first, "FINISHED");
    await harness.report(second, "FAILED", new Error("disk"));
    await harness.clock.advance(0);
    expect(handedOver(harness)).toMatchObject({ status: "FAILED", restarts: 0 });
    expect(failureOf(await stateOf(harness, "a"))).toMatch(
      /^the savepoint savepoints\/dir\/savepoint-\S+ is complete, but/,
    );
    expect(handedOver(harness).failure?.stack).toMatch("Start a job from the savepoint");
  });

  /** Stopped, the savepoint complete, one task ended. */
  async function stoppedJob(): Promise<JobMasterHarness> {
    const harness = await runningJob([{ parallelism: 2 }], { checkpointing: EVERY_SECOND });
    await harness.jobMaster().stopWithSavepoint("a", "dir", false);
    await harness.acknowledge(1);
    const [first = expect.fail("no attempt")] = await harness.attempts();
    await harness.report(first, "FINISHED");
    return harness;
  }

  async function expectFinish(harness: JobMasterHarness, subtasks: readonly number[]): Promise<void> {
    expect(harness.deployed.slice(2)).toMatchObject(
      subtasks.map((subtaskIndex) => ({ subtaskIndex, restore: { checkpointId: 1, final: true } })),
    );
    await harness.runTasks();
    const triggered = harness.argsOf("triggerCheckpoint").length;
    await harness.advanceWithHeartbeats(20_000, [0]);
    expect(harness.argsOf("triggerCheckpoint")).toHaveLength(triggered);
    expect(await stateOf(harness, "a")).toEqual({ kind: "in-progress" });
    await finishTasks(harness);
    expect(handedOver(harness)).toMatchObject({
      status: "FINISHED",
      operations: [{ triggerId: "a", status: { kind: "completed", location: expect.stringMatching(NAME) } }],
    });
  }

  it("over SVP-08: a loss of the JobMaster's memory costs nothing: its next life commits the savepoint and ends", async () => {
    const harness = await stoppedJob();
    const left = harness.runningTasks();
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "second", left);
    await expectFinish(harness, [0, 1]);
  });

  it("over SVP-08: so does a loss of a TaskExecutor, which is nothing that a task did", async () => {
    const harness = await stoppedJob();
    await harness.addTaskExecutor(0, "second");
    await harness.clock.advance(1_000);
    await expectFinish(harness, [1]);
  });

  it("SVP-08: a savepoint that is gone by then fails the job", async () => {
    const harness = await stoppedJob();
    for (const key of await keysOf(harness)) await harness.objects.delete([key]);
    await harness.restartJobMaster();
    expect(handedOver(harness)).toMatchObject({ status: "FAILED" });
    expect(failureOf(handedOver(harness).operations?.[0]?.status)).toMatch("is complete, but the job failed");
  });

  it("CP-24: a task that declines fails the job over, which goes on", async () => {
    const harness = await runningJob();
    await harness.jobMaster().stopWithSavepoint("a", "dir", false);
    const [attemptId = expect.fail("no attempt")] = await harness.attempts();
    harness
      .jobMaster()
      .declineCheckpoint(TESTING_JOB_ID, { checkpointId: 1, attemptId, reason: "CHECKPOINT_DECLINED" });
    await harness.clock.settle();
    expect(await harness.jobMaster().requestJobStatus()).toBe("RESTARTING");
    expect(failureOf(await stateOf(harness, "a"))).toMatch(/^CHECKPOINT_DECLINED/);
  });

  it("a job that is about to end with a savepoint takes no other", async () => {
    const harness = await runningJob();
    await harness.jobMaster().stopWithSavepoint("a", "dir", false);
    expect(failureOf(await harness.jobMaster().triggerSavepoint("b", "dir", true))).toMatch("operation a");
    expect(failureOf(await harness.jobMaster().triggerCheckpoint("c"))).toMatch("operation a");
  });
});

describe("start from a savepoint", () => {
  /** A savepoint of the very job, at another place. */
  async function jobFrom(
    claimMode: RecoveryClaimMode,
    change: Partial<CompletedCheckpoint> = {},
    taken: {
      readonly maxParallelism?: number;
      readonly graph?: Partial<JobGraph>;
      readonly sourcePosition?: number;
    } = {},
  ) {
    const settings = { restorePath: "savepoints/old", allowNonRestoredState: false, claimMode };
    const harness = new JobMasterHarness(
      [{ parallelism: 1 }],
      {
        checkpointing: EVERY_SECOND,
        restartStrategy: taken.sourcePosition === undefined ? undefined : { kind: "none" },
      },
      { savepointRestoreSettings: settings, ...taken.graph },
    );
    open.push(harness);
    const savepoint: CompletedCheckpoint = {
      checkpointId: 40,
      savepoint: true,
      triggerTimestampMillis: 0,
      completionTimestampMillis: 0,
      stateSize: 3,
      vertices: harness.jobGraph.vertices.map(({ id, operators, parallelism, maxParallelism }) => ({
        jobVertexId: id,
        operators: operators.map((operator) => ({ ...operator, stateful: true })),
        parallelism,
        maxParallelism: taken.maxParallelism ?? maxParallelism,
        subtasks: [
          {
            finished: false,
            ...(taken.sourcePosition === undefined ? {} : { sourcePosition: taken.sourcePosition }),
            state: { kind: "object", key: "./v-0", size: 3 },
          },
        ],
      })),
      ...change,
    };
    await harness.objects.put("v1/default/savepoints/old/v-0", Uint8Array.of(1, 2, 3));
    await harness.objects.put("v1/default/savepoints/old/_metadata", encodeCheckpointMetadata(savepoint));
    return harness;
  }

  it.each([
    ["NO_CLAIM", ["v1/default/savepoints/old/_metadata", "v1/default/savepoints/old/v-0"]],
    ["LEGACY", ["v1/default/savepoints/old/_metadata", "v1/default/savepoints/old/v-0"]],
    ["CLAIM", []],
  ] as const)(
    "RST-02, RST-03: %s: restored, retained, ids go on; the first checkpoint drops it",
    async (mode, left) => {
      const harness = await jobFrom(mode);
      await harness.run();
      const state = [{ kind: "object", key: "savepoints/old/v-0", size: 3 }];
      expect(harness.deployed.map(({ restore }) => restore)).toEqual([{ checkpointId: 40, state }]);
      expect(await harness.jobMaster().requestCheckpointStats()).toMatchObject({
        latestRestored: { checkpointId: 40, savepoint: true },
      });
      // Usable for failover, also by a later life of the JobMaster.
      await harness.reportAll("FAILED");
      await harness.clock.advance(1_000);
      expect(harness.deployed.at(-1)?.restore).toEqual({ checkpointId: 40, state });
      await harness.restartJobMaster();
      await harness.addTaskExecutor(0, "second");
      expect(harness.deployed.at(-1)?.restore).toEqual({ checkpointId: 40, state });
      await harness.runTasks();
      await harness.clock.advance(1_000);
      const id = (await harness.jobMaster().requestCheckpointStats())?.history[0]?.checkpointId ?? 0;
      expect(id).toBeGreaterThan(40);
      await harness.acknowledge(id);
      expect((await keysOf(harness)).filter((key) => key.includes("savepoints/"))).toEqual(left);
    },
  );

  it("makes progress with the first record of its own, although its sources count anew", async () => {
    const harness = await jobFrom("NO_CLAIM", {}, { sourcePosition: 1_000 });
    await harness.run();
    const cause = serializeThrowable(new Error("object reset"), { infrastructure: true });
    for (let round = 1; round <= 11; round += 1) {
      await harness.clock.advance(1_000);
      await harness.acknowledge(40 + round, round);
      await harness.jobMaster().disconnectTaskManager(harness.resourceId(0), cause);
      if (round === 11) break;
      await harness.addTaskExecutor(0, `instance ${round}`);
      await harness.clock.advance(1_000);
      await harness.runTasks();
    }
    expect(await harness.jobMaster().requestJobStatus()).toBe("RESTARTING");
  });

  it("takes no records before the savepoint is read, and says to send them again: it may hold them", async () => {
    const harness = await jobFrom("NO_CLAIM");
    const reading = vi.spyOn(harness.objects, "get").mockReturnValue(Promise.withResolvers<undefined>().promise);
    await harness.startJob();
    expect(reading).toHaveBeenCalledOnce();
    const push = { bytes: new TextEncoder().encode("1"), records: 1, producer: { id: "gateway", sequence: 1 } };
    await expect(harness.jobMaster().pushRecords("v0", push)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("is still reading what it starts from"),
      retryable: true,
    });
    reading.mockRestore();
    // The savepoint was not read in this life; in the next one it is.
    await harness.restartJobMaster();
    await expect(harness.jobMaster().pushRecords("v0", push)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("RST-05: a job whose max parallelism nobody has set starts with the one of the savepoint, and keeps it", async () => {
    const harness = await jobFrom("NO_CLAIM", {}, { maxParallelism: 64, graph: { derivedMaxParallelism: true } });
    await harness.startJob();
    // The savepoint is read.
    await harness.clock.advance(1);
    await harness.addTaskExecutor(0);
    expect(harness.deployed).toMatchObject([{ maxParallelism: 64, restore: { checkpointId: 40 } }]);
    expect((await harness.info()).vertices.map(({ maxParallelism }) => maxParallelism)).toEqual([64]);
    await harness.runTasks();
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "second");
    expect(harness.deployed.at(-1)).toMatchObject({ maxParallelism: 64, restore: { checkpointId: 40 } });
  });

  it("RST-05: one that was set is not changed", async () => {
    const harness = await jobFrom("NO_CLAIM", {}, { maxParallelism: 64 });
    await harness.startJob();
    expect(handedOver(harness).failure?.stack).toMatch("maxParallelism of v0: expected 64, got 128");
  });

  it("RST-01: a checkpoint of the job's own wins", async () => {
    const harness = await jobFrom("NO_CLAIM");
    await harness.run();
    await harness.clock.advance(1_000);
    await harness.acknowledge(41);
    await harness.restartJobMaster();
    await harness.addTaskExecutor(0, "second");
    expect(harness.deployed.at(-1)?.restore?.checkpointId).toBe(41);
  });

  it.each([
    ["RST-04: state of an operator that the job has not", undefined, "is not in the job"],
    ["no savepoint there", "gone", "v1/default/savepoints/old/_metadata does not exist"],
  ])("%s fails the job at once, and says why", async (_what, gone, message) => {
    const harness = await jobFrom("NO_CLAIM", { vertices: otherVertices() });
    if (gone !== undefined) await harness.objects.delete(["v1/default/savepoints/old/_metadata"]);
    await harness.startJob();
    expect(handedOver(harness)).toMatchObject({ status: "FAILED", restarts: 0 });
    expect(handedOver(harness).failure?.stack).toMatch(message);
  });
});

function otherVertices(): CompletedCheckpoint["vertices"] {
  const harness = new JobMasterHarness([{ parallelism: 1 }]);
  open.push(harness);
  return harness.jobGraph.vertices.map(({ id, operators, parallelism, maxParallelism }) => ({
    jobVertexId: id,
    operators: operators.map((operator) => ({ ...operator, id: brandId<OperatorID>("other"), stateful: true })),
    parallelism,
    maxParallelism,
    subtasks: [{ finished: false, state: { kind: "inline", bytes: Uint8Array.of(1) } }],
  }));
}
