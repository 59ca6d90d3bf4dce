import { describe, expect, it } from "vitest";
import { executionsOf, JobMasterHarness } from "../runtime/jobmaster/job-master-harness.ts";
import { RESOURCE_ID, TaskExecutorWorld } from "../runtime/taskexecutor/task-executor-harness.ts";
import { simulate } from "./run-seeds.ts";

/** Seeds that once broke an invariant, with what they showed. What each showed has a test of its own where one fits below. */
const SEEDS: readonly (readonly [seed: number, showed: string])[] = [
  [27, "a Later of a registration answers for an instance that has been superseded meanwhile"],
  [57, "a task host that is gone while it is idle refuses every later task, for ever"],
  [82, "the same, with two exchanges"],
  [86, "a late answer that a job is over makes the Dispatcher forget its result"],
  [190, "an alarm whose writes were lost must ring again"],
  [201, "a disposal that failed half way left state behind that nobody could dispose of"],
  [
    3_144,
    "a job that was cancelled after another one had gone on from its savepoint has given pending rows twice, as it may",
  ],
  [20_229, "a pushed batch that was read before its row was there is kept for ever by a job that sleeps"],
  [231, "a task that ends in a slot that was freed is reported by nobody, and the job waits for it for ever"],
];

describe("seeds that broke an invariant once", () => {
  it.each(SEEDS)("seed %i: %s", async (seed) => {
    expect((await simulate(seed)).violations).toEqual([]);
  });
});

const SECOND = 1_000;

describe("what they showed", () => {
  it("57: a host that does not answer at a submission is closed, and opened anew for the next task", async () => {
    using world = new TaskExecutorWorld();
    await world.active();
    await world.submit(1);
    await world.clock.advance(100);
    const gone = world.hosts.open(RESOURCE_ID);
    world.hosts.script.failLoading = () => {
      throw new Error("the stub is broken");
    };
    await world.submit(2);
    await world.clock.advance(SECOND);
    expect(world.states().filter((state) => state.endsWith("FAILED"))).toEqual(["1:FAILED", "2:FAILED"]);
    expect(world.hosts.open(RESOURCE_ID)).not.toBe(gone);
  });

  it("231: an attempt that is being cancelled and that its TaskExecutor does not hold any more has ended", async () => {
    const harness = new JobMasterHarness();
    await harness.run();
    await harness.jobMaster().cancel();
    const before = executionsOf(await harness.info()).map(({ state }) => state);
    expect(new Set(before)).toEqual(new Set(["CANCELING"]));
    harness.jobMaster().heartbeatFromTaskManager(harness.resourceId(0), { deployed: [], metrics: [] });
    await harness.clock.advance(0);
    expect((await harness.info()).status).toBe("CANCELED");
    harness.close();
  });

  it("231: a cancel that fails late does not take the slot from a later attempt", async () => {
    const harness = new JobMasterHarness([{ parallelism: 1 }, { parallelism: 2 }]);
    await harness.run();
    const [first] = await harness.attempts();
    if (first === undefined) throw new Error("no attempt");
    harness.losingReplies.add("cancelTask");
    await harness.report(first, "FAILED", new Error("boom"));
    // The tasks end by themselves; the answers to the cancels are still awaited.
    for (const attemptId of (await harness.attempts()).slice(1)) await harness.report(attemptId, "CANCELED");
    await harness.clock.advance(2 * SECOND);
    const again = await harness.attempts();
    expect(again).not.toContain(first);
    await harness.runTasks();
    await harness.advanceWithHeartbeats(40 * SECOND, [0]);
    expect(await harness.attempts()).toEqual(again);
    expect(executionsOf(await harness.info()).map(({ state }) => state)).toEqual(["RUNNING", "RUNNING", "RUNNING"]);
    harness.close();
  });
});
