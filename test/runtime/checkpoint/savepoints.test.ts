import { describe, expect, it } from "vitest";
import type { CheckpointEffect } from "../../../src/runtime/checkpoint/checkpoint-messages.ts";
import { MAX_QUEUED_REQUESTS } from "../../../src/runtime/checkpoint/checkpoint-request.ts";
import type { AwaitedRequest, SavepointRequest } from "../../../src/runtime/checkpoint/checkpoint-request.ts";
import { CoordinatorProbe, idOf, objectOf, type CoordinatorProbeOptions } from "./coordinator-probe.ts";

const DIRECTORY = "savepoints/here/";

function savepoint(afterwards: SavepointRequest["afterwards"] = "go-on", requestId = "s"): SavepointRequest {
  return { kind: "savepoint", requestId, directory: DIRECTORY, afterwards };
}

const manual = (requestId: string): AwaitedRequest => ({ kind: "manual", requestId });

function activeProbe(options: CoordinatorProbeOptions = {}): CoordinatorProbe {
  const probe = new CoordinatorProbe(options);
  probe.handle({ kind: "activate" });
  return probe;
}

/** Outcomes by request id. */
function outcomes(effects: readonly CheckpointEffect[]): Record<string, string> {
  const settled = effects.filter((effect) => effect.kind === "request-settled");
  return Object.fromEntries(
    settled.map(({ request, outcome }) => [
      request.requestId,
      outcome.kind === "completed"
        ? `${outcome.checkpoint.checkpointId} at ${outcome.checkpoint.pointer}`
        : outcome.failure.message,
    ]),
  );
}

const kindsOf = (effects: readonly CheckpointEffect[]): readonly string[] => effects.map(({ kind }) => kind);

describe("requests", () => {
  it("SVP-02, CP-04: at the limit a savepoint begins at once and several run together; a manual checkpoint waits", () => {
    const probe = activeProbe();
    const periodic = idOf(probe.tick());
    expect(probe.request(manual("m"))).toEqual([]);
    const first = idOf(probe.request(savepoint("go-on", "s1")));
    const second = idOf(probe.request(savepoint("go-on", "s2")));
    expect([...probe.coordinator.state.pending.keys()]).toEqual([periodic, first, second]);
    expect(outcomes(probe.complete(first))).toEqual({ s1: `${first} at chk-${first}` });
    probe.complete(second);
    const started = idOf(probe.complete(periodic));
    expect(outcomes(probe.complete(started))).toEqual({ m: `${started} at chk-${started}` });
  });

  it("CP-05: savepoints first, then manual ones in their order, the periodic one last", () => {
    const probe = activeProbe({ vertices: [{ parallelism: 1 }] });
    probe.tick();
    probe.tick();
    for (const requestId of ["m1", "m2"]) probe.request(manual(requestId));
    expect(probe.coordinator.state.queued.map((request) => ("requestId" in request ? request.requestId : "p"))).toEqual(
      ["m1", "m2", "p"],
    );
  });

  it("CP-05: a queue full of what is not periodic refuses the next; a periodic one gives way", () => {
    const probe = activeProbe();
    probe.tick();
    for (let count = 0; count < MAX_QUEUED_REQUESTS - 1; count += 1) probe.request(manual(`m${count}`));
    probe.tick();
    expect(probe.coordinator.state.queued).toHaveLength(MAX_QUEUED_REQUESTS);
    expect(outcomes(probe.request(manual("last")))).toEqual({});
    expect(probe.coordinator.state.queued.some(({ kind }) => kind === "periodic")).toBe(false);
    expect(outcomes(probe.request(manual("refused")))["refused"]).toMatch(/^TOO_MANY_CHECKPOINT_REQUESTS: /);
    expect(probe.coordinator.state.queued).toHaveLength(MAX_QUEUED_REQUESTS);
  });

  it("CP-06: the minimum pause is not for them, and begins anew with a savepoint", () => {
    const probe = activeProbe({ checkpointing: { minPauseMillis: 800 } });
    probe.complete(idOf(probe.tick()));
    probe.now += 10;
    const id = idOf(probe.request(savepoint()));
    probe.now += 900;
    probe.complete(id);
    expect(probe.coordinator.state.lastCompletionMillis).toBe(probe.now);
    expect(idOf(probe.request(manual("m")))).toBe(id + 1);
  });

  it("CP-07: while not all tasks run they fail at once, no id is used", () => {
    const probe = new CoordinatorProbe();
    expect(outcomes(probe.request(savepoint()))["s"]).toBe("NOT_ALL_REQUIRED_TASKS_RUNNING: not all tasks are running");
    probe.handle({ kind: "activate" });
    probe.job.handle({ kind: "cancel" });
    expect(outcomes(probe.request(manual("m")))["m"]).toMatch(/^NOT_ALL_REQUIRED_TASKS_RUNNING/);
    expect(probe.coordinator.state.nextId).toBe(1);
    expect(probe.stats.counts).toMatchObject({ total: 2, failed: 2 });
  });

  it("CP-03, SVP-04: when the job leaves RUNNING all of them fail, pending and queued", () => {
    const probe = activeProbe();
    probe.tick();
    probe.request(manual("queued"));
    probe.request(savepoint());
    const effects = probe.handle({ kind: "deactivate" });
    expect(outcomes(effects)).toEqual({
      queued: "CHECKPOINT_COORDINATOR_SUSPEND: the job stopped running",
      s: "CHECKPOINT_COORDINATOR_SUSPEND: the job stopped running",
    });
  });
});

describe("savepoints", () => {
  it("SVP-03: stand in their own directory, are not retained, subsume nothing, and tasks do not hear of them", () => {
    const probe = activeProbe({ checkpointing: { maxConcurrent: 2 } });
    const pending = idOf(probe.tick());
    const triggered = probe.request(savepoint());
    expect(triggered).toMatchObject([{ kind: "trigger-tasks", options: { kind: "savepoint", directory: DIRECTORY } }]);
    const id = idOf(triggered);
    const [write] = probe.acknowledgeAll(id);
    expect(write).toMatchObject({ kind: "write-metadata", directory: DIRECTORY, checkpoint: { savepoint: true } });
    expect(kindsOf(probe.written(id))).toEqual(["request-settled"]);
    expect(probe.coordinator.state.completed).toEqual([]);
    expect([...probe.coordinator.state.pending.keys()]).toEqual([pending]);
    expect(probe.stats.snapshot()).toMatchObject({ latestSavepoint: { checkpointId: id, type: "SAVEPOINT" } });
    expect(probe.stats.snapshot().latestCompleted).toBeUndefined();
  });

  it("SVP-03: are not subsumed by a later checkpoint", () => {
    const probe = activeProbe();
    const id = idOf(probe.request(savepoint()));
    probe.handle({ kind: "trigger-failed", checkpointId: 99, detail: "" });
    const { now } = probe;
    probe.now = now + 2_000;
    expect(probe.handle({ kind: "tick" })).toEqual([]);
    expect(probe.coordinator.state.pending.has(id)).toBe(true);
    const later = activeProbe({ checkpointing: { maxConcurrent: 2 } });
    const first = idOf(later.request(savepoint()));
    const second = idOf(later.tick());
    later.complete(second);
    expect([...later.coordinator.state.pending.keys()]).toEqual([first]);
  });

  it("CP-24: what the JobMaster did not manage is never counted, what a task declined is", () => {
    const probe = activeProbe({ checkpointing: { timeoutMillis: 100 } });
    probe.request(savepoint());
    probe.now += 100;
    const expired = probe.handle({ kind: "tick" });
    expect(outcomes(expired)["s"]).toMatch(/^CHECKPOINT_EXPIRED/);
    expect(kindsOf(expired)).not.toContain("fail-job");
    const id = idOf(probe.request(savepoint()));
    const decline = { checkpointId: id, attemptId: probe.job.attempt(0), reason: "CHECKPOINT_DECLINED" } as const;
    expect(kindsOf(probe.handle({ kind: "declined", decline }))).toContain("fail-job");
  });

  it("what tasks wrote for one that failed is deleted", () => {
    const probe = activeProbe();
    const id = idOf(probe.request(savepoint()));
    const attemptId = probe.job.attempt(0);
    probe.acknowledge(id, attemptId, objectOf(id, attemptId));
    const effects = probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "gone" });
    expect(effects).toContainEqual({ kind: "discard", stateKeys: [`state/chk-${id}/${attemptId}`], pointers: [] });
  });
});

describe("stop with savepoint", () => {
  it.each([
    ["suspend", false],
    ["drain", true],
  ] as const)("SVP-05: %s: nothing else begins by itself, and all tasks hear of this very id", (then, drain) => {
    const probe = activeProbe();
    const effects = probe.request(savepoint(then));
    expect(effects).toMatchObject([{ options: { kind: "stop-with-savepoint", directory: DIRECTORY, drain } }]);
    expect(probe.coordinator.state.nextTriggerMillis).toBeUndefined();
    probe.now += 5_000;
    // What the drained sources say of their end changes nothing.
    probe.handle({ kind: "end-of-data" });
    expect(probe.handle({ kind: "tick" })).toEqual([]);
    const id = idOf(effects);
    expect(kindsOf(probe.complete(id))).toEqual(["request-settled", "notify-complete"]);
    probe.now += 60_000;
    expect(probe.handle({ kind: "tick" })).toEqual([]);
    expect(probe.stats.snapshot().history[0]).toMatchObject({ type: "SYNC_SAVEPOINT", status: "COMPLETED" });
  });

  it("CP-18: older checkpoints that are pending still are subsumed by it", () => {
    const probe = activeProbe();
    const pending = idOf(probe.tick());
    const id = idOf(probe.request(savepoint("suspend")));
    expect(kindsOf(probe.complete(id))).toContain("notify-aborted");
    expect(probe.events.findLast((event) => event.kind === "aborted")).toMatchObject({
      checkpointId: pending,
      reason: "CHECKPOINT_SUBSUMED",
    });
  });

  it.each(["suspend", "cancel"] as const)("SVP-07: one that fails lets the job go on: %s", (then) => {
    const probe = activeProbe();
    const id = idOf(probe.request(savepoint(then)));
    const effects = probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "gone" });
    expect(kindsOf(effects)).toEqual(["notify-aborted", "request-settled"]);
    expect(probe.coordinator.state.paused).toBe(false);
    expect(idOf(probe.tick())).toBe(id + 1);
  });

  it("SVP-07: one that has drained the sources fails the job over, for they have ended", () => {
    const probe = activeProbe();
    const id = idOf(probe.request(savepoint("drain")));
    const effects = probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "gone" });
    expect(kindsOf(effects)).toContain("fail-job");
  });

  it("CP-03: when a region fails over, tasks of the others hear that the savepoint they stopped for failed", () => {
    const probe = activeProbe();
    const id = idOf(probe.request(savepoint("suspend")));
    const effects = probe.handle({ kind: "deactivate" });
    expect(effects).toContainEqual({ kind: "notify-aborted", checkpointId: id, latestCompletedId: -1 });
    expect(kindsOf(effects)).not.toContain("fail-job");
  });

  it("CP-24: one that a task declined fails the job over at once", () => {
    const probe = activeProbe({ checkpointing: { tolerableFailed: 9 } });
    const id = idOf(probe.request(savepoint("suspend")));
    const decline = { checkpointId: id, attemptId: probe.job.attempt(0), reason: "CHECKPOINT_DECLINED_TASK_NOT_READY" };
    const effects = probe.handle({
      kind: "declined",
      decline: { ...decline, reason: "CHECKPOINT_DECLINED_TASK_NOT_READY" },
    });
    expect(kindsOf(effects)).toContain("fail-job");
  });
});

describe("claim modes", () => {
  const restored = { checkpointId: 7, triggerTimestampMillis: 0, completionTimestampMillis: 0, stateSize: 0 };
  const history = (unclaimed: boolean) => ({
    completed: [{ ...restored, savepoint: true, vertices: [], pointer: "savepoint", etag: "e", unclaimed }],
    reservedUpTo: 7,
  });

  it.each([
    ["NO_CLAIM", true, []],
    ["CLAIM", false, [{ kind: "discard", stateKeys: [], pointers: ["savepoint"] }]],
  ] as const)(
    "RST-02, RST-03: %s: the snapshot is retained until the first checkpoint",
    (_mode, unclaimed, discards) => {
      const probe = activeProbe({ history: history(unclaimed) });
      expect(probe.coordinator.state.latestCompleted?.checkpointId).toBe(7);
      const id = idOf(probe.tick());
      expect(id).toBe(8);
      expect(probe.complete(id).filter(({ kind }) => kind === "discard")).toEqual(discards);
      expect(probe.coordinator.state.completed.map(({ checkpointId }) => checkpointId)).toEqual([8]);
    },
  );
});
