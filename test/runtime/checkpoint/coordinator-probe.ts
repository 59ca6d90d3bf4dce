import type { ExecutionAttemptID } from "../../../src/common/ids.ts";
import { CheckpointCoordinator } from "../../../src/runtime/checkpoint/checkpoint-coordinator.ts";
import {
  CheckpointCoordinatorState,
  type CheckpointHistory,
} from "../../../src/runtime/checkpoint/checkpoint-coordinator-state.ts";
import type {
  CheckpointEffect,
  CheckpointEvent,
  CheckpointInput,
} from "../../../src/runtime/checkpoint/checkpoint-messages.ts";
import type { AwaitedRequest } from "../../../src/runtime/checkpoint/checkpoint-request.ts";
import { CheckpointStatsTracker } from "../../../src/runtime/checkpoint/checkpoint-stats-tracker.ts";
import { CHECKPOINT_DEFAULTS, type CheckpointConfiguration } from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { AcknowledgeCheckpoint } from "../../../src/runtime/messages/checkpoint-messages.ts";
import type { StateHandle } from "../../../src/runtime/messages/state-handle.ts";
import { testingJobGraph, type TestingVertex } from "../executiongraph/testing-job-graph.ts";
import { SchedulerProbe } from "../scheduler/scheduler-probe.ts";

export const NO_TASK_METRICS = {
  alignmentMillis: 0,
  syncMillis: 0,
  asyncMillis: 0,
  startDelayMillis: 0,
  processedBytes: 0,
};

export interface CoordinatorProbeOptions {
  readonly vertices?: readonly TestingVertex[];
  /** `undefined`: no periodic checkpoints. Default: every second. */
  readonly checkpointing?: Partial<CheckpointConfiguration> | undefined;
  readonly history?: CheckpointHistory;
  /** Fraction of the first trigger's spread. */
  readonly random?: number;
}

/** A coordinator over a running job, in a test's hand. Time begins at 10,000 and the first trigger is a period later. */
export class CoordinatorProbe {
  readonly job: SchedulerProbe;
  readonly coordinator: CheckpointCoordinator;
  readonly configuration: CheckpointConfiguration;
  readonly stats: CheckpointStatsTracker;
  readonly events: CheckpointEvent[] = [];
  now = 10_000;

  constructor(options: CoordinatorProbeOptions = {}) {
    this.configuration = { intervalMillis: 1_000, ...CHECKPOINT_DEFAULTS, ...options.checkpointing };
    this.job = new SchedulerProbe(testingJobGraph(options.vertices ?? [{ parallelism: 2 }]));
    this.job.run();
    this.stats = new CheckpointStatsTracker(this.configuration);
    const periodic = !("checkpointing" in options) || options.checkpointing !== undefined;
    this.coordinator = new CheckpointCoordinator(
      new CheckpointCoordinatorState(
        periodic ? this.configuration : undefined,
        options.history ?? { completed: [], reservedUpTo: 0 },
      ),
      { graph: this.job.graph, clock: { now: () => this.now }, random: { next: () => options.random ?? 0.999_999 } },
      (event) => {
        this.events.push(event);
        this.stats.apply(event);
      },
    );
  }

  handle(input: CheckpointInput): readonly CheckpointEffect[] {
    return this.coordinator.handle(input);
  }

  /** Moves time to the next wake and ticks. */
  tick(): readonly CheckpointEffect[] {
    this.now = Math.max(this.now, this.coordinator.state.nextWakeMillis ?? this.now);
    return this.handle({ kind: "tick" });
  }

  /** Activates and triggers the first checkpoint. */
  trigger(): number {
    this.handle({ kind: "activate" });
    const effects = this.tick();
    return idOf(effects);
  }

  acknowledge(checkpointId: number, attemptId: ExecutionAttemptID, state?: StateHandle): readonly CheckpointEffect[] {
    return this.handle({ kind: "acknowledged", checkpointId, acknowledgements: [acknowledgement(attemptId, state)] });
  }

  acknowledgeAll(checkpointId: number): readonly CheckpointEffect[] {
    return this.handle({
      kind: "acknowledged",
      checkpointId,
      acknowledgements: this.job.attempts
        .filter((attemptId) => this.job.graph.execution(attemptId)?.state === "RUNNING")
        .map((attemptId) => acknowledgement(attemptId, objectOf(checkpointId, attemptId))),
    });
  }

  written(checkpointId: number): readonly CheckpointEffect[] {
    return this.handle({ kind: "metadata-written", checkpointId, pointer: `chk-${checkpointId}`, etag: "e" });
  }

  request(request: AwaitedRequest): readonly CheckpointEffect[] {
    return this.handle({ kind: "request", request });
  }

  complete(checkpointId: number): readonly CheckpointEffect[] {
    this.acknowledgeAll(checkpointId);
    return this.written(checkpointId);
  }
}

export function acknowledgement(attemptId: ExecutionAttemptID, state?: StateHandle): AcknowledgeCheckpoint {
  return { attemptId, metrics: { ...NO_TASK_METRICS, sourcePosition: 7 }, ...(state === undefined ? {} : { state }) };
}

export function objectOf(checkpointId: number, attemptId: ExecutionAttemptID): StateHandle {
  return { kind: "object", key: `state/chk-${checkpointId}/${attemptId}`, size: 10 };
}

/** Id of the one checkpoint that was triggered. */
export function idOf(effects: readonly CheckpointEffect[]): number {
  const [triggered, ...others] = effects.filter((effect) => effect.kind === "trigger-tasks");
  if (triggered === undefined || others.length > 0)
    throw new Error(`expected one trigger, got ${JSON.stringify(effects)}`);
  return triggered.checkpointId;
}
