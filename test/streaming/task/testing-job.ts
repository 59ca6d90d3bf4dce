import { brandId, type ExecutionAttemptID, type JobID, type ResourceID } from "../../../src/common/ids.ts";
import type { ObjectStore } from "../../../src/runtime/blob/object-store.ts";
import type { JobModuleReference, JobVertex } from "../../../src/runtime/jobgraph/job-graph.ts";
import type { CheckpointOptions } from "../../../src/runtime/messages/checkpoint-messages.ts";
import type { StateHandle } from "../../../src/runtime/messages/state-handle.ts";
import type {
  ChannelPeer,
  TaskDeploymentDescriptor,
} from "../../../src/runtime/messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import type { TaskMetrics } from "../../../src/runtime/messages/task-metrics.ts";
import type { TaskHostReport } from "../../../src/runtime/taskexecutor/task-host.ts";
import type { JobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { generateJobGraph, type GeneratedJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { TaskHostCore } from "../../../src/streaming/task/task-host-core.ts";
import type { ManualClock } from "../../../src/testing/manual-clock.ts";
import { Choices } from "./choices.ts";
import { SimulatedNetwork } from "./simulated-network.ts";

export const JOB_ID = brandId<JobID>("0a".repeat(16));
const MODULE: JobModuleReference = { hash: "m", key: "modules/m.js", name: "job.js", runtimeVersion: "test" };

export interface TestingJobOptions {
  readonly definition: JobDefinition;
  readonly hosts: number;
  readonly clock: ManualClock;
  readonly objects: ObjectStore;
  readonly seed?: number;
}

interface TestingTask {
  readonly vertex: JobVertex;
  readonly subtaskIndex: number;
  readonly attemptId: ExecutionAttemptID;
  readonly host: number;
  state: TaskExecutionState["state"] | "DEPLOYING";
}

interface PendingCheckpoint {
  readonly id: number;
  readonly waitFor: Set<ExecutionAttemptID>;
  readonly handles: Map<string, StateHandle>;
}

export interface CompletedCheckpoint {
  readonly id: number;
  readonly handles: ReadonlyMap<string, StateHandle>;
}

/**
 * Several task hosts and as much of a JobMaster as they need, driven step by step: deployment, checkpoints, restart from the
 * last completed one. What happens next is the test's choice.
 */
export class TestingJob {
  readonly choices: Choices;
  readonly failures: TaskExecutionState[] = [];
  readonly declined: number[] = [];
  /** Attempts by checkpoint, each time they acknowledged it. */
  readonly acknowledged = new Map<number, ExecutionAttemptID[]>();
  readonly metrics = new Map<ExecutionAttemptID, TaskMetrics>();
  readonly completed: CompletedCheckpoint[] = [];
  restarts = 0;
  network = new SimulatedNetwork();
  hosts: TaskHostCore[] = [];
  descriptors: readonly TaskDeploymentDescriptor[] = [];
  #tasks: TestingTask[] = [];
  #control: (() => Promise<void>)[] = [];
  #pending: PendingCheckpoint | undefined;
  #nextCheckpointId = 1;
  readonly #options: TestingJobOptions;
  readonly #graph: GeneratedJobGraph;

  static async create(options: TestingJobOptions): Promise<TestingJob> {
    const graph = await generateJobGraph(options.definition, { jobId: JOB_ID, module: MODULE });
    return new TestingJob(options, graph);
  }

  private constructor(options: TestingJobOptions, graph: GeneratedJobGraph) {
    this.#options = options;
    this.#graph = graph;
    this.choices = new Choices(options.seed ?? 1);
  }

  get tasks(): readonly Readonly<TestingTask>[] {
    return this.#tasks;
  }

  get isFinished(): boolean {
    return this.#tasks.length > 0 && this.#tasks.every((task) => task.state === "FINISHED");
  }

  get hasPendingCheckpoint(): boolean {
    return this.#pending !== undefined;
  }

  async deploy(): Promise<void> {
    this.#createHosts();
    this.#createTasks();
    this.descriptors = this.#tasks.map((task) => this.#descriptor(task));
    for (const [index, task] of this.#tasks.entries()) {
      const descriptor = this.descriptors[index];
      if (descriptor !== undefined) await this.hosts[task.host]?.submitTask(descriptor);
    }
  }

  /** All hosts die at once; new attempts start from the last completed checkpoint. */
  async killAndRestart(): Promise<void> {
    this.restarts += 1;
    this.#pending = undefined;
    this.#control = [];
    this.network = new SimulatedNetwork();
    await this.deploy();
  }

  /** One random thing happens. */
  async step(): Promise<void> {
    const { choices } = this;
    switch (choices.below(8)) {
      case 0:
        this.triggerCheckpoint();
        return;
      case 1:
        if (this.#control.length > 0) await this.#control.splice(choices.below(this.#control.length), 1)[0]?.();
        return;
      case 2:
        if (choices.below(10) === 0) this.abortCheckpoint();
        else await this.#options.clock.advance(choices.below(40));
        return;
      case 3:
      case 4:
      case 5:
        await this.network.step(choices);
        return;
      default:
        await this.runHost(choices.below(this.hosts.length));
        return;
    }
  }

  /** Runs everything once: every host, every message, every control call. */
  async round(): Promise<void> {
    for (const index of this.hosts.keys()) await this.runHost(index);
    while (this.network.hasPending) {
      await this.network.step(this.choices);
      await this.#options.clock.settle();
    }
    for (const call of this.#control.splice(0)) await call();
  }

  async runHost(index: number): Promise<void> {
    const report = await this.hosts[index]?.run({ maxWaitMillis: 0 });
    if (report !== undefined) this.#handle(report);
  }

  /** @returns the id, or `undefined` if one is pending or a task is not ready. */
  triggerCheckpoint(options?: CheckpointOptions): number | undefined {
    const running = this.#tasks.filter((task) => task.state === "RUNNING");
    const ready = this.#tasks.every((task) => task.state === "RUNNING" || task.state === "FINISHED");
    if (this.#pending !== undefined || running.length === 0 || !ready) return undefined;
    const id = this.#nextCheckpointId++;
    const waitFor = new Set(running.map((task) => task.attemptId));
    this.#pending = { id, waitFor, handles: new Map(this.completed.at(-1)?.handles) };
    const triggers = running.filter((task) => !this.#hasRunningInput(task));
    for (const [index, host] of this.hosts.entries()) {
      const attemptIds = triggers.filter((task) => task.host === index).map((task) => task.attemptId);
      if (attemptIds.length === 0) continue;
      this.#control.push(() =>
        host.triggerCheckpoint({
          attemptIds,
          checkpointId: id,
          timestampMillis: this.#options.clock.now(),
          ...(options === undefined ? {} : { options }),
        }),
      );
    }
    return id;
  }

  /** The checkpoint will not be, and no task is told. */
  forgetCheckpoint(): void {
    this.#pending = undefined;
  }

  abortCheckpoint(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    for (const host of this.hosts) this.#control.push(() => host.notifyCheckpointAborted(pending.id));
  }

  #hasRunningInput(task: TestingTask): boolean {
    return task.vertex.inputs.some((edge) =>
      this.#tasks.some((other) => other.vertex.id === edge.source && other.state === "RUNNING"),
    );
  }

  #createHosts(): void {
    const { clock, definition, hosts, objects } = this.#options;
    const { network } = this;
    const created: TaskHostCore[] = [];
    for (let index = 0; index < hosts; index += 1) {
      created.push(
        new TaskHostCore({
          definition,
          clock,
          objects: () => objects,
          self: hostId(index),
          links: (peer) =>
            network.link(() => {
              const target = created[Number(peer.slice(2))];
              if (target === undefined) throw new Error(`no host ${peer}`);
              return target;
            }),
        }),
      );
    }
    this.hosts = created;
  }

  #createTasks(): void {
    this.#tasks = this.#graph.jobGraph.vertices.flatMap((vertex, vertexIndex) =>
      Array.from({ length: vertex.parallelism }, (_, subtaskIndex): TestingTask => ({
        vertex,
        subtaskIndex,
        attemptId: brandId(`attempt-${this.restarts}-${vertexIndex}-${subtaskIndex}`),
        host: subtaskIndex % this.#options.hosts,
        state: "DEPLOYING",
      })),
    );
  }

  #descriptor(task: TestingTask): TaskDeploymentDescriptor {
    const { jobGraph } = this.#graph;
    const { vertex, subtaskIndex } = task;
    const restore = this.completed.at(-1);
    const state = restore?.handles.get(stateKey(task));
    return {
      jobId: JOB_ID,
      jobName: jobGraph.name,
      module: MODULE,
      graphHash: jobGraph.hash,
      configuration: jobGraph.configuration,
      jobVertexId: vertex.id,
      taskName: vertex.name,
      subtaskIndex,
      parallelism: vertex.parallelism,
      maxParallelism: vertex.maxParallelism,
      attemptId: task.attemptId,
      attemptNumber: this.restarts,
      allocationId: brandId(`allocation-${subtaskIndex}`),
      inputGates: vertex.inputs.map((edge) => ({
        dataSet: edge.dataSet,
        producers: this.#peers(edge.source, edge.shipStrategy, task),
      })),
      resultPartitions: vertex.outputs.map((output) => ({
        dataSet: output.id,
        consumers: this.#peers(output.consumer, output.shipStrategy, task),
      })),
      ...(restore === undefined
        ? {}
        : { restore: { checkpointId: restore.id, state: state === undefined ? [] : [state] } }),
    };
  }

  #peers(vertexId: string, shipStrategy: string, task: TestingTask): readonly ChannelPeer[] {
    return this.#tasks
      .filter((other) => other.vertex.id === vertexId)
      .filter((other) => shipStrategy !== "FORWARD" || other.subtaskIndex === task.subtaskIndex)
      .map(({ attemptId, subtaskIndex, host }) => ({ attemptId, subtaskIndex, taskExecutor: hostId(host) }));
  }

  #handle(report: TaskHostReport): void {
    for (const state of report.states) {
      const task = this.#tasks.find((candidate) => candidate.attemptId === state.attemptId);
      if (task === undefined) continue;
      task.state = state.state;
      if (state.state === "FAILED") this.failures.push(state);
      if (state.metrics !== undefined) this.metrics.set(state.attemptId, state.metrics);
    }
    for (const { attemptId, metrics } of report.metrics) this.metrics.set(attemptId, metrics);
    for (const { checkpointId } of report.declines) {
      this.declined.push(checkpointId);
      if (this.#pending?.id === checkpointId) this.abortCheckpoint();
    }
    for (const { checkpointId, acknowledgements } of report.acknowledgements) {
      const attempts = acknowledgements.map(({ attemptId }) => attemptId);
      this.acknowledged.set(checkpointId, [...(this.acknowledged.get(checkpointId) ?? []), ...attempts]);
      for (const { attemptId, state } of acknowledgements) this.#acknowledge(checkpointId, attemptId, state);
    }
  }

  #acknowledge(checkpointId: number, attemptId: ExecutionAttemptID, state: StateHandle | undefined): void {
    const pending = this.#pending;
    const task = this.#tasks.find((candidate) => candidate.attemptId === attemptId);
    if (pending?.id !== checkpointId || task === undefined) return;
    if (state === undefined) pending.handles.delete(stateKey(task));
    else pending.handles.set(stateKey(task), state);
    pending.waitFor.delete(attemptId);
    if (pending.waitFor.size > 0) return;
    this.#pending = undefined;
    this.completed.push({ id: checkpointId, handles: pending.handles });
    for (const host of this.hosts) this.#control.push(() => host.notifyCheckpointComplete(checkpointId));
  }
}

function hostId(index: number): ResourceID {
  return brandId<ResourceID>(`te${index}`);
}

function stateKey(task: Pick<TestingTask, "vertex" | "subtaskIndex">): string {
  return `${task.vertex.id}/${task.subtaskIndex}`;
}
