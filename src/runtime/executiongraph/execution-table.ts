import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { JobVertex } from "../jobgraph/job-graph.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import { EXECUTION_STATES, type ExecutionState } from "../messages/execution-state.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import { NO_METRICS, type TaskMetrics } from "../messages/task-metrics.ts";
import type { AssignedSlot, Execution } from "./execution.ts";
import { StateCounts } from "./state-counts.ts";
import { StateTimestamps } from "./state-timestamps.ts";
import type { SubtaskPlaces } from "./subtask-places.ts";
import { groupByTaskExecutor, type TaskExecutorTable } from "./task-executor-table.ts";

interface EnteredState {
  readonly code: number;
  readonly nowMillis: number;
}

/**
 * The current attempt of each subtask of a graph, in columns by place. A wide job has a hundred thousand: columns are walked at
 * the speed of memory and never moved by the garbage collector; objects are neither. Holds no rules: {@link ExecutionGraph} has
 * them.
 */
export class ExecutionTable {
  readonly places: SubtaskPlaces;
  /** Attempts in each state. */
  readonly counts: StateCounts;
  readonly timestamps: StateTimestamps;
  readonly attemptIds: (ExecutionAttemptID | undefined)[];
  readonly attemptNumbers: Int32Array;
  readonly slots: (AssignedSlot | undefined)[];
  /** 1 for one whose deployment was acknowledged. */
  readonly acknowledged: Uint8Array;
  /** 1 for one that has emitted all its data. */
  readonly ended: Uint8Array;
  readonly failures = new Map<number, SerializedThrowable>();
  readonly metrics: (TaskMetrics | undefined)[];
  /** By place, as codes. */
  readonly #states: Uint8Array;
  /** By code. */
  readonly #counts = new Uint32Array(EXECUTION_STATES.length);

  constructor(places: SubtaskPlaces) {
    const length = places.size;
    this.places = places;
    this.counts = new StateCounts(this.#counts);
    this.timestamps = new StateTimestamps(length);
    this.attemptIds = Array.from({ length });
    this.attemptNumbers = new Int32Array(length);
    this.slots = Array.from({ length });
    this.acknowledged = new Uint8Array(length);
    this.ended = new Uint8Array(length);
    this.metrics = Array.from({ length });
    this.#states = new Uint8Array(length);
  }

  /** The place of a current attempt; -1 for every other. */
  find(attemptId: ExecutionAttemptID): number {
    const place = placeOf(attemptId);
    return this.attemptIds[place] === attemptId ? place : -1;
  }

  /** Of a place that has an attempt. */
  stateAt(place: number): ExecutionState {
    return EXECUTION_STATES[this.#codeAt(place)] ?? "CREATED";
  }

  /** The attempt at `place` has another state from now on. @param code of the state. */
  enter(place: number, code: number, nowMillis: number): void {
    this.#count(this.#codeAt(place), -1);
    this.#stamp(place, code, nowMillis);
  }

  /** A new attempt, over the one that was there. @param code of its state. */
  put(place: number, attemptId: ExecutionAttemptID, { code, nowMillis }: EnteredState): void {
    if (this.attemptIds[place] !== undefined) this.#clear(place);
    this.attemptIds[place] = attemptId;
    this.#stamp(place, code, nowMillis);
  }

  /** What is told of the attempt at a place that has one. */
  at(place: number): Execution {
    const attemptId = this.attemptIds[place];
    if (attemptId === undefined) throw new SluiceException("ILLEGAL_STATE", `subtask ${place} has no attempt`);
    return new ExecutionRow(this, place, attemptId);
  }

  /** Of the attempts that have slots. */
  placesByLocation(): TaskExecutorTable<number[]> {
    return groupByTaskExecutor(this.slots.keys(), (place) => this.slots[place]?.location);
  }

  #codeAt(place: number): number {
    return this.#states[place] ?? 0;
  }

  #count(code: number, change: number): void {
    this.#counts[code] = (this.#counts[code] ?? 0) + change;
  }

  #stamp(place: number, code: number, nowMillis: number): void {
    this.#count(code, 1);
    this.#states[place] = code;
    this.timestamps.enter(place, code, nowMillis);
  }

  #clear(place: number): void {
    this.#count(this.#codeAt(place), -1);
    this.timestamps.clear(place);
    this.attemptNumbers[place] = 0;
    this.slots[place] = undefined;
    this.acknowledged[place] = 0;
    this.ended[place] = 0;
    this.failures.delete(place);
    this.metrics[place] = undefined;
  }
}

/** Looks at one row for as long as the attempt is in it. */
class ExecutionRow implements Execution {
  readonly attemptId: ExecutionAttemptID;
  readonly place: number;
  readonly #table: ExecutionTable;

  constructor(table: ExecutionTable, place: number, attemptId: ExecutionAttemptID) {
    this.#table = table;
    this.place = place;
    this.attemptId = attemptId;
  }

  get vertex(): JobVertex {
    const vertex = this.#table.places.vertexAt(this.place);
    if (vertex === undefined) throw this.#gone();
    return vertex;
  }

  get subtaskIndex(): number {
    return this.#table.places.subtaskIndexAt(this.place);
  }

  get attemptNumber(): number {
    return this.#current().attemptNumbers[this.place] ?? 0;
  }

  get state(): ExecutionState {
    return this.#current().stateAt(this.place);
  }

  get slot(): AssignedSlot | undefined {
    return this.#current().slots[this.place];
  }

  get deploymentAcknowledged(): boolean {
    return this.#current().acknowledged[this.place] === 1;
  }

  get failure(): SerializedThrowable | undefined {
    return this.#current().failures.get(this.place);
  }

  get metrics(): TaskMetrics {
    return this.#current().metrics[this.place] ?? NO_METRICS;
  }

  get endOfData(): boolean {
    return this.#current().ended[this.place] === 1;
  }

  #current(): ExecutionTable {
    if (this.#table.attemptIds[this.place] === this.attemptId) return this.#table;
    throw this.#gone();
  }

  #gone(): SluiceException {
    return new SluiceException("ILLEGAL_STATE", `attempt ${this.attemptId} is not in the graph any more`);
  }
}
