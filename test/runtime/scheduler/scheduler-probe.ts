import { brandId, type AllocationID, type ExecutionAttemptID, type ResourceID } from "../../../src/common/ids.ts";
import { ExecutionGraph, type ExecutionGraphHistory } from "../../../src/runtime/executiongraph/execution-graph.ts";
import type { AssignedSlot, SlotAssignment } from "../../../src/runtime/executiongraph/execution.ts";
import type { JobGraph } from "../../../src/runtime/jobgraph/job-graph.ts";
import { serializeThrowable, type ThrowableTraits } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import { DefaultScheduler } from "../../../src/runtime/scheduler/default-scheduler.ts";
import type {
  SchedulerEffect,
  SchedulerEvent,
  SchedulerInput,
} from "../../../src/runtime/scheduler/scheduler-messages.ts";
import { SchedulerState } from "../../../src/runtime/scheduler/scheduler-state.ts";
import { countingIds, TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";

/** A scheduler in a test's hand: two slots per TaskExecutor, effects and events kept. */
export class SchedulerProbe {
  readonly graph: ExecutionGraph;
  readonly scheduler: DefaultScheduler;
  readonly events: SchedulerEvent[] = [];
  effects: SchedulerEffect[] = [];
  now = 1_000;

  constructor(jobGraph: JobGraph, history?: ExecutionGraphHistory) {
    this.graph = new ExecutionGraph(jobGraph, this.now, history);
    this.scheduler = new DefaultScheduler(
      new SchedulerState(this.graph),
      { clock: { now: () => this.now }, ids: countingIds(), random: { next: () => 0.5 } },
      (event) => this.events.push(event),
    );
  }

  /** @returns the effects of this input alone. */
  handle(input: SchedulerInput): readonly SchedulerEffect[] {
    this.now += 1;
    const effects = this.scheduler.handle(input);
    this.effects.push(...effects);
    return effects;
  }

  get attempts(): readonly ExecutionAttemptID[] {
    return [...this.graph.executions()].map(({ attemptId }) => attemptId);
  }

  attempt(index: number): ExecutionAttemptID {
    const attemptId = this.attempts[index];
    if (attemptId === undefined) throw new RangeError(`no attempt ${index}`);
    return attemptId;
  }

  get states(): readonly string[] {
    return [...this.graph.executions()].map(({ state }) => state);
  }

  /** Slot i for subtask i. */
  slots(count: number): SlotAssignment {
    const slotOf = (index: number): AssignedSlot => ({
      allocationId: brandId<AllocationID>(`slot-${index}`),
      location: brandId<ResourceID>(`te-${Math.floor(index / 2)}`),
    });
    return Array.from({ length: count }, (_, index) => slotOf(index));
  }

  /** Of the oldest request that waits. */
  fulfilSlots(): readonly SchedulerEffect[] {
    const [slotRequestId = this.scheduler.state.slotRequestId] = this.scheduler.state.slotRequests.keys();
    const widest = Math.max(...this.graph.jobGraph.vertices.map(({ parallelism }) => parallelism));
    return this.handle({ kind: "slots-fulfilled", slotRequestId, slots: this.slots(widest) });
  }

  update(index: number, state: TaskExecutionState["state"], failure?: Error, traits?: ThrowableTraits): void {
    this.handle({
      kind: "task-updated",
      update: {
        jobId: TESTING_JOB_ID,
        attemptId: this.attempt(index),
        state,
        ...(failure === undefined ? {} : { failure: serializeThrowable(failure, traits) }),
      },
    });
  }

  updateAll(state: TaskExecutionState["state"]): void {
    for (const index of this.attempts.keys()) this.update(index, state);
  }

  start(): void {
    this.handle({ kind: "create", attemptNumber: 0 });
    this.handle({ kind: "start" });
  }

  run(): void {
    this.start();
    this.runAgain();
  }

  /** From SCHEDULED to RUNNING. */
  runAgain(): void {
    this.fulfilSlots();
    this.updateAll("INITIALIZING");
    this.updateAll("RUNNING");
  }

  /** @param index which of the restarts that wait, oldest first. */
  elapseRestartDelay(index = 0): void {
    const { pendingRestarts, restartId: newest } = this.scheduler.state;
    const restartId = [...pendingRestarts.keys()][index] ?? newest;
    this.handle({ kind: "restart-delay-elapsed", restartId });
  }
}
