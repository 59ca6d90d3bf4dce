import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import { codeOfState, isTerminalExecutionState } from "../messages/execution-state.ts";
import type { ExceptionHistoryEntry } from "../messages/execution-graph-info.ts";
import { JOB_STATUSES, type JobStatus } from "../messages/job-status.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { JobGraph, JobVertex } from "../jobgraph/job-graph.ts";
import { ExceptionHistory } from "./exception-history.ts";
import type { AssignedSlot, Execution } from "./execution.ts";
import { canTransitionExecution } from "./execution-transitions.ts";
import type { ExecutionGraphEvent } from "./execution-graph-events.ts";
import { canTransitionJob } from "./job-status-transitions.ts";
import { NO_RESTARTS, type RestartCounts } from "./restart-counts.ts";
import { ExecutionTable } from "./execution-table.ts";
import { SubtaskPlaces } from "./subtask-places.ts";
import type { TaskExecutorTable } from "./task-executor-table.ts";

/** One vertex with the current attempt of each of its subtasks. */
export interface ExecutionJobVertex {
  readonly jobVertex: JobVertex;
  readonly executions: readonly Execution[];
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
  readonly places: SubtaskPlaces;
  readonly #executions: ExecutionTable;
  /** Places of the subtasks without a producer. */
  readonly #sources: readonly number[];
  /** As many of them, from the first on, are known to be at their end. */
  #sourcesAtEnd = 0;
  /** By TaskExecutor, until slots change. */
  #placesOn: TaskExecutorTable<number[]> | undefined;
  readonly #statusTimestamps: Record<JobStatus, number>;
  readonly #exceptions: ExceptionHistory;
  #status: JobStatus = "INITIALIZING";
  #failure: SerializedThrowable | undefined;
  #restarts: RestartCounts;

  /** A graph without attempts, INITIALIZING since `submittedMillis`; `executions-reset` creates the first ones. */
  constructor(jobGraph: JobGraph, submittedMillis: number, history?: ExecutionGraphHistory) {
    this.jobGraph = jobGraph;
    this.places = new SubtaskPlaces(jobGraph.vertices);
    this.#executions = new ExecutionTable(this.places);
    this.#sources = jobGraph.vertices.flatMap(({ inputs, parallelism }, index) => {
      const first = this.places.firstOf(index);
      return inputs.length > 0 ? [] : Array.from({ length: parallelism }, (_, subtask) => first + subtask);
    });
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

  /** Number of subtasks. */
  get size(): number {
    return this.places.size;
  }

  /** In the job graph's order: topological. */
  get vertices(): readonly ExecutionJobVertex[] {
    return this.jobGraph.vertices.map((jobVertex, index) => {
      const first = this.places.firstOf(index);
      return {
        jobVertex,
        executions: Array.from({ length: jobVertex.parallelism }, (_, subtask) => this.#executions.at(first + subtask)),
      };
    });
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
    return this.#executions.counts;
  }

  /** Whether every current attempt has ended. */
  get allTerminal(): boolean {
    const { FINISHED, CANCELED, FAILED } = this.counts;
    return FINISHED + CANCELED + FAILED === this.size;
  }

  /**
   * Whether all sources have emitted all their data, so that one more checkpoint ends the job (CP-29). Linear in the sources over
   * all calls together: one that is at its end stays there until its subtask is reset.
   */
  get allSourcesAtEnd(): boolean {
    for (; this.#sourcesAtEnd < this.#sources.length; this.#sourcesAtEnd += 1) {
      const place = this.#sources[this.#sourcesAtEnd] ?? 0;
      if (this.#executions.ended[place] !== 1 && this.#executions.stateAt(place) !== "FINISHED") return false;
    }
    return true;
  }

  /** A current attempt; those of earlier restarts are unknown. */
  execution(attemptId: ExecutionAttemptID): Execution | undefined {
    const place = this.#executions.find(attemptId);
    return place === -1 ? undefined : this.#executions.at(place);
  }

  /** State of a current attempt; `undefined` for every other. */
  stateOf(attemptId: ExecutionAttemptID): ExecutionState | undefined {
    const place = this.#executions.find(attemptId);
    return place === -1 ? undefined : this.#executions.stateAt(place);
  }

  /** Where a current attempt runs, or is to run. */
  slotOf(attemptId: ExecutionAttemptID): AssignedSlot | undefined {
    const place = this.#executions.find(attemptId);
    return place === -1 ? undefined : this.#executions.slots[place];
  }

  /** @throws SluiceException ILLEGAL_STATE if no attempt was there ever. */
  executionAt(place: number): Execution {
    return this.#executions.at(place);
  }

  /** When the attempt entered each state; 0 if never. A copy. */
  stateTimestampsOf({ place }: Execution): Record<ExecutionState, number> {
    return this.#executions.timestamps.of(place);
  }

  /** Every current attempt, in topological order, then by subtask. */
  executions(): readonly Execution[] {
    const executions: Execution[] = [];
    this.#executions.attemptIds.forEach((attemptId, place) => {
      if (attemptId !== undefined) executions.push(this.#executions.at(place));
    });
    return executions;
  }

  /** Those that have a slot there. Linear in them, but for the first time after slots have changed. */
  executionsOn(location: ResourceID): readonly Execution[] {
    this.#placesOn ??= this.#executions.placesByLocation();
    return (this.#placesOn.get(location) ?? []).map((place) => this.#executions.at(place));
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
        return this.#changeExecutions(event);
      case "slots-assigned":
        for (const attemptId of event.attemptIds) {
          const place = this.#require(attemptId);
          this.#executions.slots[place] = event.slots[this.places.subtaskIndexAt(place)];
        }
        this.#placesOn = undefined;
        return;
      case "deployment-acknowledged":
        for (const attemptId of event.attemptIds) this.#executions.acknowledged[this.#require(attemptId)] = 1;
        return;
      case "metrics-reported":
        this.#executions.metrics[this.#require(event.attemptId)] = event.metrics;
        return;
      case "end-of-data":
        for (const attemptId of event.attemptIds) this.#executions.ended[this.#require(attemptId)] = 1;
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

  #changeExecutions(event: ExecutionGraphEvent & { readonly kind: "executions-changed" }): void {
    const executions = this.#executions;
    const { state, nowMillis, failure, metrics } = event;
    const code = codeOfState(state);
    let legal: ExecutionState | undefined;
    for (const attemptId of event.attemptIds) {
      const place = this.#require(attemptId);
      const from = executions.stateAt(place);
      if (from !== legal && !canTransitionExecution(from, state)) {
        throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId}: ${from} cannot become ${state}`);
      }
      legal = from;
      executions.enter(place, code, nowMillis);
      if (failure !== undefined) executions.failures.set(place, failure);
      if (metrics !== undefined) executions.metrics[place] = metrics;
    }
  }

  #reset({ attemptIds, attemptNumber, nowMillis }: ExecutionGraphEvent & { readonly kind: "executions-reset" }): void {
    const executions = this.#executions;
    const created = { code: codeOfState("CREATED"), nowMillis };
    for (const attemptId of attemptIds) {
      const place = this.#placeOf(attemptId);
      const old = executions.attemptIds[place];
      const oldNumber = executions.attemptNumbers[place] ?? 0;
      if (old !== undefined && !isTerminalExecutionState(executions.stateAt(place))) {
        throw new SluiceException("ILLEGAL_STATE", `attempt ${old}: reset while ${executions.stateAt(place)}`);
      }
      executions.put(place, attemptId, created);
      executions.attemptNumbers[place] = old === undefined ? attemptNumber : oldNumber + 1;
    }
    this.#placesOn = undefined;
    this.#sourcesAtEnd = 0;
  }

  #adopt({ attempts, nowMillis }: ExecutionGraphEvent & { readonly kind: "executions-adopted" }): void {
    const executions = this.#executions;
    const running = { code: codeOfState("RUNNING"), nowMillis };
    for (const { attemptId, attemptNumber, slot, endOfData } of attempts) {
      const place = this.#placeOf(attemptId);
      const state = executions.attemptIds[place] === undefined ? undefined : executions.stateAt(place);
      if (state !== "SCHEDULED") {
        throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId}: takes a place that is ${state}`);
      }
      executions.put(place, attemptId, running);
      executions.attemptNumbers[place] = attemptNumber;
      executions.slots[place] = slot;
      executions.ended[place] = endOfData ? 1 : 0;
      executions.acknowledged[place] = 1;
    }
    this.#placesOn = undefined;
  }

  /** Of an attempt that is to come. */
  #placeOf(attemptId: ExecutionAttemptID): number {
    const place = placeOf(attemptId);
    if (this.places.vertexAt(place) !== undefined) return place;
    throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId}: no subtask ${place} of ${this.size}`);
  }

  #require(attemptId: ExecutionAttemptID): number {
    const place = this.#executions.find(attemptId);
    if (place === -1) throw new SluiceException("ILLEGAL_STATE", `attempt ${attemptId} is not in the graph`);
    return place;
  }
}

function zeroPerStatus(): Record<JobStatus, number> {
  const timestamps: Partial<Record<JobStatus, number>> = {};
  for (const status of JOB_STATUSES) timestamps[status] = 0;
  // The loop named every status.
  return timestamps as Record<JobStatus, number>;
}
