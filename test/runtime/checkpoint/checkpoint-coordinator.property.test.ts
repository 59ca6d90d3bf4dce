import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CheckpointEffect } from "../../../src/runtime/checkpoint/checkpoint-messages.ts";
import { stateKeysOf } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { CoordinatorProbe, objectOf } from "./coordinator-probe.ts";

/** What may happen next; numbers choose among the checkpoints that were ever triggered, pending or not. */
type Step =
  | { readonly kind: "pass"; readonly millis: number }
  | { readonly kind: "acknowledge"; readonly checkpoint: number; readonly task: number }
  | { readonly kind: "acknowledge-all"; readonly checkpoint: number }
  | { readonly kind: "decline"; readonly checkpoint: number; readonly task: number }
  | { readonly kind: "trigger-failed"; readonly checkpoint: number }
  | { readonly kind: "written"; readonly write: number }
  | { readonly kind: "not-written"; readonly write: number }
  | { readonly kind: "finish-task"; readonly task: number }
  | { readonly kind: "end-of-data" }
  | { readonly kind: "deactivate" }
  | { readonly kind: "activate" };

const number = fc.nat(10);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), millis: fc.constantFrom(100, 500, 1_000, 4_000) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("acknowledge-all" as const), checkpoint: number }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("written" as const), write: number }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), checkpoint: number, task: number }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("decline" as const), checkpoint: number, task: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trigger-failed" as const), checkpoint: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("not-written" as const), write: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("finish-task" as const), task: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end-of-data" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deactivate" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("activate" as const) }) },
);

/** A coordinator with an object store beside it: what was acknowledged exists until it is discarded. */
class World {
  readonly probe: CoordinatorProbe;
  readonly stored = new Set<string>();
  readonly triggered: number[] = [];
  /** Metadata writes under way. */
  writes: number[] = [];

  constructor(retained: number, maxConcurrent: number) {
    this.probe = new CoordinatorProbe({
      vertices: [{ parallelism: 2 }, { parallelism: 1 }],
      checkpointing: { retained, maxConcurrent, timeoutMillis: 3_000, tolerableFailed: 1_000 },
    });
    this.take(this.probe.handle({ kind: "activate" }));
  }

  perform(step: Step): void {
    const { probe } = this;
    const checkpointId = "checkpoint" in step ? (this.triggered[step.checkpoint % this.triggered.length] ?? 1) : 1;
    const attemptId = probe.job.attempt("task" in step ? step.task % 3 : 0);
    switch (step.kind) {
      case "pass":
        probe.now += step.millis;
        return this.take(probe.handle({ kind: "tick" }));
      case "acknowledge":
        return this.acknowledge(checkpointId, [attemptId]);
      case "acknowledge-all":
        return this.acknowledge(checkpointId, probe.job.attempts);
      case "decline":
        return this.take(
          probe.handle({ kind: "declined", decline: { checkpointId, attemptId, reason: "CHECKPOINT_DECLINED" } }),
        );
      case "trigger-failed":
        return this.take(probe.handle({ kind: "trigger-failed", checkpointId, detail: "x" }));
      case "written":
      case "not-written": {
        const [written] = this.writes.splice(step.write % (this.writes.length || 1), 1);
        if (written === undefined) return;
        if (step.kind === "written") this.stored.add(`chk-${written}`);
        return this.take(
          step.kind === "written"
            ? probe.written(written)
            : probe.handle({ kind: "metadata-failed", checkpointId: written, detail: "x" }),
        );
      }
      case "finish-task":
        // A task ends only after a completed checkpoint told it so (CP-29).
        if (probe.coordinator.state.latestCompleted === undefined) return;
        probe.job.update(step.task % 3, "FINISHED");
        return this.take(probe.handle({ kind: "tasks-ended", attemptIds: [attemptId] }));
      case "end-of-data":
      case "activate":
      case "deactivate":
        return this.take(probe.handle({ kind: step.kind }));
    }
  }

  private acknowledge(checkpointId: number, attemptIds: CoordinatorProbe["job"]["attempts"]): void {
    const running = attemptIds.filter((attemptId) => this.probe.job.graph.execution(attemptId)?.state === "RUNNING");
    for (const attemptId of running) {
      const state = objectOf(checkpointId, attemptId);
      if (state.kind === "object") this.stored.add(state.key);
      this.take(this.probe.acknowledge(checkpointId, attemptId, state));
    }
  }

  private take(effects: readonly CheckpointEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "trigger-tasks") this.triggered.push(effect.checkpointId);
      if (effect.kind === "write-metadata") this.writes.push(effect.checkpoint.checkpointId);
      if (effect.kind === "discard")
        for (const key of [...effect.stateKeys, ...effect.pointers]) this.stored.delete(key);
    }
  }

  violations(): readonly string[] {
    const { state } = this.probe.coordinator;
    const { counts } = this.probe.stats;
    const found: string[] = [];
    const require = (holds: boolean, what: string): void => void (holds || found.push(what));
    const ids = state.completed.map(({ checkpointId }) => checkpointId);
    require(this.triggered.every((id, index) => id > (this.triggered[index - 1] ?? 0)), "ids rise");
    require(ids.every((id, index) => id > (ids[index - 1] ?? 0)), "retained ones are in order");
    require(ids.length <= Math.max(1, this.probe.configuration.retained), "not more are retained than asked for");
    require(state.pending.size <= this.probe.configuration.maxConcurrent, "not more are pending than allowed");
    require(state.nextId - 1 <= state.reservedUpTo, "no id is used that was not reserved");
    require(state.active || state.pending.size === 0, "nothing is pending while inactive");
    const needed = state.completed.flatMap((checkpoint) => [...stateKeysOf(checkpoint), checkpoint.pointer]);
    require(needed.every((key) => this.stored.has(key)), "what is retained exists");
    const whole = state.completed.every(({ vertices }) =>
      vertices.every(({ subtasks }) => subtasks.every(({ state: handle }) => handle !== undefined)),
    );
    require(whole, "a completed checkpoint has every subtask's state");
    require(counts.inProgress === state.pending.size, "what is in progress is pending");
    require(counts.total === counts.inProgress + counts.completed + counts.failed, "counts add up");
    return found;
  }

  /** State objects that nothing refers to, once nothing is pending. */
  get garbage(): readonly string[] {
    const { completed } = this.probe.coordinator.state;
    const needed = new Set(completed.flatMap((checkpoint) => [...stateKeysOf(checkpoint), checkpoint.pointer]));
    return [...this.stored].filter((key) => !needed.has(key));
  }
}

describe("CheckpointCoordinator under any sequence of events", () => {
  it("never loses what a retained checkpoint needs, and leaves nothing behind that none needs", () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 80 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 2 }),
        (steps, retained, maxConcurrent) => {
          const world = new World(retained, maxConcurrent);
          for (const step of steps) {
            world.perform(step);
            expect(world.violations()).toEqual([]);
          }
          while (world.writes.length > 0) world.perform({ kind: "written", write: 0 });
          world.perform({ kind: "deactivate" });
          expect(world.violations()).toEqual([]);
          expect(world.garbage).toEqual([]);
        },
      ),
      { numRuns: 300, seed: 20_261_124 },
    );
  });
});
