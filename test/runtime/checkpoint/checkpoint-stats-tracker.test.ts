import { describe, expect, it } from "vitest";
import { CheckpointStatsTracker } from "../../../src/runtime/checkpoint/checkpoint-stats-tracker.ts";
import { CoordinatorProbe, idOf, objectOf } from "./coordinator-probe.ts";

describe("checkpoint statistics (OBS-05)", () => {
  it("keep the newest ten, newest first, and count all", () => {
    const probe = new CoordinatorProbe();
    probe.complete(probe.trigger());
    for (let round = 2; round <= 12; round += 1) probe.complete(idOf(probe.tick()));
    const { history, counts, latestCompleted } = probe.stats.snapshot();
    expect(history.map(({ checkpointId }) => checkpointId)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(counts).toEqual({ restored: 0, total: 12, inProgress: 0, completed: 12, failed: 0 });
    expect(latestCompleted).toMatchObject({ checkpointId: 12, status: "COMPLETED", externalPath: "chk-12" });
    expect(history[1]).toMatchObject({ checkpointId: 11, discarded: true });
  });

  it("show a pending one with what was acknowledged so far", () => {
    const probe = new CoordinatorProbe({ vertices: [{ parallelism: 2 }, { parallelism: 1 }] });
    const id = probe.trigger();
    const triggered = probe.now;
    expect(probe.stats.snapshot().history[0]).toMatchObject({ latestAckTimestampMillis: -1, acknowledgedSubtasks: 0 });
    probe.now += 5;
    probe.acknowledge(id, probe.job.attempt(1), objectOf(id, probe.job.attempt(1)));
    expect(probe.stats.snapshot().history[0]).toMatchObject({
      status: "IN_PROGRESS",
      triggerTimestampMillis: triggered,
      latestAckTimestampMillis: triggered + 5,
      subtasks: 3,
      acknowledgedSubtasks: 1,
      stateSize: 10,
      tasks: [
        { subtasks: 2, acknowledgedSubtasks: 1, latestAckTimestampMillis: triggered + 5, stateSize: 10 },
        { subtasks: 1, acknowledgedSubtasks: 0, latestAckTimestampMillis: -1, stateSize: 0 },
      ],
    });
  });

  it("leave the acknowledgements of the newest checkpoints behind, as far as there is room for them", () => {
    const small = new CoordinatorProbe({ vertices: [{ parallelism: 2 }, { parallelism: 1 }] });
    small.complete(small.trigger());
    small.complete(idOf(small.tick()));
    const kept = small.stats.keptSubtasks;
    expect(kept.map(({ checkpointId, subtasks }) => [checkpointId, subtasks.length])).toEqual([
      [2, 2],
      [2, 1],
      [1, 2],
      [1, 1],
    ]);
    for (const { checkpointId, vertexId, subtasks } of kept) {
      expect(small.stats.subtasksOf(checkpointId, vertexId)).toEqual(subtasks);
    }
    const large = new CoordinatorProbe({ vertices: [{ parallelism: 600 }] });
    large.complete(large.trigger());
    large.complete(idOf(large.tick()));
    expect(large.stats.keptSubtasks.map(({ checkpointId }) => checkpointId)).toEqual([2]);
  });

  it("a picture does not change with what happens later", () => {
    const probe = new CoordinatorProbe();
    const id = probe.trigger();
    const before = probe.stats.snapshot();
    probe.complete(id);
    expect(before.history[0]).toMatchObject({ status: "IN_PROGRESS", acknowledgedSubtasks: 0 });
    expect(before.counts.completed).toBe(0);
  });

  it("late acknowledgements touch nothing", () => {
    const probe = new CoordinatorProbe({ checkpointing: { tolerableFailed: 9 } });
    const id = probe.trigger();
    probe.handle({ kind: "trigger-failed", checkpointId: id, detail: "gone" });
    const before = probe.stats.snapshot();
    probe.acknowledge(id, probe.job.attempt(0));
    expect(probe.stats.snapshot()).toEqual(before);
    expect(before.latestFailed).toMatchObject({ checkpointId: id, failureTimestampMillis: probe.now });
  });

  it("go on over the lives of the JobMaster; what was in progress has failed", () => {
    const probe = new CoordinatorProbe();
    const counts = { restored: 1, total: 7, inProgress: 1, completed: 5, failed: 1 };
    expect(new CheckpointStatsTracker(probe.configuration, counts).counts).toEqual({
      restored: 1,
      total: 7,
      inProgress: 0,
      completed: 5,
      failed: 2,
    });
  });
});
