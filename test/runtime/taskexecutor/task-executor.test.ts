import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { Later } from "../../../src/rpc/later.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { TASK_HOST_TIMEOUT } from "../../../src/runtime/taskexecutor/task-host-watchdog.ts";
import type { SlotOffer } from "../../../src/runtime/messages/slots.ts";
import {
  ADDRESS,
  allocation,
  attempt,
  CAUSE,
  JOB_ID,
  jobMasterId,
  RESOURCE_ID,
  resourceManagerId,
  TaskExecutorWorld,
} from "./task-executor-harness.ts";

const SECOND = 1_000;
const code = (name: string): unknown => expect.objectContaining({ code: name });
const OTHER_JOB = brandId<JobID>("f".repeat(32));

describe("a TaskExecutor's slots", () => {
  it("SCH-28 are given by its own ResourceManager only, and acknowledged whatever the JobMaster says", async () => {
    using world = new TaskExecutorWorld({}, { jobMaster: { offerSlots: () => [] } });
    await expect(world.request(0)).rejects.toEqual(code("TASK_MANAGER"));
    await world.started();
    await expect(world.request(0, { resourceManagerId: resourceManagerId(2) })).rejects.toEqual(code("TASK_MANAGER"));
    await expect(world.request(0, { jobId: OTHER_JOB })).rejects.toEqual(code("TASK_MANAGER"));
    expect(await world.request(0)).toBe("acknowledge");
  });

  it("SCH-28 are offered to the JobMaster once it has accepted the registration, and ACTIVE once it took them", async () => {
    using world = new TaskExecutorWorld();
    await world.started();
    await world.request(0);
    expect(
      world.calls.map(({ method }) => method).filter((method) => /registerTaskManager|offerSlots/.test(method)),
    ).toEqual(["registerTaskManager", "offerSlots"]);
    expect(await world.slotStates()).toEqual(["ACTIVE", "FREE"]);
  });

  it("SCH-29 may be requested again under the same terms, not under others", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    expect(await world.request(0)).toBe("acknowledge");
    await expect(world.request(0, { profile: { cpuCores: 2, memoryMegabytes: 64 } })).rejects.toEqual(
      code("TASK_MANAGER"),
    );
    await expect(world.request(1, { allocationId: allocation(0) })).rejects.toEqual(code("TASK_MANAGER"));
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("SCH-30 are refused if they are taken or do not exist", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await expect(world.request(0, { allocationId: allocation(9) })).rejects.toEqual(code("SLOT_OCCUPIED"));
    await expect(world.request(2)).rejects.toThrow("slotIndex: expected an integer from 0 to 1, got 2");
  });

  it("SCH-20 are freed, and the ResourceManager told, if the JobMaster does not take them", async () => {
    using world = new TaskExecutorWorld({}, { jobMaster: { offerSlots: () => [] } });
    await world.started();
    await world.request(0);
    expect(await world.slotStates()).toEqual(["FREE", "FREE"]);
    expect(world.sent("notifySlotAvailable")).toEqual([[expect.any(String), 0, allocation(0)]]);
  });

  it("SCH-31 are offered again if the answer does not come", async () => {
    using world = new TaskExecutorWorld();
    let lost = 0;
    world.fate = ({ method }) => (method === "offerSlots" && lost++ === 0 ? "lose-request" : "deliver");
    await world.started();
    await world.request(0);
    expect(await world.slotStates()).toEqual(["ALLOCATED", "FREE"]);
    await world.clock.advance(3 * SECOND);
    expect(world.sent("offerSlots")).toHaveLength(2);
    expect(await world.slotStates()).toEqual(["ACTIVE", "FREE"]);
  });

  it("SCH-31 are freed if the offer is answered with an error", async () => {
    const offerSlots = (): never => {
      throw new SluiceException("JOB_MASTER", "unknown TaskManager");
    };
    using world = new TaskExecutorWorld({}, { jobMaster: { offerSlots } });
    await world.started();
    await world.request(0);
    expect(world.sent("notifySlotAvailable")).toHaveLength(1);
    expect(await world.slotStates()).toEqual(["FREE", "FREE"]);
  });

  it("SCH-32 are not touched by the answer to an offer that a newer one has replaced", async () => {
    using world = new TaskExecutorWorld();
    let offers = 0;
    world.fate = ({ method }) => (method === "offerSlots" && offers++ === 0 ? "lose-reply" : "deliver");
    await world.started();
    await world.request(0);
    expect(await world.slotStates()).toEqual(["ALLOCATED", "FREE"]);
    await world.request(1);
    expect(world.sent("offerSlots").at(-1)?.[1]).toHaveLength(2);
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
    await world.clock.advance(20 * SECOND);
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("SCH-32 are not freed by the late refusal of an offer that a newer one has replaced", async () => {
    const first = Promise.withResolvers<readonly SlotOffer[]>();
    let offers = 0;
    const offerSlots = (
      _: unknown,
      offered: readonly SlotOffer[],
    ): readonly SlotOffer[] | Later<readonly SlotOffer[]> => (offers++ === 0 ? new Later(first.promise) : offered);
    using world = new TaskExecutorWorld({}, { jobMaster: { offerSlots } });
    await world.started();
    await world.request(0);
    await world.request(1);
    first.resolve([]);
    await world.clock.advance(SECOND);
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("SCH-34 are freed if the JobMaster does not take them in time", async () => {
    using world = new TaskExecutorWorld();
    world.fate = ({ method }) => (method === "registerTaskManager" ? "lose-request" : "deliver");
    await world.started();
    await world.request(0);
    await world.clock.advance(9_999);
    expect(await world.slotStates()).toEqual(["ALLOCATED", "FREE"]);
    await world.clock.advance(1);
    expect(await world.slotStates()).toEqual(["FREE", "FREE"]);
    expect(world.sent("notifySlotAvailable")).toHaveLength(1);
  });

  it("SCH-35, SCH-36 are freed only when their tasks have ended; with the last one the JobMaster's connection goes", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    await world.settled(world.taskExecutor.freeSlot(allocation(1), CAUSE));
    expect(await world.slotStates()).toEqual(["ACTIVE", "FREE"]);
    const freed = world.taskExecutor.freeSlot(allocation(0), CAUSE);
    expect(await world.slotStates()).toEqual(["RELEASING", "FREE"]);
    await world.settled(freed);
    await world.clock.advance(SECOND);
    expect(await world.slotStates()).toEqual(["FREE", "FREE"]);
    expect(world.hosts.load.size).toBe(0);
    await expect(world.submit(2)).rejects.toThrow("no JobMaster is connected");
    expect(world.states()).not.toContain("1:CANCELED");
  });

  it("HB-03, SCH-38 follow the JobMaster's list: what it claims and is not here fails, what it does not claim is freed", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    world.taskExecutor.heartbeatFromJobManager(jobMasterId(1), { allocations: [allocation(0), allocation(7)] });
    await world.clock.settle();
    expect(world.sent("failSlot")).toEqual([
      [RESOURCE_ID, allocation(7), expect.objectContaining({ code: "TASK_MANAGER" })],
    ]);
    expect(await world.slotStates()).toEqual(["ACTIVE", "FREE"]);
  });
});

describe("a TaskExecutor's tasks", () => {
  it("DEP-01 are refused without a connected JobMaster, from another one, without the slot, of another job, or twice", async () => {
    using world = new TaskExecutorWorld();
    await expect(world.submit(1)).rejects.toEqual(code("TASK_SUBMISSION"));
    await world.started();
    await world.request(0);
    await expect(world.submit(1, {}, 2)).rejects.toEqual(code("TASK_SUBMISSION"));
    await expect(world.submit(1, { allocationId: allocation(1) })).rejects.toEqual(code("TASK_SUBMISSION"));
    await expect(world.submit(1, { jobId: OTHER_JOB })).rejects.toEqual(code("TASK_SUBMISSION"));
    expect(await world.submit(1)).toBe("acknowledge");
    await expect(world.submit(1)).rejects.toEqual(code("TASK_SUBMISSION"));
  });

  it("DEP-01 are refused while the JobMaster has not accepted the registration, as something that may help to repeat", async () => {
    using world = new TaskExecutorWorld();
    world.fate = ({ method }) => (method === "registerTaskManager" ? "lose-request" : "deliver");
    await world.started();
    await world.request(0);
    await expect(world.submit(1)).rejects.toEqual(
      expect.objectContaining({ code: "TASK_SUBMISSION", retryable: true }),
    );
  });

  it("DEP-01 in one call: each is taken or refused for itself", async () => {
    using world = new TaskExecutorWorld();
    const refusedOf = async (...batch: Parameters<typeof world.submitBatch>): Promise<readonly unknown[]> =>
      (await world.submitBatch(...batch)).map(({ attemptId, error }) => [attemptId, error.code, error.retryable]);
    expect(await refusedOf([[1, 0]])).toEqual([[attempt(1), "TASK_SUBMISSION", true]]);
    await world.started();
    await world.request(0);
    const tasks = [
      [1, 0],
      [2, 1],
      [3, 0],
    ] as const;
    expect(await refusedOf(tasks, 2)).toHaveLength(3);
    expect(await refusedOf(tasks)).toEqual([[attempt(2), "TASK_SUBMISSION", true]]);
    expect(await refusedOf([[3, 0]])).toEqual([[attempt(3), "TASK_SUBMISSION", false]]);
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(2);
  });

  it("find their host loading, if the ResourceManager has said what it will run", async () => {
    using world = new TaskExecutorWorld();
    await world.started({ module: testingJobGraph().module });
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(0);
    world.taskExecutor.releaseTaskExecutor(resourceManagerId(1)).catch(() => undefined);
    await world.clock.settle();
    expect(world.hosts.load.size).toBe(0);
  });

  it("DEP-02 make their slot ACTIVE themselves", async () => {
    using world = new TaskExecutorWorld();
    world.fate = ({ method }) => (method === "offerSlots" ? "lose-reply" : "deliver");
    await world.started();
    await world.request(0);
    expect(await world.slotStates()).toEqual(["ALLOCATED", "FREE"]);
    await world.submit(1);
    expect(await world.slotStates()).toEqual(["ACTIVE", "FREE"]);
  });

  it("report their states in order, until acknowledged", async () => {
    using world = new TaskExecutorWorld();
    let lost = 0;
    world.fate = ({ method }) => (method === "updateTaskExecutionState" && lost++ < 2 ? "lose-request" : "deliver");
    await world.active();
    await world.submit(1);
    await world.clock.advance(40 * SECOND);
    expect(world.states()).toEqual(Array.from({ length: 3 }, () => ["1:INITIALIZING", "1:RUNNING"]).flat());
  });

  it("DEP-07 end if the JobMaster does not know them", async () => {
    using world = new TaskExecutorWorld(
      {},
      { jobMaster: { updateTaskExecutionState: (states) => states.map(() => false) } },
    );
    await world.active();
    await world.submit(1);
    await world.clock.advance(2 * SECOND);
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(0);
    expect(world.states()).not.toContain("1:CANCELED");
  });

  it("are cancelled, also before the host has taken them; unknown ones are an error (CAN-12)", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    const submitted = world.submit(1);
    const cancelled = world.taskExecutor.cancelTask(attempt(1), jobMasterId(1));
    await submitted;
    await world.settled(cancelled);
    await world.clock.advance(SECOND);
    expect(world.states().at(-1)).toBe("1:CANCELED");
    await expect(world.settled(world.taskExecutor.cancelTask(attempt(9), jobMasterId(1)))).rejects.toEqual(
      code("CANCEL_TASK"),
    );
    await expect(world.settled(world.taskExecutor.cancelTask(attempt(1), jobMasterId(2)))).rejects.toEqual(
      code("TASK_MANAGER"),
    );
  });

  it("take part in checkpoints; a trigger for an attempt that is not here is a CHECKPOINT exception", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.submit(2, { allocationId: allocation(1) });
    await world.clock.advance(SECOND);
    const trigger = (number: number): Promise<unknown> =>
      world.settled(
        world.taskExecutor.triggerCheckpoint(
          [attempt(number)],
          { checkpointId: 3, timestampMillis: 0, options: { kind: "checkpoint" } },
          jobMasterId(1),
        ),
      );
    await expect(trigger(9)).rejects.toEqual(code("CHECKPOINT"));
    expect(await trigger(1)).toBe("acknowledge");
    await world.clock.advance(SECOND);
    const acknowledged = world.sent("acknowledgeCheckpoint");
    expect(acknowledged).toEqual([
      [
        JOB_ID,
        3,
        [expect.objectContaining({ attemptId: attempt(1) }), expect.objectContaining({ attemptId: attempt(2) })],
      ],
    ]);
  });

  it("fail with their host, which is opened anew for the next ones", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(100);
    world.hosts.crash(RESOURCE_ID);
    await world.clock.advance(SECOND);
    expect(world.states().at(-1)).toBe("1:FAILED");
    world.hosts.script.hangs = false;
    await world.submit(2);
    await world.clock.advance(SECOND);
    expect(world.states().at(-1)).toBe("2:RUNNING");
  });

  it("fail alone if the host refuses them for their own fault", async () => {
    using world = new TaskExecutorWorld({
      failWhenRunning: ({ subtaskIndex }) => (subtaskIndex === 1 ? new Error("user") : undefined),
    });
    await world.active();
    await world.submit(1);
    await world.submit(2);
    await world.clock.advance(SECOND);
    expect(world.states()).toContain("1:FAILED");
    expect(
      world
        .states()
        .filter((state) => state.startsWith("2:"))
        .at(-1),
    ).toBe("2:RUNNING");
  });
});

describe("a TaskExecutor", () => {
  it("asks for a replacement before it gives up the slots of a host that does not load", async () => {
    using world = new TaskExecutorWorld({ failLoading: () => "no room for another facet" });
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    const order = world.calls
      .map(({ method }) => method)
      .filter((method) => /requestSlot|failSlot|notifySlotAvailable/.test(method));
    expect(order.slice(-6)).toEqual([
      "requestSlot", "requestSlot", "failSlot", "notifySlotAvailable", "failSlot", "notifySlotAvailable",
    ]); // prettier-ignore
    await expect(world.request(0)).rejects.toEqual(code("TASK_MANAGER"));
    expect(world.states()).toEqual([]);
  });

  it("over HB-04: a JobMaster that takes over hears what runs, with the registration, and decides about it", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1, { attemptNumber: 7 });
    await world.submit(2);
    await world.submit(3);
    await world.clock.advance(SECOND);
    await world.settled(world.taskExecutor.cancelTask(attempt(3), jobMasterId(1)));
    world.serveJobMaster({}, 2);
    await world.request(0, { jobMasterId: jobMasterId(2) });
    const [, , tasks] = world.sent("registerTaskManager").at(-1) ?? [];
    const place = { jobVertexId: testingJobGraph().vertices[0]?.id, allocationId: allocation(0), endOfData: false };
    expect(tasks).toEqual([
      { attemptId: attempt(1), attemptNumber: 7, subtaskIndex: 1, ...place },
      { attemptId: attempt(2), attemptNumber: 0, subtaskIndex: 2, ...place },
    ]);
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(2);
    await world.settled(world.taskExecutor.cancelTask(attempt(1), jobMasterId(2)));
    await world.clock.advance(2 * SECOND);
    expect(world.states()).toContain("1:CANCELED");
    expect(world.states()).not.toContain("2:CANCELED");
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(1);
    await expect(world.request(0)).rejects.toThrow("superseded");
    await expect(world.submit(4, {}, 1)).rejects.toEqual(code("TASK_SUBMISSION"));
    expect(await world.submit(4, {}, 2)).toBe("acknowledge");
  });

  it("over HB-04: an end that the old JobMaster did not acknowledge is told to the new one, again until it takes note", async () => {
    const unreachable = () => {
      throw new SluiceException("UNAVAILABLE", "not now");
    };
    using world = new TaskExecutorWorld({}, { jobMaster: { updateTaskExecutionState: unreachable } });
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    await world.settled(world.taskExecutor.cancelTask(attempt(1), jobMasterId(1)));
    await world.clock.advance(SECOND);
    world.serveJobMaster({ updateTaskExecutionState: unreachable }, 2);
    await world.request(0, { jobMasterId: jobMasterId(2) });
    // It was to end, so it is nothing to go on with.
    expect(world.sent("registerTaskManager").at(-1)?.[2]).toEqual([]);
    world.calls.length = 0;
    world.serveJobMaster({}, 2);
    await world.clock.advance(2 * SECOND);
    expect(world.states()).toEqual(["1:CANCELED"]);
  });

  it("HB-04 ends its tasks and registers anew when the JobMaster falls silent", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(49 * SECOND);
    expect(world.sent("registerTaskManager")).toHaveLength(1);
    await world.clock.advance(2 * SECOND);
    expect(world.sent("registerTaskManager")).toHaveLength(2);
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(0);
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("HB-05 keeps its tasks when the ResourceManager falls silent, and registers anew", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    for (let beat = 0; beat < 6; beat += 1) {
      await world.clock.advance(10 * SECOND);
      world.taskExecutor.heartbeatFromJobManager(jobMasterId(1), { allocations: [allocation(0), allocation(1)] });
    }
    expect(world.sent("registerTaskExecutor").length).toBeGreaterThan(1);
    expect(world.hosts.load.get(RESOURCE_ID)).toBe(1);
  });

  it("SCH-36 gives its slots back when the JobMaster signs off, whatever its tasks are at", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    world.taskExecutor.disconnectJobManager(JOB_ID, jobMasterId(1), CAUSE);
    await world.clock.advance(2 * SECOND);
    expect(await world.slotStates()).toEqual(["FREE", "FREE"]);
    expect(world.hosts.load.size).toBe(0);
  });

  it("CP-29 says with every heartbeat which tasks have emitted all their data", async () => {
    using world = new TaskExecutorWorld({ bounded: true });
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    for (const _ of [1, 2]) {
      world.taskExecutor.heartbeatFromJobManager(jobMasterId(1), { allocations: [allocation(0), allocation(1)] });
      await world.clock.advance(0);
      expect(world.sent("heartbeatFromTaskManager").at(-1)?.[1]).toMatchObject({ endOfData: [attempt(1)] });
    }
  });

  it("HB-11 ignores heartbeats of others than its own masters (H8)", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    const answers = world.sent("heartbeatFromTaskManager").length;
    world.taskExecutor.heartbeatFromResourceManager(resourceManagerId(9));
    world.taskExecutor.heartbeatFromJobManager(jobMasterId(9), { allocations: [] });
    await world.clock.settle();
    expect(world.sent("heartbeatFromTaskManager")).toHaveLength(answers);
  });

  it("reports the attempts it held, as the infrastructure's fault, before it registers again after a loss of memory", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    const before = world.calls.length;
    world.hosts.lose(RESOURCE_ID);
    world.service.restart(ADDRESS);
    await world.clock.advance(SECOND);
    const after = world.calls
      .slice(before)
      .filter(({ method }) => /updateTask|registerTaskManager|offerSlots/.test(method));
    expect(after.map(({ method }) => method)).toEqual([
      "updateTaskExecutionState",
      "registerTaskManager",
      "offerSlots",
    ]);
    expect(after[0]?.args).toEqual([
      [
        expect.objectContaining({
          attemptId: attempt(1),
          state: "FAILED",
          failure: expect.objectContaining({ infrastructure: true }),
        }),
      ],
    ]);
    expect(after[2]?.args[1]).toHaveLength(2);
    expect(world.stored(ADDRESS).keys).toEqual(["job-manager", "slot/0", "slot/1", "start"]);
  });

  it("reports a stored end of an attempt rather than its loss", async () => {
    using world = new TaskExecutorWorld();
    world.fate = ({ method }) => (method === "updateTaskExecutionState" ? "lose-request" : "deliver");
    await world.active();
    await world.submit(1);
    await world.clock.advance(100);
    await world.settled(world.taskExecutor.cancelTask(attempt(1), jobMasterId(1)));
    await world.clock.advance(100);
    world.fate = () => "deliver";
    const before = world.states().length;
    world.service.restart(ADDRESS);
    await world.clock.advance(SECOND);
    expect(world.states().slice(before)).toEqual(["1:CANCELED"]);
  });

  it("keeps nothing, no timer and no callback after its release, again and again", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    expect(await world.settled(world.taskExecutor.releaseTaskExecutor(resourceManagerId(1)))).toBe("acknowledge");
    expect(await world.settled(world.taskExecutor.releaseTaskExecutor(resourceManagerId(1)))).toBe("acknowledge");
    await world.clock.advance(2 * SECOND);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
    expect(world.hosts.load.size).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it("is not released by a ResourceManager that was superseded", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await expect(world.settled(world.taskExecutor.releaseTaskExecutor(resourceManagerId(0)))).rejects.toEqual(
      code("TASK_MANAGER"),
    );
    expect(await world.slotStates()).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("gives up a task host that hangs: its tasks fail, the next one gets another host", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(SECOND);
    const hangs = world.hosts.open(RESOURCE_ID);
    world.hosts.script.hangs = true;
    for (let waited = 0; waited < TASK_HOST_TIMEOUT; waited += 10 * SECOND) {
      expect(world.states()).toEqual(["1:INITIALIZING", "1:RUNNING"]);
      world.taskExecutor.heartbeatFromJobManager(jobMasterId(1), { allocations: [allocation(0), allocation(1)] });
      await world.clock.advance(10 * SECOND);
    }
    await world.clock.advance(SECOND);
    expect(world.states()).toEqual(["1:INITIALIZING", "1:RUNNING", "1:FAILED"]);
    expect(world.sent("updateTaskExecutionState").at(-1)).toMatchObject([
      [{ failure: { code: "TIMEOUT", message: "the task host did not answer run within 60000 ms" } }],
    ]);
    world.hosts.script.hangs = false;
    await world.submit(2);
    await world.clock.advance(SECOND);
    expect(world.states().at(-1)).toBe("2:RUNNING");
    expect(world.hosts.open(RESOURCE_ID)).not.toBe(hangs);
  });

  it("ends itself if the ResourceManager does not want it (HB-09)", async () => {
    using world = new TaskExecutorWorld(
      {},
      { resourceManager: { registerTaskExecutor: () => ({ kind: "rejection", reason: "unknown worker" }) } },
    );
    await world.started();
    await world.clock.advance(SECOND);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
    expect(world.clock.pending).toBe(0);
  });
});
