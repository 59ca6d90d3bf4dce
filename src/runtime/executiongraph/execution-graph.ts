import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { ExceptionHistoryEntry } from "../messages/execution-graph-info.ts";
import { JOB_STATUSES, type JobStatus } from "../messages/job-status.ts";
import { NO_METRICS } from "../messages/task-metrics.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { JobGraph, JobVertex } from "../jobgraph/job-graph.ts";
import { ExceptionHistory } from "./exception-history.ts";
import { zeroPerState, type Execution, type MutableExecution } from "./execution.ts";
import { canTransitionExecution } from "./execution-transitions.ts";
import type { ExecutionGraphEvent } from "./execution-graph-events.ts";
import { canTransitionJob } from "./job-status-transitions.ts";
import { NO_RESTARTS, type RestartCounts } from "./restart-counts.ts";
import { StateTimestamps } from "./state-timestamps.ts";

/** One vertex with the current attempt of each of its subtasks. */
export interface ExecutionJobVertex {
  readonly jobVertex: JobVertex;
  readonly executions: readonly Execution[];
}

interface MutableJobVertex extends ExecutionJobVertex {
  /** Place of its first subtask. */
  readonly first: number;
  readonly executions: MutableExecution[];
}

/** What earlier lives of the JobMaster left behind. */
export interface ExecutionGraphHistory {
  readonly restarts: RestartCounts;
  readonly exceptions: readonly ExceptionHistoryEntry[];
}

/**
 * The parallel form of a job graph: the state of every attempt and of the job (Flink `ExecutionGraph`). Holds no
 * decisions: the scheduler reads it, decides on events, and applies them. Every event costs time linear in the attempts
 * it names.
 */
export class ExecutionGraph {
  readonly jobGraph: JobGraph;
  /** Number of subtasks. */
  readonly size: number;
  readonly #vertices: readonly MutableJobVertex[];
  /** By place. A wide job has a hundred thousand: what is in a row is found and walked at the speed of memory, a map is not. */
  readonly #executions: MutableExecution[] = [];
  readonly #vertexOf: Uint32Array;
  readonly #stateTimestamps: StateTimestamps;
  readonly #counts = zeroPerState();
  readonly #statusTimestamps: Record<JobStatus, number>;
  readonly #exceptions: ExceptionHistory;
  #status: JobStatus = "INITIALIZING";
  #failure: SerializedThrowable | undefined;
  #restarts: RestartCounts;

  /** A graph without attempts, INITIALIZING since `submittedMillis`; `executions-reset` creates the first ones. */
  constructor(jobGraph: JobGraph, submittedMillis: number, history?: ExecutionGraphHistory) {
    this.jobGraph = jobGraph;
    this.size = jobGraph.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0);
    let first = 0;
    this.#vertices = jobGraph.vertices.map((jobVertex) => {
      const vertex = { jobVertex, first, executions: [] };
      first += jobVertex.parallelism;
      return vertex;
    });
    this.#vertexOf = new Uint32Array(this.size);
    for (const [index, vertex] of this.#vertices.entries()) {
      this.#vertexOf.fill(index, vertex.first, vertex.first + vertex.jobVertex.parallelism);
    }
    this.#stateTimestamps = new StateTimestamps(this.size);
    this.#statusTimestamps = zeroPerStatus();
    this.#statusTimestamps.INITIALIZING = submittedMillis;
    this.#restarts = history?.restarts ?? NO_RESTARTS;
    this.#exceptions = new ExceptionHistory(history?.exceptions);
  }

  get status(): JobStatus {
    return this.#status;
  }

  get statusTimestamps(): Readonly<Record<JobStatus, number>> {
    return this.#statusTimestamps;
  }

  /** In the job graph's order: topological. */
  get vertices(): readonly ExecutionJobVertex[] {
    return this.#vertices;
  }

  get failure(): SerializedThrowable | undefined {
    return this.#failure;
  }

  get exceptionHistory(): readonly ExceptionHistoryEntry[] {
    return this.#exceptions.entries;
  }

  get restarts(): RestartCounts {
    return this.#restarts;
  }

  get counts(): Readonly<Record<ExecutionState, number>> {
    return this.#counts;
  }

  /** Whether every current attempt has ended. */
  get allTerminal(): boolean {
    return this.#counts.FINISHED + this.#counts.CANCELED + this.#counts.FAILED === this.size;
  }

  /** A current attempt; those of earlier restarts are unknown. */
  execution(attemptId: ExecutionAttemptID): Execution | undefined {
    return this.#find(attemptId);
  }

  /** When the attempt entered each state; 0 if never. A copy. */
  stateTimestampsOf({ place }: Execution): Record<ExecutionState, number> {
    return this.#stateTimestamps.of(place);
  }

  /** Every current attempt, in topological order, then by subtask. */
  executions(): readonly Execution[] {
    return this.#executions;
  }

  executionsOn(location: ResourceID): readonly Execution[] {
    return this.#executions.filter(({ slot }) => slot?.location === location);
  }

  /**
   * @throws SluiceException ILLEGAL_STATE for a transition outside the tables or an unknown attempt; the graph may have
   *   taken a part of the event then and must not be used any more.
   */
  apply(event: ExecutionGraphEvent): void {
    switch (event.kind) {
      case "job-status-changed":
        return this.#changeStatus(event);
      case "executions-changed":
        for (const attemptId of event.attemptIds) this.#changeExecution(this.#require(attemptId), event);
        return;
      case "slots-assigned":
        for (const attemptId of event.attemptIds) {
          const execution = this.#require(attemptId);
          execution.slot = event.slots[execution.subtaskIndex];
        }
        return;
      case "deployment-acknowledged":
        for (const attemptId of event.attemptIds) this.#require(attemptId).deploymentAcknowledged = true;
        return;
      case "metrics-reported":
        this.#require(event.attemptId).metrics = event.metrics;
        return;
      case "end-of-data":
        for (const attemptId of event.attemptIds) this.#require(attemptId).endOfData = true;
        return;
      case "executions-reset":
        return this.#reset(event);
      case "executions-adopted":
        return this.#adopt(event);
      case "failure-recorded":
        if (event.concurrent) this.#exceptions.addConcurrent(event.failure);
        else this.#exceptions.addRoot(event.failure);
        return;
      case "restart-decided":
        this.#restarts = event.restarts;
        return;
      case "progress-made":
        this.#restarts = { ...this.#restarts, freeWithoutProgress: 0 };
        return;
    }
  }

  #changeStatus(event: ExecutionGraphEvent & { readonly kind: "job-status-changed" }): void {
    if (!canTransitionJob(this.#status, event.status)) {
      throw new SluiceException("ILLEGAL_STATE", `job status: ${this.#status} cannot become ${event.status}`);
    }
    this.#status = event.status;
    this.#statusTimestamps[event.status] = event.nowMillis;
    if (event.failure !== undefined) this.#failure = event.failure;
  }

  #changeExecution(
    execution: MutableExecution,
    event: ExecutionGraphEvent & { readonly kind: "executions-changed" },
  ): void {
    if (!canTransitionExecution(execution.state, event.state)) {
      throw new SluiceException(
        "ILLEGAL_STATE",
        `attempt ${execution.attemptId}: ${execution.state} cannot become ${event.state}`,
      );
    }
    this.#counts[execution.state] -= 1;
    this.#counts[event.state] += 1;
    execution.state = event.state;
    this.#stateTimestamps.enter(execution.place, event.state, event.nowMillis);
    if (event.failure !== undefined) execution.failure = event.failure;
    if (event.metrics !== undefined) execution.metrics = event.metrics;
  }

  #reset({ attemptIds, attemptNumber, nowMillis }: ExecutionGraphEvent & { readonly kind: "executions-reset" }): void {
    for (const attemptId of attemptIds) {
      const old = this.#executions[placeOf(attemptId)];
      if (old !== undefined && !isTerminalExecutionState(old.state)) {
        throw new SluiceException("ILLEGAL_STATE", `attempt ${old.attemptId}: reset while ${old.state}`);
      }
      const execution = this.#put(attemptId, "CREATED", nowMillis);
      execution.attemptNumber = old === undefined ? attemptNumber : old.attemptNumber + 1;
    }
  }

  #adopt({ attempts, nowMillis }: ExecutionGraphEvent & { readonly kind: "executions-adopted" }): void {
    for (const { attemptId, attemptNumber, slot, endOfData } of attempts) {
      const old = this.#executions[placeOf(attemptId)];
      if (old?.state !== "SCHEDULED") {
        throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId}: takes a place that is ${old?.state}`);
      }
      const execution = this.#put(attemptId, "RUNNING", nowMillis);
      execution.attemptNumber = attemptNumber;
      execution.slot = slot;
      execution.endOfData = endOfData;
      execution.deploymentAcknowledged = true;
    }
  }

  /** Places a new attempt, over the one that was there. */
  #put(attemptId: ExecutionAttemptID, state: ExecutionState, nowMillis: number): MutableExecution {
    const place = placeOf(attemptId);
    const vertexIndex = this.#vertexOf[place] ?? this.#vertices.length;
    const vertex = this.#vertices[vertexIndex];
    if (vertex === undefined) {
      throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId}: no subtask ${place} of ${this.size}`);
    }
    const old = this.#executions[place];
    if (old !== undefined) {
      this.#counts[old.state] -= 1;
      this.#stateTimestamps.clear(place);
    }
    const subtaskIndex = place - vertex.first;
    const execution: MutableExecution = {
      attemptId,
      attemptNumber: 0,
      vertex: vertex.jobVertex,
      vertexIndex,
      subtaskIndex,
      place,
      state,
      slot: undefined,
      deploymentAcknowledged: false,
      failure: undefined,
      metrics: NO_METRICS,
      endOfData: false,
    };
    vertex.executions[subtaskIndex] = execution;
    this.#executions[place] = execution;
    this.#stateTimestamps.enter(place, state, nowMillis);
    this.#counts[state] += 1;
    return execution;
  }

  #find(attemptId: ExecutionAttemptID): MutableExecution | undefined {
    const execution = this.#executions[placeOf(attemptId)];
    return execution?.attemptId === attemptId ? execution : undefined;
  }

  #require(attemptId: ExecutionAttemptID): MutableExecution {
    const execution = this.#find(attemptId);
    if (execution === undefined) throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId} is not in the graph`);
    return execution;
  }
}

function zeroPerStatus(): Record<JobStatus, number> {
  const timestamps: Partial<Record<JobStatus, number>> = {};
  for (const status of JOB_STATUSES) timestamps[status] = 0;
  // The loop named every status.
  return timestamps as Record<JobStatus, number>;
}
