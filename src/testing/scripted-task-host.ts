import type { Clock } from "../common/clock.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { ExecutionAttemptID, JobID, ResourceID } from "../common/ids.ts";
import type { AcknowledgeCheckpoint, CheckpointMetrics } from "../runtime/messages/checkpoint-messages.ts";
import { serializeThrowable } from "../runtime/messages/serialized-throwable.ts";
import type { TaskDeploymentDescriptor } from "../runtime/messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../runtime/messages/task-execution-state.ts";
import { NO_METRICS } from "../runtime/messages/task-metrics.ts";
import type {
  CheckpointTrigger,
  TaskHost,
  TaskHostFactory,
  TaskHostReport,
  TaskHostRunRequest,
} from "../runtime/taskexecutor/task-host.ts";

/** How scripted tasks behave; every member may be replaced while they run. */
export interface TaskScript {
  /** Whether sources have emitted all their data once they run. */
  bounded: boolean;
  /** The failure of a task that would go to RUNNING. */
  failWhenRunning: (descriptor: TaskDeploymentDescriptor) => Error | undefined;
  /** Why the host cannot take a task, for no fault of the task. */
  failLoading: (self: ResourceID) => string | undefined;
  /** Calls to run tasks never settle. */
  hangs: boolean;
}

interface ScriptedTask {
  readonly descriptor: TaskDeploymentDescriptor;
  running: boolean;
  /** Checkpoint whose barrier passed after the end of all data. */
  finalCheckpoint: number | undefined;
}

const METRICS: CheckpointMetrics = {
  alignmentMillis: 0,
  syncMillis: 0,
  asyncMillis: 0,
  startDelayMillis: 0,
  processedBytes: 0,
};
/** Records that scripted sources claim to have read, per checkpoint. */
const RECORDS_PER_CHECKPOINT = 100;

/**
 * Task hosts without user code: tasks go through their states, barriers reach all tasks of a job at once, and bounded jobs end as
 * the protocol of the final checkpoint says. For tests of the control plane.
 */
export class ScriptedTaskHosts implements TaskHostFactory {
  readonly script: TaskScript;
  readonly #clock: Clock;
  readonly #hosts = new Map<ResourceID, ScriptedTaskHost>();

  constructor(clock: Clock, script: Partial<TaskScript> = {}) {
    this.#clock = clock;
    this.script = {
      bounded: true,
      failWhenRunning: () => undefined,
      failLoading: () => undefined,
      hangs: false,
      ...script,
    };
  }

  open(self: ResourceID): TaskHost {
    let host = this.#hosts.get(self);
    if (host === undefined) {
      host = new ScriptedTaskHost(self, this, this.#clock);
      this.#hosts.set(self, host);
    }
    return host;
  }

  async close(self: ResourceID): Promise<void> {
    this.lose(self);
  }

  /** The host's memory is gone, as with its TaskExecutor's process; a call under way never settles. */
  lose(self: ResourceID): void {
    this.#hosts.delete(self);
  }

  /** The host ends by itself; a call under way is rejected. */
  crash(self: ResourceID): void {
    const host = this.#hosts.get(self);
    this.lose(self);
    host?.crash();
  }

  /** Hosts that hold tasks, with how many. */
  get load(): ReadonlyMap<ResourceID, number> {
    return new Map([...this.#hosts].map(([self, host]) => [self, host.tasks.size] as const));
  }

  /** @internal every host with tasks of the job. */
  ofJob(jobId: JobID): readonly ScriptedTaskHost[] {
    return [...this.#hosts.values()].filter((host) =>
      [...host.tasks.values()].some((task) => task.descriptor.jobId === jobId),
    );
  }
}

class ScriptedTaskHost implements TaskHost {
  readonly tasks = new Map<ExecutionAttemptID, ScriptedTask>();
  readonly #self: ResourceID;
  readonly #hosts: ScriptedTaskHosts;
  readonly #clock: Clock;
  #states: TaskExecutionState[] = [];
  #endOfData: ExecutionAttemptID[] = [];
  #acknowledgements = new Map<number, AcknowledgeCheckpoint[]>();
  #wake: (() => void) | undefined;
  #crash: ((error: Error) => void) | undefined;
  #crashed: Error | undefined;

  constructor(self: ResourceID, hosts: ScriptedTaskHosts, clock: Clock) {
    this.#self = self;
    this.#hosts = hosts;
    this.#clock = clock;
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    if (this.#crashed !== undefined) throw this.#crashed;
    const fault = this.#hosts.script.failLoading(this.#self);
    if (fault !== undefined) throw new SluiceException("UNAVAILABLE", fault);
    this.tasks.set(descriptor.attemptId, { descriptor, running: false, finalCheckpoint: undefined });
    this.#wake?.();
  }

  async cancelTask(attemptId: ExecutionAttemptID): Promise<void> {
    if (this.tasks.has(attemptId)) this.#end(attemptId, "CANCELED");
  }

  async triggerCheckpoint({ attemptIds, checkpointId }: CheckpointTrigger): Promise<void> {
    for (const attemptId of attemptIds) {
      const jobId = this.tasks.get(attemptId)?.descriptor.jobId;
      // The first trigger's barrier stands for all: channels have no delay here.
      if (jobId !== undefined) for (const host of this.#hosts.ofJob(jobId)) host.#barrier(checkpointId);
    }
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    for (const [attemptId, { finalCheckpoint }] of this.tasks) {
      if (finalCheckpoint !== undefined && finalCheckpoint <= checkpointId) this.#end(attemptId, "FINISHED");
    }
  }

  async notifyCheckpointAborted(): Promise<void> {}

  async run({ maxWaitMillis }: TaskHostRunRequest): Promise<TaskHostReport> {
    if (this.#crashed !== undefined) throw this.#crashed;
    if (this.#hosts.script.hangs) return Promise.withResolvers<TaskHostReport>().promise;
    this.#work();
    if (this.#isQuiet()) {
      await new Promise<void>((resolve, reject) => {
        const timer = this.#clock.schedule(maxWaitMillis, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
        this.#crash = (error) => {
          timer.cancel();
          reject(error);
        };
      });
      this.#wake = undefined;
      this.#crash = undefined;
      this.#work();
    }
    return this.#report();
  }

  crash(): void {
    this.#crashed = new Error("simulated: the host was reset");
    this.tasks.clear();
    this.#crash?.(this.#crashed);
  }

  #work(): void {
    const { script } = this.#hosts;
    for (const [attemptId, task] of this.tasks) {
      if (task.running) continue;
      const failure = script.failWhenRunning(task.descriptor);
      this.#push(task, "INITIALIZING");
      if (failure !== undefined) {
        this.tasks.delete(attemptId);
        this.#states.push({
          jobId: task.descriptor.jobId,
          attemptId,
          state: "FAILED",
          failure: serializeThrowable(failure),
        });
        continue;
      }
      task.running = true;
      this.#push(task, "RUNNING");
      if (task.descriptor.restore?.final === true) {
        this.#end(attemptId, "FINISHED");
        continue;
      }
      if (script.bounded && task.descriptor.inputGates.length === 0) this.#endOfData.push(attemptId);
    }
  }

  #barrier(checkpointId: number): void {
    let passed = false;
    for (const [attemptId, task] of this.tasks) {
      const acknowledgements = this.#acknowledgements.get(checkpointId) ?? [];
      if (!task.running || acknowledgements.some((known) => known.attemptId === attemptId)) continue;
      passed = true;
      if (this.#hosts.script.bounded) task.finalCheckpoint ??= checkpointId;
      const source = task.descriptor.inputGates.length === 0;
      const metrics = source ? { ...METRICS, sourcePosition: checkpointId * RECORDS_PER_CHECKPOINT } : METRICS;
      const state = { kind: "inline", bytes: Uint8Array.of(checkpointId) } as const;
      this.#acknowledgements.set(checkpointId, [...acknowledgements, { attemptId, metrics, state }]);
    }
    if (passed) this.#wake?.();
  }

  #end(attemptId: ExecutionAttemptID, state: "FINISHED" | "CANCELED"): void {
    const task = this.tasks.get(attemptId);
    if (task === undefined) return;
    this.tasks.delete(attemptId);
    this.#push(task, state);
    this.#wake?.();
  }

  #push({ descriptor: { jobId, attemptId } }: ScriptedTask, state: TaskExecutionState["state"]): void {
    this.#states.push({ jobId, attemptId, state });
  }

  #isQuiet(): boolean {
    return this.#states.length === 0 && this.#endOfData.length === 0 && this.#acknowledgements.size === 0;
  }

  #report(): TaskHostReport {
    const report: TaskHostReport = {
      states: this.#states,
      endOfData: this.#endOfData,
      acknowledgements: [...this.#acknowledgements].map(([checkpointId, acknowledgements]) => ({
        checkpointId,
        acknowledgements,
      })),
      declines: [],
      metrics: [...this.tasks.keys()].map((attemptId) => ({ attemptId, metrics: NO_METRICS })),
      active: this.tasks.size > 0,
    };
    this.#states = [];
    this.#endOfData = [];
    this.#acknowledgements = new Map();
    return report;
  }
}
