import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type AllocationID } from "../../../src/common/ids.ts";
import { ExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph.ts";
import { snapshotExecutionGraph } from "../../../src/runtime/executiongraph/execution-graph-snapshot.ts";
import { isDeployed } from "../../../src/runtime/executiongraph/execution-transitions.ts";
import { EXECUTION_STATES, isTerminalExecutionState } from "../../../src/runtime/messages/execution-state.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import type { ExecutionGraphInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import { decide } from "../../../src/runtime/scheduler/scheduler-decisions.ts";
import { SchedulerState } from "../../../src/runtime/scheduler/scheduler-state.ts";
import { countingIds, testingJobGraph, type TestingVertex } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "./scheduler-probe.ts";

/** What the world may do next; numbers choose among what exists then. */
type Step =
  | { readonly kind: "slots" }
  | { readonly kind: "slot-timeout" }
  | { readonly kind: "report"; readonly task: number; readonly state: TaskExecutionState["state"] }
  | { readonly kind: "advance-all" }
  | { readonly kind: "lose-slot"; readonly slot: number; readonly infrastructure: boolean }
  | { readonly kind: "attempt-failed"; readonly task: number }
  | { readonly kind: "cancel-failed"; readonly task: number }
  | { readonly kind: "global-failure" }
  | { readonly kind: "delay-elapsed"; readonly restart: number }
  | { readonly kind: "end-of-data"; readonly task: number }
  | { readonly kind: "progress" }
  | { readonly kind: "cancel" };

const reported: readonly TaskExecutionState["state"][] = [
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELED",
  "FAILED",
  "CANCELING",
];
const number = fc.nat(20);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("slots" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("advance-all" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("delay-elapsed" as const), restart: fc.nat(2) }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("report" as const), task: number, state: fc.constantFrom(...reported) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("lose-slot" as const), slot: number, infrastructure: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("attempt-failed" as const), task: number }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel-failed" as const), task: number }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end-of-data" as const), task: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("progress" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("slot-timeout" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("global-failure" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const) }) },
);

function perform(probe: SchedulerProbe, step: Step): void {
  const { slotRequestId } = probe.scheduler.state;
  const failure = serializeThrowable(new Error("some failure"));
  const attemptOf = (task: number) => probe.attempt(task % probe.attempts.length);
  switch (step.kind) {
    case "slots":
      return void probe.fulfilSlots();
    case "slot-timeout":
      return void probe.handle({ kind: "slot-request-failed", slotRequestId, failure });
    case "report":
      return probe.update(step.task % probe.attempts.length, step.state);
    case "advance-all":
      probe.updateAll("INITIALIZING");
      return probe.updateAll("RUNNING");
    case "lose-slot":
      return void probe.handle({
        kind: "slots-lost",
        allocationIds: new Set([brandId<AllocationID>(`slot-${step.slot % 3}`)]),
        failure: { ...failure, infrastructure: step.infrastructure },
      });
    case "attempt-failed":
      return void probe.handle({ kind: "attempt-failed", attemptId: attemptOf(step.task), failure });
    case "cancel-failed":
      return void probe.handle({ kind: "cancel-failed", attemptId: attemptOf(step.task) });
    case "global-failure":
      return void probe.handle({ kind: "global-failure", failure });
    case "delay-elapsed":
      return probe.elapseRestartDelay(step.restart);
    case "end-of-data":
      return void probe.handle({ kind: "end-of-data", attemptIds: [attemptOf(step.task)] });
    case "progress":
      return void probe.handle({ kind: "progress-made" });
    case "cancel":
      return void probe.handle({ kind: "cancel" });
  }
}

/** What does not hold. @param seen terminal states of attempts so far. */
function violations(probe: SchedulerProbe, seen: Map<string, string>): readonly string[] {
  const { graph } = probe;
  const { status, counts, size, restarts } = graph;
  const executions = [...graph.executions()];
  const found: string[] = [];
  const require = (holds: boolean, what: string): void => void (holds || found.push(`${what} (${status})`));
  for (const state of EXECUTION_STATES) {
    const counted = executions.filter((execution) => execution.state === state).length;
    require(counts[state] === counted, `count of ${state} is what can be counted`);
  }
  require(new Set(executions.map(({ attemptId }) => attemptId)).size === size, "attempt ids are unique");
  for (const { attemptId, state, slot } of executions) {
    require((seen.get(attemptId) ?? state) === state, "terminal states never change");
    if (isTerminalExecutionState(state)) seen.set(attemptId, state);
    require(!isDeployed(state) || slot !== undefined, "an attempt that may run has a slot");
  }
  const ended = isGloballyTerminal(status);
  require(!ended || graph.allTerminal, "a job that has ended has no task that may run");
  require(status !== "FINISHED" || counts.FINISHED === size, "a job that FINISHED has finished all tasks");
  require(!(status === "FAILING" || status === "CANCELLING") || !graph.allTerminal, "ending jobs end with their tasks");
  const { pendingRestarts, regions, slotRequests } = probe.scheduler.state;
  const pending = [...pendingRestarts.values()];
  require(status !== "RESTARTING" || pending.length > 0, "a job restarts for a region that waits for it");
  require(status !== "RUNNING" || pending.length === 0, "a running job has no region that waits for a restart");
  for (const { regions: waiting, delayElapsed, live } of pending) {
    const alive = executions.filter(
      (execution) => waiting.includes(regions.of(execution)) && !isTerminalExecutionState(execution.state),
    ).length;
    require(live === alive, "a restart knows how many attempts it waits for");
    require(status !== "RESTARTING" || !delayElapsed || live > 0, "a restart begins when it can");
  }
  for (const execution of executions) {
    const restarting = probe.scheduler.state.isRestarting(regions.of(execution));
    const going = ["SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED"].includes(execution.state);
    require(restarting || going || !["RUNNING", "RESTARTING"].includes(status), "only what fails over is stopped");
    require(!restarting ||
      isTerminalExecutionState(execution.state) ||
      execution.state === "CANCELING" ||
      ended, "a region stops as a whole");
  }
  const requested = [...slotRequests.values()].flat();
  const scheduled = executions.filter(({ state }) => state === "SCHEDULED").map(({ attemptId }) => attemptId);
  require(new Set(requested).size === requested.length, "an attempt is in one slot request");
  require(JSON.stringify(requested.toSorted()) ===
    JSON.stringify(scheduled.toSorted()), "what is SCHEDULED waits for slots");
  require(restarts.charged <= 3, "no more restarts are charged than the strategy has");
  const notices = probe.effects.filter(({ kind }) => kind === "job-terminated").length;
  require(notices === (ended ? 1 : 0), "the end is told once");
  return found;
}

/** Lets the world answer all open calls; the job must come to its end then. */
function finish(probe: SchedulerProbe): void {
  for (let round = 0; round < 40 && !isGloballyTerminal(probe.graph.status); round += 1) {
    while (probe.graph.counts.SCHEDULED > 0) probe.fulfilSlots();
    for (const [index, state] of probe.states.entries()) {
      if (state === "CANCELING") probe.update(index, "CANCELED");
    }
    if (probe.graph.status === "RUNNING") probe.updateAll("FINISHED");
    for (const restart of [0, 1, 2]) probe.elapseRestartDelay(restart);
  }
}

/** The job as the events alone say it is. */
function replayed(probe: SchedulerProbe): ExecutionGraphInfo {
  const { jobGraph, statusTimestamps } = probe.graph;
  const state = new SchedulerState(new ExecutionGraph(jobGraph, statusTimestamps.INITIALIZING));
  for (const event of probe.events) state.apply(structuredClone(event));
  return snapshotExecutionGraph(state.graph, undefined);
}

/** One region; three of two subtasks each; two of one subtask. */
const SHAPES: readonly (readonly TestingVertex[])[] = [
  [{ parallelism: 2 }, { parallelism: 3 }],
  [{ parallelism: 3 }, { parallelism: 3, ship: "FORWARD" }],
  [{ parallelism: 2 }],
];

describe("DefaultScheduler under any sequence of events", () => {
  it.each(SHAPES)(
    "keeps its invariants, is the fold of its events, and ends when the world lets it (%o, %o)",
    (...shape) => {
      fc.assert(
        fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
          const probe = new SchedulerProbe(testingJobGraph(shape));
          const seen = new Map<string, string>();
          probe.start();
          for (const step of steps) {
            perform(probe, step);
            expect(violations(probe, seen)).toEqual([]);
          }
          finish(probe);
          expect(replayed(probe)).toEqual(snapshotExecutionGraph(probe.graph, undefined));
          expect(violations(probe, seen)).toEqual([]);
          expect(isGloballyTerminal(probe.graph.status)).toBe(true);
        }),
        { numRuns: 300, seed: 20_261_124 },
      );
    },
  );

  it("decides without changing anything", () => {
    const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }, { parallelism: 3 }]));
    probe.run();
    const before = structuredClone(snapshotExecutionGraph(probe.graph, undefined));
    const environment = { nowMillis: 5, ids: countingIds(), random: { next: () => 0.5 } };
    const failure = serializeThrowable(new Error("x"));
    expect(decide(probe.scheduler.state, { kind: "global-failure", failure }, environment).events).not.toEqual([]);
    expect(decide(probe.scheduler.state, { kind: "cancel" }, environment).events).not.toEqual([]);
    expect(snapshotExecutionGraph(probe.graph, undefined)).toEqual(before);
  });

  it("carries 20,000 subtasks through start, failover and end", () => {
    const probe = new SchedulerProbe(
      testingJobGraph([
        { parallelism: 10_000, ship: "FORWARD" },
        { parallelism: 10_000, ship: "FORWARD" },
      ]),
    );
    probe.start();
    probe.fulfilSlots();
    probe.handle({ kind: "global-failure", failure: serializeThrowable(new Error("all")) });
    const { attempts } = probe;
    for (const attemptId of attempts) probe.handle({ kind: "cancel-failed", attemptId });
    probe.elapseRestartDelay();
    expect(probe.graph.status).toBe("RUNNING");
    expect(probe.graph.counts.SCHEDULED).toBe(20_000);
  });
});
