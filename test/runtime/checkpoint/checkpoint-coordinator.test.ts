import { describe, expect, it } from "vitest";
import { brandId, type ExecutionAttemptID } from "../../../src/common/ids.ts";
import { CHECKPOINT_ID_BLOCK } from "../../../src/runtime/checkpoint/checkpoint-trigger.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { CoordinatorProbe, idOf, objectOf } from "./coordinator-probe.ts";

const kindsOf = (effects: readonly { readonly kind: string }[]): readonly string[] => effects.map(({ kind }) => kind);
const reasons = (probe: CoordinatorProbe): readonly string[] =>
  probe.events
    .filter((event) => event.kind === "aborted" || event.kind === "trigger-refused")
    .map(({ reason }) => reason);

describe("trigger", () => {
  it.each([
    { random: 0.001, minPauseMillis: 0, first: 1 },
    { random: 0.5, minPauseMillis: 0, first: 500 },
    { random: 0.999_999, minPauseMillis: 0, first: 1_000 },
    { random: 0, minPauseMillis: 300, first: 300 },
  ])("CP-02: the first comes within [min-pause, period]: after $first ms for $random", (example) => {
    const probe = new CoordinatorProbe({
      random: example.random,
      checkpointing: { minPauseMillis: example.minPauseMillis },
    });
    probe.handle({ kind: "activate" });
    expect(probe.coordinator.state.nextWakeMillis).toBe(probe.now + example.first);
  });

  it("CP-02: then a fixed grid, without the times that were missed", () => {
    const probe = new CoordinatorProbe();
    const first = probe.trigger();
    const begin = probe.now;
    probe.complete(first);
    probe.now = begin + 3_500;
    expect(idOf(probe.handle({ kind: "tick" }))).toBe(2);
    expect(probe.coordinator.state.nextTriggerMillis).toBe(begin + 4_000);
  });

  it("CP-03: when the job leaves RUNNING nothing is due any more and all pending ones end", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    probe.acknowledge(id, probe.job.attempt(0), objectOf(id, probe.job.attempt(0)));
    const effects = probe.handle({ kind: "deactivate" });
    expect(effects).toEqual([
      { kind: "notify-aborted", checkpointId: 1, latestCompletedId: -1 },
      { kind: "discard", stateKeys: [`state/chk-1/${probe.job.attempt(0)}`], pointers: [] },
    ]);
    expect(reasons(probe)).toEqual(["CHECKPOINT_COORDINATOR_SUSPEND"]);
    expect(probe.coordinator.state.nextWakeMillis).toBeUndefined();
  });

  it("CP-04: at the limit a request waits, and starts when the pending one ends", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    expect(probe.tick()).toEqual([]);
    expect(probe.tick()).toEqual([]);
    expect(idOf(probe.complete(id))).toBe(2);
  });

  it("CP-06: a periodic request within the minimum pause fails and comes back when it is over", () => {
    const probe = new CoordinatorProbe({ checkpointing: { minPauseMillis: 800 } });
    const id = probe.trigger();
    const due = probe.now + 1_000;
    probe.now += 600;
    probe.complete(id);
    expect(probe.tick()).toEqual([]);
    expect(probe.now).toBe(due);
    expect(reasons(probe)).toEqual(["MINIMUM_TIME_BETWEEN_CHECKPOINTS"]);
    expect(idOf(probe.tick())).toBe(2);
    expect(probe.now).toBe(due + 400);
  });

  it("CP-07: a task that is not RUNNING refuses the trigger; no id is used, nothing is counted against the job", () => {
    const probe = new CoordinatorProbe({ vertices: [{ parallelism: 1 }, { parallelism: 1 }] });
    probe.handle({ kind: "activate" });
    probe.job.handle({ kind: "cancel" });
    expect(probe.tick()).toEqual([]);
    expect(reasons(probe)).toEqual(["NOT_ALL_REQUIRED_TASKS_RUNNING"]);
    expect(probe.coordinator.state.nextId).toBe(1);
    expect(probe.stats.counts).toMatchObject({ total: 1, failed: 1, inProgress: 0 });
  });

  it("CP-08: with finished tasks the running ones without a running producer are triggered", () => {
    const probe = new CoordinatorProbe({ vertices: [{ parallelism: 2 }, { parallelism: 2, ship: "FORWARD" }] });
    const first = probe.trigger();
    probe.complete(first);
    probe.job.update(0, "FINISHED");
    const [effect] = probe.tick();
    expect(effect).toMatchObject({ kind: "trigger-tasks", attemptIds: [probe.job.attempt(1), probe.job.attempt(2)] });
    probe.complete(2);
    const [subtask] = probe.coordinator.state.latestCompleted?.vertices[0]?.subtasks ?? [];
    // What let it finish is what it is restored from.
    expect(subtask).toEqual({ finished: true, state: objectOf(1, probe.job.attempt(0)), sourcePosition: 7 });
  });

  it("CP-09: ids rise from 1, are reserved in blocks, and a later life never uses one again", () => {
    const probe = new CoordinatorProbe();
    expect(probe.trigger()).toBe(1);
    probe.complete(1);
    probe.tick();
    probe.complete(2);
    const reserved = probe.events.filter((event) => event.kind === "ids-reserved").map(({ upTo }) => upTo);
    expect(reserved).toEqual([CHECKPOINT_ID_BLOCK]);
    const later = new CoordinatorProbe({ history: { completed: [], reservedUpTo: CHECKPOINT_ID_BLOCK } });
    expect(later.trigger()).toBe(CHECKPOINT_ID_BLOCK + 1);
  });

  it("CP-11: a trigger call that fails ends the checkpoint, uncounted, and the next one starts", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    const effects = probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "unknown attempt" });
    expect(effects).toEqual([{ kind: "notify-aborted", checkpointId: 1, latestCompletedId: -1 }]);
    expect(reasons(probe)).toEqual(["TRIGGER_CHECKPOINT_FAILURE"]);
    expect(idOf(probe.tick())).toBe(2);
  });
});

describe("acknowledgements", () => {
  it("CP-12: complete when all have acknowledged; then the metadata is written, and only then tasks are told", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    expect(probe.acknowledge(id, probe.job.attempt(0))).toEqual([]);
    const [write, ...others] = probe.acknowledge(id, probe.job.attempt(1), objectOf(id, probe.job.attempt(1)));
    expect(others).toEqual([]);
    expect(write).toMatchObject({ kind: "write-metadata", checkpoint: { checkpointId: id, stateSize: 10 } });
    expect(probe.coordinator.state.latestCompleted).toBeUndefined();
    const triggered = probe.events.find((event) => event.kind === "triggered")?.nowMillis;
    expect(probe.written(id)).toEqual([{ kind: "notify-complete", checkpointId: id, timestampMillis: triggered }]);
    expect(probe.coordinator.state.latestCompleted).toMatchObject({ checkpointId: id, pointer: "chk-1" });
  });

  it("CP-13: a repeated one is ignored, a stranger's state is discarded", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    const attempt = probe.job.attempt(0);
    probe.acknowledge(id, attempt, objectOf(id, attempt));
    expect(probe.acknowledge(id, attempt, objectOf(id, attempt))).toEqual([]);
    const stranger = brandId<ExecutionAttemptID>("stranger");
    expect(probe.acknowledge(id, stranger, objectOf(id, stranger))).toEqual([
      { kind: "discard", stateKeys: ["state/chk-1/stranger"], pointers: [] },
    ]);
    expect(probe.coordinator.state.pending.get(id)?.acknowledged.size).toBe(1);
  });

  it("CP-14: one that comes too late is discarded, unless it repeats one of a retained checkpoint", () => {
    const probe = new CoordinatorProbe({ checkpointing: { tolerableFailed: 5 } });
    const attempt = probe.job.attempt(0);
    const expired = probe.trigger();
    probe.now += 600_000;
    probe.handle({ kind: "tick" });
    expect(reasons(probe)).toEqual(["CHECKPOINT_EXPIRED"]);
    expect(kindsOf(probe.acknowledge(expired, attempt, objectOf(expired, attempt)))).toEqual(["discard"]);
    const id = probe.coordinator.state.nextId - 1;
    probe.complete(id);
    expect(probe.acknowledge(id, attempt, objectOf(id, attempt))).toEqual([]);
  });

  it("CP-15: a decline ends the whole checkpoint; one for no pending checkpoint is ignored", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    const attemptId = probe.job.attempt(0);
    probe.acknowledge(id, probe.job.attempt(1), objectOf(id, probe.job.attempt(1)));
    const decline = { checkpointId: id, attemptId, reason: "CHECKPOINT_DECLINED_TASK_NOT_READY" } as const;
    expect(kindsOf(probe.handle({ kind: "declined", decline }))).toEqual(["notify-aborted", "discard"]);
    expect(probe.handle({ kind: "declined", decline })).toEqual([]);
    expect(reasons(probe)).toEqual(["CHECKPOINT_DECLINED_TASK_NOT_READY"]);
  });

  it("a task that ends before it acknowledged ends the checkpoint: nothing more would come", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    probe.acknowledge(id, probe.job.attempt(0));
    expect(probe.handle({ kind: "tasks-ended", attemptIds: [probe.job.attempt(0)] })).toEqual([]);
    expect(kindsOf(probe.handle({ kind: "tasks-ended", attemptIds: [probe.job.attempt(1)] }))).toEqual([
      "notify-aborted",
    ]);
  });
});

describe("completion", () => {
  it("CP-18: a completed checkpoint subsumes older pending ones", () => {
    const probe = new CoordinatorProbe({ checkpointing: { maxConcurrent: 2 } });
    const first = probe.trigger();
    const second = idOf(probe.tick());
    probe.acknowledgeAll(second);
    const effects = probe.written(second);
    expect(kindsOf(effects)).toEqual(["notify-complete", "notify-aborted"]);
    expect(reasons(probe)).toEqual(["CHECKPOINT_SUBSUMED"]);
    expect(probe.coordinator.state.pending.has(first)).toBe(false);
  });

  it("CP-20: metadata that cannot be written fails the checkpoint, counted, and its state goes", () => {
    const probe = new CoordinatorProbe({ checkpointing: { tolerableFailed: 1 } });
    const id = probe.trigger();
    probe.acknowledgeAll(id);
    const effects = probe.handle({ kind: "metadata-failed", checkpointId: id, detail: "store is down" });
    expect(kindsOf(effects)).toEqual(["notify-aborted", "discard"]);
    expect(reasons(probe)).toEqual(["FINALIZE_CHECKPOINT_FAILURE"]);
    expect(probe.coordinator.state.consecutiveFailures).toBe(1);
    expect(probe.stats.snapshot().latestFailed?.failureMessage).toContain("store is down");
  });

  it("metadata that was written for an aborted checkpoint is deleted", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    probe.acknowledgeAll(id);
    probe.handle({ kind: "deactivate" });
    expect(probe.written(id)).toEqual([{ kind: "discard", stateKeys: [], pointers: ["chk-1"] }]);
    expect(probe.coordinator.state.latestCompleted).toBeUndefined();
  });

  it.each([
    { retained: 1, kept: [3] },
    { retained: 2, kept: [2, 3] },
    { retained: 0, kept: [3] },
  ])("CP-25: $retained retained keeps $kept and drops the objects of the rest", ({ retained, kept }) => {
    const probe = new CoordinatorProbe({ checkpointing: { retained } });
    probe.trigger();
    probe.complete(1);
    probe.tick();
    probe.complete(2);
    probe.tick();
    const effects = probe.complete(3);
    expect(probe.coordinator.state.completed.map(({ checkpointId }) => checkpointId)).toEqual(kept);
    const dropped = 3 - kept.length;
    expect(effects.at(-1)).toEqual({
      kind: "discard",
      stateKeys: probe.job.attempts.map((attemptId) => `state/chk-${dropped}/${attemptId}`),
      pointers: [`chk-${dropped}`],
    });
  });

  it("CP-25: what a retained checkpoint still needs of a dropped one stays", () => {
    const probe = new CoordinatorProbe();
    probe.trigger();
    probe.complete(1);
    probe.job.update(0, "FINISHED");
    probe.tick();
    const effects = probe.complete(2);
    expect(effects.at(-1)).toMatchObject({ kind: "discard", stateKeys: [`state/chk-1/${probe.job.attempt(1)}`] });
  });
});

describe("failures", () => {
  it("CP-17, CP-23: one that expires fails the job if none is tolerated", () => {
    const probe = new CoordinatorProbe({ checkpointing: { timeoutMillis: 500 } });
    const id = probe.trigger();
    probe.now += 499;
    expect(probe.handle({ kind: "tick" })).toEqual([]);
    probe.now += 1;
    const effects = probe.handle({ kind: "tick" });
    expect(kindsOf(effects)).toEqual(["notify-aborted", "fail-job"]);
    expect(effects[1]).toMatchObject({
      failure: { code: "CHECKPOINT", message: expect.stringContaining(`checkpoint ${id}`) },
    });
  });

  it("CP-23: consecutive counted ones above the tolerated number fail the job; a success or the failure itself zeroes", () => {
    const probe = new CoordinatorProbe({ checkpointing: { tolerableFailed: 1 } });
    const decline = (checkpointId: number) =>
      probe.handle({
        kind: "declined",
        decline: { checkpointId, attemptId: probe.job.attempt(0), reason: "CHECKPOINT_DECLINED" },
      });
    expect(kindsOf(decline(probe.trigger()))).not.toContain("fail-job");
    probe.complete(idOf(probe.tick()));
    expect(kindsOf(decline(idOf(probe.tick())))).not.toContain("fail-job");
    expect(kindsOf(decline(idOf(probe.tick())))).toContain("fail-job");
    expect(kindsOf(decline(idOf(probe.tick())))).not.toContain("fail-job");
  });

  it("CP-23: a decline by a task that does not run any more fails nothing", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    probe.job.update(0, "FINISHED");
    const decline = {
      checkpointId: id,
      attemptId: probe.job.attempt(0),
      reason: "CHECKPOINT_ASYNC_EXCEPTION",
      failure: serializeThrowable(new Error("no space")),
    } as const;
    expect(kindsOf(probe.handle({ kind: "declined", decline }))).not.toContain("fail-job");
  });
});

describe("final checkpoint of a bounded job (CP-29)", () => {
  it("starts at once when all sources have ended, whatever the interval", () => {
    const probe = new CoordinatorProbe({ checkpointing: { intervalMillis: 3_600_000, minPauseMillis: 0 } });
    probe.handle({ kind: "activate" });
    expect(idOf(probe.handle({ kind: "end-of-data" }))).toBe(1);
    expect(probe.handle({ kind: "end-of-data" })).toEqual([]);
  });

  it("waits for the one under way, and ignores the minimum pause", () => {
    const probe = new CoordinatorProbe({ checkpointing: { minPauseMillis: 1_000 } });
    const id = probe.trigger();
    expect(probe.handle({ kind: "end-of-data" })).toEqual([]);
    expect(idOf(probe.complete(id))).toBe(2);
    expect(probe.events.findLast((event) => event.kind === "triggered")).toMatchObject({ request: { kind: "final" } });
  });

  it("a job without an interval takes one too, and another if it fails", () => {
    const probe = new CoordinatorProbe({ checkpointing: undefined });
    probe.handle({ kind: "activate" });
    expect(probe.coordinator.state.nextWakeMillis).toBeUndefined();
    const id = idOf(probe.handle({ kind: "end-of-data" }));
    probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "lost" });
    expect(idOf(probe.tick())).toBe(2);
  });
});

describe("restore", () => {
  it("uses the latest completed one and says how far the sources had read", () => {
    const probe = new CoordinatorProbe();
    expect(probe.handle({ kind: "restore" })).toEqual([]);
    expect(probe.stats.snapshot().latestRestored).toBeUndefined();
    probe.complete(probe.trigger());
    probe.handle({ kind: "restore" });
    expect(probe.stats.snapshot()).toMatchObject({
      counts: { restored: 1 },
      latestRestored: { checkpointId: 1, externalPath: "chk-1", sourcePosition: 14 },
    });
  });
});
