import { describe, expect, it } from "vitest";
import { LINGER_MILLIS, Quiescence } from "../../../src/runtime/jobmaster/quiescence.ts";
import type { AttemptMetrics } from "../../../src/runtime/messages/heartbeat-payloads.ts";
import type { TaskIdleness } from "../../../src/runtime/messages/task-idleness.ts";
import { NO_METRICS } from "../../../src/runtime/messages/task-metrics.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";

const START = 1_000_000;
const LATER = START + LINGER_MILLIS;

/** A job of two running tasks. */
class World {
  readonly probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }]));
  readonly quiescence: Quiescence;

  constructor(woken = false) {
    this.quiescence = new Quiescence({ nowMillis: START, woken });
    this.probe.handle({ kind: "create", attemptNumber: 0 });
    this.probe.handle({ kind: "start" });
    this.probe.fulfilSlots();
    for (const index of [0, 1]) {
      this.probe.update(index, "INITIALIZING");
      this.probe.update(index, "RUNNING");
    }
  }

  report(nowMillis: number, idle: readonly (TaskIdleness | undefined)[], recordsIn = 0): void {
    const attempts = idle.map((idleness, index): AttemptMetrics => ({
      attemptId: this.probe.attempt(index),
      metrics: { ...NO_METRICS, recordsIn },
      ...(idleness === undefined ? {} : { idle: idleness }),
    }));
    this.quiescence.report(attempts, nowMillis);
  }

  assess(checkpointId: number | undefined, nowMillis: number) {
    return this.quiescence.assess(this.probe.graph, checkpointId, nowMillis);
  }
}

const AT_5: TaskIdleness = { sinceCheckpointId: 5 };

describe("when a job sleeps", () => {
  it("is when all tasks have been at rest since a checkpoint that is complete, for a while", () => {
    const world = new World();
    world.report(START, [AT_5, AT_5]);
    expect(world.assess(5, LATER - 1)).toEqual({ kind: "stay-awake" });
    expect(world.assess(5, LATER)).toEqual({ kind: "sleep" });
    expect(world.assess(6, LATER)).toEqual({ kind: "sleep" });
  });

  it("is not while a task works, has not reported, or does not run", () => {
    const world = new World();
    world.report(START, [AT_5]);
    expect(world.assess(5, LATER)).toEqual({ kind: "stay-awake" });
    world.report(START, [AT_5, undefined]);
    expect(world.assess(5, LATER)).toEqual({ kind: "stay-awake" });
    world.report(START, [AT_5, AT_5]);
    world.probe.update(1, "FAILED", new Error("boom"));
    expect(world.assess(5, LATER)).toEqual({ kind: "stay-awake" });
  });

  it.each([
    { what: "no checkpoint yet", idle: AT_5, checkpointId: undefined },
    { what: "a checkpoint that is not complete", idle: AT_5, checkpointId: 4 },
    { what: "none since it last worked", idle: {}, checkpointId: 9 },
  ])("takes a checkpoint first if a task rests in $what", ({ idle, checkpointId }) => {
    const world = new World();
    world.report(START, [{ sinceCheckpointId: 3 }, idle]);
    expect(world.assess(checkpointId, LATER)).toEqual({ kind: "take-checkpoint" });
  });

  it("waits anew when a task has processed something meanwhile", () => {
    const world = new World();
    world.report(START, [AT_5, AT_5], 1);
    world.report(LATER - 1, [AT_5, AT_5], 2);
    expect(world.assess(5, LATER)).toEqual({ kind: "stay-awake" });
    expect(world.assess(5, LATER - 1 + LINGER_MILLIS)).toEqual({ kind: "sleep" });
  });

  it("lasts until the first of its tasks has something to do", () => {
    const world = new World();
    world.report(START, [
      { ...AT_5, dueMillis: LATER + 60_000 },
      { ...AT_5, dueMillis: LATER + 30_000 },
    ]);
    expect(world.assess(5, LATER)).toEqual({ kind: "sleep", dueMillis: LATER + 30_000 });
  });

  it("commits at once what it was woken for, and lingers all the same", () => {
    const world = new World(true);
    world.report(START, [AT_5, AT_5]);
    expect(world.assess(5, START), "nothing has come yet").toEqual({ kind: "stay-awake" });
    world.report(START + 10, [{}, {}], 3);
    expect(world.assess(5, START + 10)).toEqual({ kind: "take-checkpoint" });
    expect(world.assess(5, START + 20), "once").toEqual({ kind: "stay-awake" });
  });

  it("does not wait for tasks that have finished", () => {
    const world = new World();
    world.report(START, [AT_5, AT_5]);
    world.probe.update(1, "FINISHED");
    world.report(START, [AT_5]);
    expect(world.assess(5, LATER)).toEqual({ kind: "sleep" });
  });
});
