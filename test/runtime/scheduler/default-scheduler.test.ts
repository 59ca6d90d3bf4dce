import { describe, expect, it } from "vitest";
import { brandId, type AllocationID } from "../../../src/common/ids.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "./scheduler-probe.ts";

const CHAIN = [{ parallelism: 2 }, { parallelism: 3 }];

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
    const delayFirst = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
    delayFirst.run();
    delayFirst.update(0, "FAILED", new Error("boom"));
    delayFirst.elapseRestartDelay();
    expect(delayFirst.graph.status).toBe("RESTARTING");
    delayFirst.update(1, "CANCELED");
    expect(delayFirst.graph.status).toBe("RUNNING");

    const cancelFirst = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
    cancelFirst.run();
    cancelFirst.update(0, "FAILED", new Error("boom"));
    cancelFirst.update(1, "CANCELED");
    expect(cancelFirst.graph.status).toBe("RESTARTING");
    cancelFirst.elapseRestartDelay();
    expect(cancelFirst.graph.status).toBe("RUNNING");
  });

  it("FO-10: every subtask gets a new attempt with the next number, finished ones too, and state is restored first", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
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
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
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
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 4 }]));
    probe.run();
    const failure = serializeThrowable(new Error("te-0 is gone"), { infrastructure: true });
    const lost = {
      kind: "slots-lost",
      allocationIds: new Set([brandId<AllocationID>("slot-0"), brandId<AllocationID>("slot-1")]),
      failure,
    } as const;
    probe.handle(lost);
    expect(probe.states).toEqual(["FAILED", "FAILED", "CANCELING", "CANCELING"]);
    expect(probe.graph.restarts).toMatchObject({ total: 1, charged: 0, freeWithoutProgress: 1 });
    probe.handle({
      kind: "slots-lost",
      allocationIds: new Set([brandId<AllocationID>("slot-2")]),
      failure: serializeThrowable(new Error("te-1 too"), { infrastructure: true }),
    });
    expect(probe.states).toEqual(["FAILED", "FAILED", "CANCELED", "CANCELING"]);
    expect(probe.graph.restarts.total).toBe(1);
  });

  it("DEP-03: a deployment that failed is cancelled too, for it may have arrived", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
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

describe("recovery of the JobMaster", () => {
  const recovery = serializeThrowable(new Error("memory lost"), { infrastructure: true });

  it("counts as a restart that is free, and goes on with attempt numbers and budget", () => {
    const restarts = { total: 2, charged: 2, freeWithoutProgress: 0, lastMillis: 900 };
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]), { restarts, exceptions: [] });
    probe.handle({ kind: "create", attemptNumber: 5, recovery });
    expect(probe.graph.status).toBe("CREATED");
    expect(probe.graph.restarts).toMatchObject({ total: 3, charged: 2, freeWithoutProgress: 1 });
    expect([...probe.graph.executions()][0]?.attemptNumber).toBe(5);
  });

  it("without any progress in between is charged in the end, and then fails the job", () => {
    const restarts = { total: 13, charged: 3, freeWithoutProgress: 10, lastMillis: 900 };
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 1 }]), { restarts, exceptions: [] });
    probe.handle({ kind: "create", attemptNumber: 5, recovery });
    expect(probe.graph.status).toBe("FAILED");
  });

  it("ends a job whose end had been decided", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
    probe.handle({ kind: "create", attemptNumber: 1 });
    const failure = serializeThrowable(new Error("decided before"));
    expect(probe.handle({ kind: "fail", failure })).toEqual([{ kind: "job-terminated" }]);
    expect(probe.graph.status).toBe("FAILED");
    expect(probe.graph.failure).toEqual(failure);
  });
});
