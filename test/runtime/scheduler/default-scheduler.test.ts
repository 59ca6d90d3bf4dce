import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId, type AllocationID, type ResourceID } from "../../../src/common/ids.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { testingJobGraph, type TestingConfiguration } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "./scheduler-probe.ts";

const CHAIN = [{ parallelism: 2 }, { parallelism: 3 }];
/** Two tasks in one region. */
const PAIR = [{ parallelism: 1 }, { parallelism: 1 }];

describe("scheduling", () => {
  it("SCH-01, SCH-07: the whole job is one batch that needs as many slots as its widest vertex", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.handle({ kind: "create", attemptNumber: 0 });
    expect(probe.graph.status).toBe("CREATED");
    expect(probe.handle({ kind: "start" })).toEqual([{ kind: "request-slots", slotRequestId: 1, slots: 3 }]);
    expect(probe.graph.status).toBe("RUNNING");
    expect(new Set(probe.states)).toEqual(new Set(["SCHEDULED"]));
  });

  it("SCH-03, SCH-04: nothing is deployed before all slots are there, then everything in topological order", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    expect(probe.effects.filter(({ kind }) => kind === "deploy-tasks")).toEqual([]);
    expect(probe.fulfilSlots()).toEqual([{ kind: "deploy-tasks", attemptIds: probe.attempts }]);
    expect(new Set(probe.states)).toEqual(new Set(["DEPLOYING"]));
    expect([...probe.graph.executions()].map(({ slot }) => slot?.allocationId)).toEqual([
      "slot-0",
      "slot-1",
      "slot-0",
      "slot-1",
      "slot-2",
    ]);
  });

  it("SCH-06: slots of an outdated request are ignored", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    probe.handle({ kind: "slots-fulfilled", slotRequestId: 7, slots: probe.slots(3) });
    expect(new Set(probe.states)).toEqual(new Set(["SCHEDULED"]));
    probe.handle({ kind: "cancel" });
    probe.handle({ kind: "slots-fulfilled", slotRequestId: 1, slots: probe.slots(3) });
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("SCH-13: a slot request that cannot be fulfilled fails over like any failure", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    const failure = serializeThrowable(new Error("no slots"));
    const effects = probe.handle({ kind: "slot-request-failed", slotRequestId: 1, failure });
    expect(effects).toEqual([{ kind: "schedule-restart", restartId: 1, delayMillis: 1_000 }]);
    expect(probe.graph.status).toBe("RESTARTING");
    expect(probe.states).toEqual(["FAILED", "CANCELED", "CANCELED", "CANCELED", "CANCELED"]);
  });

  it("SCH-05: an attempt is scheduled from CREATED only", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    const again = {
      kind: "executions-changed",
      attemptIds: [probe.attempt(0)],
      state: "SCHEDULED",
      nowMillis: 9,
    } as const;
    expect(() => probe.graph.apply(again)).toThrow("SCHEDULED cannot become SCHEDULED");
  });

  it("SCH-17: without slots and without a restart the job FAILS", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN, { restartStrategy: { kind: "none" } }));
    probe.start();
    const failure = serializeThrowable(new SluiceException("NO_RESOURCE_AVAILABLE", "no slots"));
    probe.handle({ kind: "slot-request-failed", slotRequestId: 1, failure });
    expect(probe.graph.status).toBe("FAILED");
    expect(probe.graph.failure?.stack).toContain("NoResourceAvailableException: no slots");
  });

  it("finishes when every task has finished", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    for (const index of [0, 1, 2, 3]) probe.update(index, "FINISHED");
    expect(probe.graph.status).toBe("RUNNING");
    probe.update(4, "FINISHED");
    expect(probe.graph.status).toBe("FINISHED");
    expect(probe.effects.filter(({ kind }) => kind === "job-terminated")).toHaveLength(1);
  });
});

describe("task reports out of order (contract 1.1)", () => {
  it("repeats of what an attempt has passed change nothing", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    const events = probe.events.length;
    probe.update(0, "INITIALIZING");
    probe.update(0, "RUNNING");
    expect(probe.events).toHaveLength(events);
  });

  it("RUNNING of an attempt that has not initialized fails it and cancels it", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    probe.fulfilSlots();
    probe.update(0, "RUNNING");
    expect(probe.states[0]).toBe("FAILED");
    expect(probe.graph.status).toBe("RESTARTING");
    expect(probe.effects).toContainEqual({ kind: "cancel-tasks", attemptIds: [probe.attempt(0)] });
  });

  it("a fast task may finish without having reported more", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]));
    probe.start();
    probe.fulfilSlots();
    probe.update(0, "FINISHED");
    expect(probe.graph.status).toBe("FINISHED");
  });

  it("progress of an attempt that is being cancelled cancels it again", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]));
    probe.start();
    probe.fulfilSlots();
    probe.handle({ kind: "cancel" });
    probe.effects = [];
    probe.update(0, "INITIALIZING");
    expect(probe.effects).toEqual([{ kind: "cancel-tasks", attemptIds: [probe.attempt(0)] }]);
  });

  it("CANCELED that nobody asked for is a failure", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    probe.update(0, "CANCELED");
    expect(probe.graph.status).toBe("RESTARTING");
  });
});

describe("cancel", () => {
  it("CAN-07: attempts without a task are CANCELED at once", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.start();
    expect(probe.handle({ kind: "cancel" })).toEqual([{ kind: "job-terminated" }]);
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("CAN-01, CAN-10: deployed ones end by a call, whatever they report then", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 3 }]));
    probe.run();
    expect(probe.handle({ kind: "cancel" })).toEqual([{ kind: "cancel-tasks", attemptIds: probe.attempts }]);
    expect(probe.graph.status).toBe("CANCELLING");
    probe.update(0, "FINISHED");
    probe.update(1, "FAILED", new Error("too late"));
    probe.handle({ kind: "cancel" });
    expect(probe.graph.status).toBe("CANCELLING");
    probe.update(2, "CANCELED");
    expect(probe.states).toEqual(["CANCELED", "CANCELED", "CANCELED"]);
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("CAN-08: while restarting it waits for the tasks that still run, and the restart comes to nothing", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    probe.update(0, "FAILED", new Error("boom"));
    probe.handle({ kind: "cancel" });
    probe.elapseRestartDelay();
    expect(probe.graph.status).toBe("CANCELLING");
    for (const index of [1, 2, 3, 4]) probe.update(index, "CANCELED");
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("CAN-09: an attempt that no cancel call reaches counts as canceled", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]));
    probe.run();
    probe.handle({ kind: "cancel" });
    probe.handle({ kind: "cancel-failed", attemptId: probe.attempt(0) });
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("of a failing job ends it CANCELED (contract 1.2)", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN, { restartStrategy: { kind: "none" } }));
    probe.run();
    probe.update(0, "FAILED", new Error("boom"));
    expect(probe.graph.status).toBe("FAILING");
    probe.handle({ kind: "cancel" });
    for (const index of [1, 2, 3, 4]) probe.update(index, "CANCELED");
    expect(probe.graph.status).toBe("CANCELED");
  });
});

describe("failover of the whole job", () => {
  it("FO-06: cause, strategy, RESTARTING, cancel of the rest, restart after the delay", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    probe.effects = [];
    probe.events.length = 0;
    probe.update(0, "FAILED", new TypeError("boom"));
    expect(probe.effects).toEqual([
      { kind: "cancel-tasks", attemptIds: probe.attempts.slice(1) },
      { kind: "schedule-restart", restartId: 1, delayMillis: 1_000 },
    ]);
    expect(probe.events.map(({ kind }) => kind)).toEqual([
      "executions-changed",
      "failure-recorded",
      "restart-decided",
      "job-status-changed",
      "restart-scheduled",
      "executions-changed",
    ]);
    expect(probe.graph.exceptionHistory).toMatchObject([
      { failure: { name: "TypeError", message: "boom" }, taskName: "v0 (1/2)", location: "te-0" },
    ]);
  });

  it("FO-07: starts again when both the delay and the last cancel are over, whichever is later", () => {
    const delayFirst = new SchedulerProbe(testingJobGraph(PAIR));
    delayFirst.run();
    delayFirst.update(0, "FAILED", new Error("boom"));
    delayFirst.elapseRestartDelay();
    expect(delayFirst.graph.status).toBe("RESTARTING");
    delayFirst.update(1, "CANCELED");
    expect(delayFirst.graph.status).toBe("RUNNING");

    const cancelFirst = new SchedulerProbe(testingJobGraph(PAIR));
    cancelFirst.run();
    cancelFirst.update(0, "FAILED", new Error("boom"));
    cancelFirst.update(1, "CANCELED");
    expect(cancelFirst.graph.status).toBe("RESTARTING");
    cancelFirst.elapseRestartDelay();
    expect(cancelFirst.graph.status).toBe("RUNNING");
  });

  it("FO-10: every subtask gets a new attempt with the next number, finished ones too, and state is restored first", () => {
    const probe = new SchedulerProbe(testingJobGraph(PAIR));
    probe.run();
    const before = probe.attempts;
    probe.update(0, "FINISHED");
    probe.update(1, "FAILED", new Error("boom"));
    probe.effects = [];
    probe.elapseRestartDelay();
    expect(probe.effects.map(({ kind }) => kind)).toEqual(["restore-state", "request-slots"]);
    expect(probe.states).toEqual(["SCHEDULED", "SCHEDULED"]);
    expect([...probe.graph.executions()].map(({ attemptNumber }) => attemptNumber)).toEqual([1, 1]);
    expect(probe.attempts.some((attemptId) => before.includes(attemptId))).toBe(false);
  });

  it("FO-05: a task that reports FAILED while it is cancelled is CANCELED, noted, and no second failover", () => {
    const probe = new SchedulerProbe(testingJobGraph(PAIR));
    probe.run();
    probe.update(0, "FAILED", new Error("first"));
    probe.update(1, "FAILED", new Error("second"));
    expect(probe.states).toEqual(["FAILED", "CANCELED"]);
    expect(probe.graph.restarts.total).toBe(1);
    expect(probe.graph.exceptionHistory).toMatchObject([
      { failure: { message: "first" }, concurrent: [{ failure: { message: "second" } }] },
    ]);
  });

  it("FO-13, FO-15: after three restarts the fourth failure ends the job, wrapped with who refused", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]));
    probe.run();
    for (let restart = 1; restart <= 3; restart += 1) {
      probe.update(0, "FAILED", new Error(`failure ${restart}`));
      expect(probe.graph.status).toBe("RESTARTING");
      probe.elapseRestartDelay();
      probe.runAgain();
    }
    probe.update(0, "FAILED", new Error("failure 4"));
    expect(probe.graph.status).toBe("FAILED");
    expect(probe.graph.restarts).toMatchObject({ total: 3, charged: 3 });
    expect(probe.graph.failure?.message).toContain("fixed-delay");
    expect(probe.graph.failure?.stack).toContain("Caused by: Error: failure 4");
    expect(probe.graph.exceptionHistory.map(({ failure }) => failure.message)).toEqual([
      "failure 1",
      "failure 2",
      "failure 3",
      "failure 4",
    ]);
    expect(probe.graph.statusTimestamps.FAILED).toBe(probe.now);
  });

  it("FO-12: a failure that is not recoverable asks no strategy", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]));
    probe.run();
    probe.update(0, "FAILED", new Error("graph differs"), { nonRecoverable: true });
    expect(probe.graph.status).toBe("FAILED");
    expect(probe.graph.restarts.total).toBe(0);
  });

  it("FO-04: a global failure restarts all tasks and has no task name", () => {
    const probe = new SchedulerProbe(testingJobGraph(CHAIN));
    probe.run();
    probe.handle({ kind: "global-failure", failure: serializeThrowable(new Error("checkpoints")) });
    expect(probe.graph.status).toBe("RESTARTING");
    expect(probe.graph.exceptionHistory[0]).not.toHaveProperty("taskName");
    expect(new Set(probe.states)).toEqual(new Set(["CANCELING"]));
  });

  it("HB-02: lost slots fail what ran in them, end what was being cancelled there, and cancel the rest", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 4 }, { parallelism: 1 }]));
    probe.run();
    const failure = serializeThrowable(new Error("te-0 is gone"), { infrastructure: true });
    const lost = {
      kind: "slots-lost",
      allocationIds: new Set([brandId<AllocationID>("slot-0"), brandId<AllocationID>("slot-1")]),
      failure,
    } as const;
    probe.handle(lost);
    expect(probe.states).toEqual(["FAILED", "FAILED", "CANCELING", "CANCELING", "FAILED"]);
    expect(probe.graph.restarts).toMatchObject({ total: 1, charged: 0, freeWithoutProgress: 1 });
    probe.handle({
      kind: "slots-lost",
      allocationIds: new Set([brandId<AllocationID>("slot-2")]),
      failure: serializeThrowable(new Error("te-1 too"), { infrastructure: true }),
    });
    expect(probe.states).toEqual(["FAILED", "FAILED", "CANCELED", "CANCELING", "FAILED"]);
    expect(probe.graph.restarts.total).toBe(1);
  });

  it("DEP-03: a deployment that failed is cancelled too, for it may have arrived", () => {
    const probe = new SchedulerProbe(testingJobGraph(PAIR));
    probe.start();
    probe.fulfilSlots();
    probe.effects = [];
    const failure = serializeThrowable(new Error("timeout"));
    probe.handle({ kind: "attempt-failed", attemptId: probe.attempt(1), failure });
    expect(probe.effects.slice(0, 2)).toEqual([
      { kind: "cancel-tasks", attemptIds: [probe.attempt(1)] },
      { kind: "cancel-tasks", attemptIds: [probe.attempt(0)] },
    ]);
  });
});

describe("failover of pipelined regions", () => {
  /** Three regions of two tasks: 0 and 3, 1 and 4, 2 and 5. */
  const lanes = (changes?: TestingConfiguration) =>
    new SchedulerProbe(testingJobGraph([{ parallelism: 3 }, { parallelism: 3, ship: "FORWARD" }], changes));
  const EXPONENTIAL = {
    kind: "exponential-delay",
    initialBackoffMillis: 1_000,
    maxBackoffMillis: 60_000,
    backoffMultiplier: 2,
    jitterFactor: 0,
    resetBackoffThresholdMillis: 3_600_000,
    attemptsBeforeResetBackoff: 9,
  } as const;

  it("FO-01: restarts the region that failed and nothing else", () => {
    const probe = lanes();
    probe.run();
    const before = probe.attempts;
    probe.effects = [];
    probe.update(1, "FAILED", new Error("boom"));
    expect(probe.graph.status).toBe("RESTARTING");
    expect(probe.states).toEqual(["RUNNING", "FAILED", "RUNNING", "RUNNING", "CANCELING", "RUNNING"]);
    expect(probe.effects).toEqual([
      { kind: "cancel-tasks", attemptIds: [before[4]] },
      { kind: "schedule-restart", restartId: 1, delayMillis: 1_000 },
    ]);
    probe.update(4, "CANCELED");
    probe.effects = [];
    probe.elapseRestartDelay();
    expect(probe.graph.status).toBe("RUNNING");
    expect(probe.effects).toEqual([{ kind: "restore-state" }, { kind: "request-slots", slotRequestId: 2, slots: 1 }]);
    expect(probe.fulfilSlots()).toEqual([{ kind: "deploy-tasks", attemptIds: [probe.attempt(1), probe.attempt(4)] }]);
    expect([0, 2, 3, 5].map((index) => probe.attempt(index))).toEqual([0, 2, 3, 5].map((index) => before[index]));
    expect([...probe.graph.executions()].map(({ attemptNumber }) => attemptNumber)).toEqual([0, 1, 0, 0, 1, 0]);
    expect([...probe.graph.executions()][4]?.slot?.allocationId).toBe("slot-1");
  });

  it("FO-09: the job is RESTARTING until no region waits for its restart", () => {
    const probe = lanes();
    probe.run();
    probe.update(0, "FAILED", new Error("first"));
    probe.update(1, "FAILED", new Error("second"));
    for (const index of [3, 4]) probe.update(index, "CANCELED");
    probe.elapseRestartDelay(1);
    expect(probe.graph.status).toBe("RESTARTING");
    expect(probe.states).toEqual(["FAILED", "SCHEDULED", "RUNNING", "CANCELED", "SCHEDULED", "RUNNING"]);
    probe.elapseRestartDelay(0);
    expect(probe.graph.status).toBe("RUNNING");
    expect(probe.graph.restarts).toMatchObject({ total: 2, charged: 2 });
    expect(probe.graph.exceptionHistory.map(({ failure }) => failure.message)).toEqual(["first", "second"]);
  });

  it("FO-08: a global failure takes over the regions that wait; the older restart comes to nothing", () => {
    const probe = lanes();
    probe.run();
    probe.update(0, "FAILED", new Error("first"));
    probe.update(3, "CANCELED");
    probe.handle({ kind: "global-failure", failure: serializeThrowable(new Error("all of it")) });
    expect(probe.states).toEqual(["FAILED", "CANCELING", "CANCELING", "CANCELED", "CANCELING", "CANCELING"]);
    probe.handle({ kind: "restart-delay-elapsed", restartId: 1 });
    expect(probe.states[0]).toBe("FAILED");
    for (const index of [1, 2, 4, 5]) probe.update(index, "CANCELED");
    probe.handle({ kind: "restart-delay-elapsed", restartId: 2 });
    expect(new Set(probe.states)).toEqual(new Set(["SCHEDULED"]));
    expect(probe.scheduler.state.slotRequests.size).toBe(1);
  });

  it("FO-10: tasks of the region that had FINISHED start again, those of others stay FINISHED", () => {
    const probe = lanes();
    probe.run();
    probe.update(0, "FINISHED");
    probe.update(1, "FINISHED");
    probe.update(4, "FAILED", new Error("boom"));
    probe.elapseRestartDelay();
    expect(probe.states).toEqual(["FINISHED", "SCHEDULED", "RUNNING", "RUNNING", "SCHEDULED", "RUNNING"]);
    expect(probe.graph.counts.FINISHED).toBe(1);
  });

  it("FO-13: a refusal ends all regions", () => {
    const probe = lanes({ restartStrategy: { kind: "none" } });
    probe.run();
    probe.update(0, "FAILED", new Error("boom"));
    expect(probe.graph.status).toBe("FAILING");
    expect(probe.states).toEqual(["FAILED", "CANCELING", "CANCELING", "CANCELING", "CANCELING", "CANCELING"]);
  });

  it("FO-17, OBS-01: a failure while a restart is due is merged: no count, no entry of its own, the same due time", () => {
    const probe = lanes({ restartStrategy: EXPONENTIAL });
    probe.run();
    probe.update(0, "FAILED", new Error("first"));
    probe.effects = [];
    probe.update(1, "FAILED", new Error("second"));
    expect(probe.effects).toContainEqual({ kind: "schedule-restart", restartId: 2, delayMillis: 999 });
    expect(probe.graph.restarts).toMatchObject({ total: 1, charged: 1, backoff: { attempts: 1 } });
    expect(probe.graph.exceptionHistory).toMatchObject([
      { failure: { message: "first" }, concurrent: [{ failure: { message: "second" }, taskName: "v0 (2/3)" }] },
    ]);
    probe.now += 1_000;
    probe.update(2, "FAILED", new Error("third"));
    expect(probe.graph.restarts).toMatchObject({ total: 2, backoff: { attempts: 2 } });
    expect(probe.graph.exceptionHistory).toHaveLength(2);
  });

  it("SCH-10, SCH-13: a slot request in vain fails all its regions", () => {
    const probe = lanes();
    probe.start();
    probe.handle({ kind: "slot-request-failed", slotRequestId: 1, failure: serializeThrowable(new Error("no slots")) });
    expect(probe.states).toEqual(["FAILED", "FAILED", "FAILED", "CANCELED", "CANCELED", "CANCELED"]);
    expect(probe.graph.restarts.total).toBe(1);
    probe.elapseRestartDelay();
    expect(new Set(probe.states)).toEqual(new Set(["SCHEDULED"]));
  });

  it("CAN-08: cancel while one region restarts ends the others too", () => {
    const probe = lanes();
    probe.run();
    probe.update(0, "FAILED", new Error("boom"));
    probe.handle({ kind: "cancel" });
    probe.elapseRestartDelay();
    for (const index of [1, 2, 3, 4, 5]) probe.update(index, "CANCELED");
    expect(probe.graph.status).toBe("CANCELED");
  });

  it("OBS-02: a failure says whose doing it was", () => {
    const probe = lanes();
    probe.run();
    probe.update(0, "FAILED", new TypeError("the user's"));
    probe.update(1, "FAILED", new Error("the platform's"), { infrastructure: true });
    expect(probe.graph.exceptionHistory.map(({ labels }) => labels)).toEqual([{ TYPE: "USER" }, { TYPE: "SYSTEM" }]);
  });
});

describe("recovery of the JobMaster", () => {
  const recovery = serializeThrowable(new Error("memory lost"), { infrastructure: true });

  it("counts as a free restart once tasks are deployed again, and goes on with attempt numbers and budget", () => {
    const restarts = { total: 2, charged: 2, freeWithoutProgress: 0, lastMillis: 900 };
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]), { restarts, exceptions: [] });
    probe.handle({ kind: "create", attemptNumber: 5, recovery });
    expect(probe.graph.status).toBe("CREATED");
    expect(probe.graph.restarts).toMatchObject({ total: 2, charged: 2, freeWithoutProgress: 1 });
    expect(probe.graph.exceptionHistory).toEqual([]);
    probe.handle({ kind: "recovery-restart", failure: recovery });
    expect(probe.graph.restarts).toMatchObject({ total: 3, charged: 2, freeWithoutProgress: 1 });
    expect(probe.graph.exceptionHistory).toMatchObject([{ failure: { message: "memory lost" } }]);
    expect([...probe.graph.executions()][0]?.attemptNumber).toBe(5);
  });

  it("without any progress in between is charged in the end, and then fails the job", () => {
    const restarts = { total: 13, charged: 3, freeWithoutProgress: 10, lastMillis: 900 };
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]), { restarts, exceptions: [] });
    probe.handle({ kind: "create", attemptNumber: 5, recovery });
    expect(probe.graph.status).toBe("FAILED");
  });

  it("over HA-06: tasks that are found running go on in place of the new attempts; nothing is deployed or counted", () => {
    const probe = new SchedulerProbe(testingJobGraph(PAIR));
    probe.handle({ kind: "create", attemptNumber: 4, recovery });
    probe.handle({ kind: "start" });
    const slot = { allocationId: brandId<AllocationID>("slot-0"), location: brandId<ResourceID>("te-0") };
    const attempts = [0, 1].map((place) => ({
      attemptId: attemptIdOf(brandId<AttemptBatch>("e".repeat(24)), place),
      attemptNumber: 3,
      slot,
      endOfData: false,
    }));
    expect(probe.handle({ kind: "tasks-adopted", slotRequestId: 1, attempts })).toEqual([]);
    expect(probe.attempts).toEqual(attempts.map(({ attemptId }) => attemptId));
    expect(probe.states).toEqual(["RUNNING", "RUNNING"]);
    expect(probe.graph.restarts.total).toBe(0);
    expect(probe.fulfilSlots()).toEqual([]);
    probe.update(0, "FAILED", new Error("later"));
    probe.update(1, "CANCELED");
    probe.elapseRestartDelay();
    expect([...probe.graph.executions()].map(({ attemptNumber }) => attemptNumber)).toEqual([4, 4]);
  });

  it("ends a job whose end had been decided", () => {
    const probe = new SchedulerProbe(testingJobGraph(PAIR));
    probe.handle({ kind: "create", attemptNumber: 1 });
    const failure = serializeThrowable(new Error("decided before"));
    expect(probe.handle({ kind: "fail", failure })).toEqual([{ kind: "job-terminated" }]);
    expect(probe.graph.status).toBe("FAILED");
    expect(probe.graph.failure).toEqual(failure);
  });
});
