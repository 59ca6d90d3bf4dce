import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type AllocationID } from "../../../src/common/ids.ts";
import { EXECUTION_STATES, isTerminalExecutionState } from "../../../src/runtime/messages/execution-state.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";
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
  | { readonly kind: "delay-elapsed" }
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
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("delay-elapsed" as const) }) },
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
      return probe.elapseRestartDelay();
    case "end-of-data":
      return void probe.handle({ kind: "end-of-data", attemptIds: [attemptOf(step.task)] });
    case "progress":
      return void probe.handle({ kind: "progress-made" });
    case "cancel":
      return void probe.handle({ kind: "cancel" });
  }
}

function check(probe: SchedulerProbe, seen: Map<string, string>): void {
  const { graph } = probe;
  const executions = [...graph.executions()];
  // Counts are a cache of what can be counted.
  for (const state of EXECUTION_STATES) {
    expect(graph.counts[state]).toBe(executions.filter((execution) => execution.state === state).length);
  }
  // Attempt ids are never used twice, and their terminal states never change.
  expect(new Set(executions.map(({ attemptId }) => attemptId)).size).toBe(graph.size);
  for (const { attemptId, state } of executions) {
    const before = seen.get(attemptId);
    if (before !== undefined) expect(state).toBe(before);
    if (isTerminalExecutionState(state)) seen.set(attemptId, state);
  }
  // A job that has ended has no task that may run, and one that FINISHED has finished all.
  if (isGloballyTerminal(graph.status)) expect(graph.allTerminal).toBe(true);
  if (graph.status === "FINISHED") expect(graph.counts.FINISHED).toBe(graph.size);
  // Nothing is restarting, failing or cancelling for ever once its tasks have ended.
  if (graph.status === "FAILING" || graph.status === "CANCELLING") expect(graph.allTerminal).toBe(false);
  if (graph.status === "RESTARTING" && graph.allTerminal) {
    expect(probe.scheduler.state.pendingRestart?.delayElapsed).toBe(false);
  }
  // A running job has no failed or canceled task, and either all of its tasks wait for slots or none.
  if (graph.status === "RUNNING") {
    expect(graph.counts.FAILED + graph.counts.CANCELED + graph.counts.CANCELING + graph.counts.CREATED).toBe(0);
    expect([0, graph.size]).toContain(graph.counts.SCHEDULED);
  }
  // Every attempt that may run has a slot.
  for (const { state, slot } of executions) {
    if (state === "DEPLOYING" || state === "INITIALIZING" || state === "RUNNING") expect(slot).toBeDefined();
  }
  expect(graph.restarts.charged).toBeLessThanOrEqual(3);
  expect(probe.effects.filter(({ kind }) => kind === "job-terminated")).toHaveLength(
    isGloballyTerminal(graph.status) ? 1 : 0,
  );
}

/** Lets the world answer all open calls; the job must come to its end then. */
function finish(probe: SchedulerProbe): void {
  for (let round = 0; round < 40 && !isGloballyTerminal(probe.graph.status); round += 1) {
    if (probe.graph.counts.SCHEDULED > 0) probe.fulfilSlots();
    for (const [index, state] of probe.states.entries()) {
      if (state === "CANCELING") probe.update(index, "CANCELED");
    }
    if (probe.graph.status === "RUNNING") probe.updateAll("FINISHED");
    probe.elapseRestartDelay();
  }
}

describe("DefaultScheduler under any sequence of events", () => {
  it("keeps its invariants, and ends when the world lets it", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const probe = new SchedulerProbe(testingJobGraph([{ parallelism: 2 }, { parallelism: 3 }]));
        const seen = new Map<string, string>();
        probe.start();
        for (const step of steps) {
          perform(probe, step);
          check(probe, seen);
        }
        finish(probe);
        check(probe, seen);
        expect(isGloballyTerminal(probe.graph.status)).toBe(true);
      }),
      { numRuns: 300, seed: 20_261_124 },
    );
  });

  it("is linear: 100,000 subtasks go through start, failover and end", () => {
    const probe = new SchedulerProbe(
      testingJobGraph([
        { parallelism: 50_000, ship: "FORWARD" },
        { parallelism: 50_000, ship: "FORWARD" },
      ]),
    );
    probe.start();
    probe.fulfilSlots();
    probe.handle({ kind: "global-failure", failure: serializeThrowable(new Error("all")) });
    const { attempts } = probe;
    for (const attemptId of attempts) probe.handle({ kind: "cancel-failed", attemptId });
    probe.elapseRestartDelay();
    expect(probe.graph.status).toBe("RUNNING");
    expect(probe.graph.counts.SCHEDULED).toBe(100_000);
  });
});
