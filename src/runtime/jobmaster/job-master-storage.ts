import * as z from "zod";
import type { ValueType } from "../../common/value-type.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { CheckpointCounts } from "../checkpoint/checkpoint-stats-tracker.ts";
import type { CheckpointPointer } from "../checkpoint/checkpoint-storage.ts";
import { EXCEPTION_HISTORY_SIZE } from "../executiongraph/exception-history.ts";
import { NO_RESTARTS, type RestartCounts } from "../executiongraph/restart-counts.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import type {
  ExceptionHistoryEntry,
  ExecutionGraphInfo,
  ExecutionJobVertexInfo,
} from "../messages/execution-graph-info.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SnapshotOperation, SnapshotOperationInfo } from "../messages/snapshot-operations.ts";

/** An operation as the JobMaster stores it. */
export interface StoredOperation extends SnapshotOperationInfo {
  readonly operation: SnapshotOperation;
  /** The savepoint of a job that stops is complete; the operation is when all tasks have finished (SVP-06). */
  readonly stoppedAt?: { readonly checkpointId: number; readonly location: string };
}

/** The job this JobMaster is for. */
export interface StoredJob {
  readonly jobGraph: JobGraph;
  readonly dispatcherAddress: string;
  readonly quotas: JobQuotas;
  readonly submittedMillis: number;
}

/** An end that was decided and may not be reached yet: no recovery starts the job again. */
export type StoredEnding =
  | { readonly kind: "cancel" }
  /** With the savepoint at `location`, which is complete; what its tasks had staged is to be committed yet. */
  | { readonly kind: "stop"; readonly location: string }
  | { readonly kind: "fail"; readonly failure?: SerializedThrowable };

/** Who has acknowledged the end of the job. */
export interface HandoverState {
  readonly dispatcher: boolean;
  readonly resourceManager: boolean;
}

/** A sleep of the job, from its beginning until its tasks are deployed anew. */
export interface StoredSleep {
  /** Which of the job's sleeps it is, from 1. */
  readonly sleep: number;
  /** When the job wakes by itself. */
  readonly dueMillis?: number;
  /** The ResourceManager knows of it. */
  readonly released: boolean;
  /** It is over; the tasks are not deployed yet. */
  readonly waking: boolean;
}

const SleepType = z.object({
  sleep: z.int(),
  dueMillis: z.number().exactOptional(),
  released: z.boolean(),
  waking: z.boolean(),
});
const RestartCountsType = z.object({
  total: z.int(),
  charged: z.int(),
  freeWithoutProgress: z.int(),
  lastMillis: z.number(),
  failureTimestamps: z.array(z.number()).exactOptional(),
  backoff: z.object({ attempts: z.int(), nextMillis: z.number() }).exactOptional(),
});
const CheckpointPointerType = z.object({
  checkpointId: z.int(),
  pointer: z.string(),
  etag: z.string(),
  unclaimed: z.boolean().exactOptional(),
});
const CheckpointCountsType = z.object({
  restored: z.int(),
  total: z.int(),
  inProgress: z.int(),
  completed: z.int(),
  failed: z.int(),
});
const HandoverStateType = z.object({ dispatcher: z.boolean(), resourceManager: z.boolean() });

/**
 * Messages of the runtime that this JobMaster itself has stored; the schema version of the database says their form.
 */
function stored<T>(): ValueType<T> {
  return { parse: (value) => value as T };
}

const ID_DIGITS = 12;

/**
 * What a JobMaster keeps durably. Every method belongs to the turn that decides what it stores. Nothing about single
 * attempts is kept: without its memory a JobMaster starts all of them anew.
 */
export class JobMasterStorage {
  readonly #storage: EndpointStorage;

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
  }

  get job(): StoredJob | undefined {
    return this.#storage.get("job", stored<StoredJob>());
  }

  putJob(job: StoredJob): void {
    this.#storage.put("job", job);
  }

  /** Whether the job was here and is over: it must not start again by a late repeat. */
  get released(): boolean {
    return this.#storage.get("released", z.boolean()) ?? false;
  }

  /** Drops everything but the fact that the job is over. */
  release(): void {
    this.#storage.deleteAll();
    this.#storage.put("released", true);
  }

  /** Highest attempt number ever given; -1 before the first. */
  get attemptNumber(): number {
    return this.#storage.get("attempt-number", z.int()) ?? -1;
  }

  putAttemptNumber(attemptNumber: number): void {
    this.#storage.put("attempt-number", attemptNumber);
  }

  /** Attempt number, by region, of what was deployed last; tasks of any other are superseded. */
  get deployedAttempts(): readonly number[] {
    return this.#storage.get("deployed-attempts", z.array(z.int())) ?? [];
  }

  putDeployedAttempts(attemptNumbers: readonly number[]): void {
    this.#storage.put("deployed-attempts", attemptNumbers);
  }

  get restarts(): RestartCounts {
    return this.#storage.get("restarts", RestartCountsType) ?? NO_RESTARTS;
  }

  putRestarts(restarts: RestartCounts): void {
    this.#storage.put("restarts", restarts);
  }

  /** Oldest first. */
  get exceptions(): readonly ExceptionHistoryEntry[] {
    return this.#storage.list("exception/", stored<ExceptionHistoryEntry>()).map(([, entry]) => entry);
  }

  /** Appends an entry, or replaces the newest one, to which a concurrent failure was added. */
  putException(entry: ExceptionHistoryEntry, concurrent: boolean): void {
    const last = this.#storage.get("exception-number", z.int()) ?? 0;
    const number = concurrent ? Math.max(last, 1) : last + 1;
    this.#storage.put("exception-number", number);
    this.#storage.put(`exception/${padded(number)}`, entry);
    this.#storage.delete(`exception/${padded(number - EXCEPTION_HISTORY_SIZE)}`);
  }

  /** Retained checkpoints, oldest first. */
  get checkpoints(): readonly CheckpointPointer[] {
    return this.#storage.list("checkpoint/", CheckpointPointerType).map(([, pointer]) => pointer);
  }

  addCheckpoint(pointer: CheckpointPointer, dropped: readonly number[]): void {
    this.#storage.put(`checkpoint/${padded(pointer.checkpointId)}`, pointer);
    for (const id of dropped) this.#storage.delete(`checkpoint/${padded(id)}`);
  }

  /** Highest checkpoint id that may have been used. */
  get reservedCheckpointIds(): number {
    return this.#storage.get("checkpoint-ids", z.int()) ?? 0;
  }

  reserveCheckpointIds(upTo: number): void {
    this.#storage.put("checkpoint-ids", upTo);
  }

  get checkpointCounts(): CheckpointCounts | undefined {
    return this.#storage.get("checkpoint-counts", CheckpointCountsType);
  }

  putCheckpointCounts(counts: CheckpointCounts): void {
    this.#storage.put("checkpoint-counts", counts);
  }

  /** By trigger id. */
  get operations(): readonly StoredOperation[] {
    return this.#storage.list("operation/", stored<StoredOperation>()).map(([, operation]) => operation);
  }

  operation(triggerId: string): StoredOperation | undefined {
    return this.#storage.get(`operation/${triggerId}`, stored<StoredOperation>());
  }

  putOperation(operation: StoredOperation): void {
    this.#storage.put(`operation/${operation.triggerId}`, operation);
  }

  deleteOperation(triggerId: string): void {
    this.#storage.delete(`operation/${triggerId}`);
  }

  get ending(): StoredEnding | undefined {
    return this.#storage.get("ending", stored<StoredEnding>());
  }

  putEnding(ending: StoredEnding): void {
    this.#storage.put("ending", ending);
  }

  /** The picture of the ended job; a row per vertex keeps every row small. */
  get terminalInfo(): ExecutionGraphInfo | undefined {
    return this.#info("terminal");
  }

  putTerminalInfo(info: ExecutionGraphInfo): void {
    this.#putInfo("terminal", info);
  }

  /** The sleep the job is in, or wakes from. */
  get sleep(): StoredSleep | undefined {
    return this.#storage.get("sleep", SleepType);
  }

  putSleep(sleep: StoredSleep): void {
    this.#storage.put("sleep", sleep);
    this.#storage.put("sleeps", sleep.sleep);
  }

  /** Idempotent. */
  endSleep(): void {
    this.#storage.delete("sleep");
  }

  /** Sleeps the job ever began. */
  get sleeps(): number {
    return this.#storage.get("sleeps", z.int()) ?? 0;
  }

  /** The picture of the job that sleeps. */
  get sleepingInfo(): ExecutionGraphInfo | undefined {
    return this.#info("sleeping");
  }

  putSleepingInfo(info: ExecutionGraphInfo): void {
    this.#putInfo("sleeping", info);
  }

  get handover(): HandoverState {
    return this.#storage.get("handover", HandoverStateType) ?? { dispatcher: false, resourceManager: false };
  }

  putHandover(state: HandoverState): void {
    this.#storage.put("handover", state);
  }

  #info(name: "terminal" | "sleeping"): ExecutionGraphInfo | undefined {
    const info = this.#storage.get(name, stored<ExecutionGraphInfo>());
    if (info === undefined) return undefined;
    const vertices = this.#storage
      .list(`${name}-vertex/`, stored<ExecutionJobVertexInfo>())
      .map(([, vertex]) => vertex);
    return { ...info, vertices, exceptionHistory: this.exceptions };
  }

  #putInfo(name: "terminal" | "sleeping", info: ExecutionGraphInfo): void {
    this.#storage.put(name, { ...info, vertices: [], exceptionHistory: [] });
    for (const [index, vertex] of info.vertices.entries()) {
      this.#storage.put(`${name}-vertex/${padded(index)}`, vertex);
    }
  }
}

/** Numbers in keys sort as numbers. */
function padded(number: number): string {
  return String(number).padStart(ID_DIGITS, "0");
}
