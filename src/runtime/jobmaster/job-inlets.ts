import * as z from "zod";
import { SluiceException } from "../../common/exceptions.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { isCheckpointOf, type CompletedCheckpoint, type StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import type { JobGraph, JobVertex } from "../jobgraph/job-graph.ts";
import {
  inletKey,
  type Producer,
  type PushedRecords,
  type PushOutcome,
  type RefusedRecord,
} from "../messages/pushed-records.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import { RecordCheck } from "./record-check.ts";

/** Batches that wait to be stored, over all inlets of a job; more are refused. */
const MAX_WAITING = 64;
/** Stored records that no checkpoint has read yet, per inlet; more are refused. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
const MAX_UNREAD_BATCHES = 2_000;
/** Senders whose last batch is remembered, per inlet. */
const MAX_PRODUCERS = 1_000;
const BATCH_DIGITS = 12;

const InletType = z.object({
  /** Batches ever stored; the next one's number. */
  batches: z.int(),
  /** By subtask: records in the batches that are discarded. */
  discarded: z.array(z.int()),
});
const BatchType = z.object({ records: z.int(), bytes: z.int() });
const ProducerType = z.object({ sequence: z.int() });
const HeadType = z.object({
  records: z.int(),
  producer: z.object({ id: z.string(), sequence: z.int() }).exactOptional(),
});

interface WaitingPush {
  readonly push: PushedRecords;
  readonly resolve: (outcome: PushOutcome) => void;
  readonly reject: (error: SluiceException) => void;
}

export interface JobInletsParts {
  readonly services: Pick<JobMasterServices, "log" | "whenSettled">;
  readonly storage: Pick<EndpointStorage, "delete" | "get" | "list" | "put">;
  readonly objects: ObjectStore;
  /** What the job's keys begin with. */
  readonly prefix: string;
  readonly jobGraph: JobGraph;
}

/**
 * What is sent to the sources of a job, awake or asleep: a log of batches per source, each an object of its own, in order
 * of acceptance. A batch is acknowledged when its object and the row about it are durable; one whose acknowledgement got
 * lost is known again by its sender's sequence. Batches go when a checkpoint has read them.
 */
export class JobInlets {
  readonly #parts: JobInletsParts;
  readonly #vertices: ReadonlyMap<string, JobVertex>;
  readonly #checks: ReadonlyMap<string, RecordCheck>;
  readonly #waiting = new Map<string, WaitingPush[]>();
  /** Inlets whose last batch, which was read without being known, is looked for. */
  readonly #finding = new Set<string>();
  #discardedFor: number | undefined;

  constructor(parts: JobInletsParts) {
    this.#parts = parts;
    const inlets = parts.jobGraph.vertices.flatMap((vertex) =>
      vertex.operators.flatMap(({ inlet }) => (inlet === undefined ? [] : [{ inlet, vertex }])),
    );
    this.#vertices = new Map(inlets.map(({ inlet, vertex }) => [inlet.name, vertex]));
    this.#checks = new Map(inlets.map(({ inlet }) => [inlet.name, new RecordCheck(inlet)]));
  }

  /** Whether a source of the job takes records of this name. */
  takes(inlet: string): boolean {
    return this.#vertices.has(inlet);
  }

  describeMissing(inlet: string): string {
    const known = [...this.#vertices.keys()];
    const has = known.length === 0 ? "has no source that takes records" : `takes records for ${known.join(", ")}`;
    return `source ${inlet} not found: the job ${has}`;
  }

  /** The first record of a batch that is none of the source's. */
  findBadRecord(inlet: string, push: PushedRecords): RefusedRecord | undefined {
    return this.#checks.get(inlet)?.refusalOf(push);
  }

  /**
   * Stores a batch whose records are sound, after those that came before it.
   *
   * Fails with QUOTA_EXCEEDED while too much waits or is unread, UNAVAILABLE if it is not known to be stored: sent again
   * with its sequence it is stored once.
   */
  push(inlet: string, push: PushedRecords): Promise<PushOutcome> {
    const refusal = this.#refusalOf(inlet, push);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<PushOutcome>();
    const waiting = this.#waiting.get(inlet) ?? [];
    waiting.push({ push, resolve, reject });
    this.#waiting.set(inlet, waiting);
    if (waiting.length === 1 && !this.#finding.has(inlet)) this.#store(inlet);
    return promise;
  }

  /** Whether the checkpoint has read all that was ever accepted, and nothing is about to be; one of another job has read none. */
  isDrained(checkpoint: StoredCheckpoint | undefined): boolean {
    const isOwn = checkpoint !== undefined && isCheckpointOf(this.#parts.prefix, checkpoint);
    return this.#isAllIn(isOwn ? checkpoint : undefined);
  }

  /** The job's checkpoint with what each sender sent last, if it holds all that was accepted. */
  withProducers(checkpoint: CompletedCheckpoint): CompletedCheckpoint {
    if (!this.#isAllIn(checkpoint)) return checkpoint;
    const producers = [...this.#vertices.keys()].flatMap((inlet) => {
      const prefix = `inlet-producer/${inlet}/`;
      const known = this.#parts.storage.list(prefix, ProducerType);
      return known.map(([key, { sequence }]) => ({ inlet, id: key.slice(prefix.length), sequence }));
    });
    return producers.length === 0 ? checkpoint : { ...checkpoint, producers };
  }

  /** The job starts from a checkpoint of another one: what that one was sent is known again. */
  adoptProducers({ producers = [] }: CompletedCheckpoint): void {
    for (const { inlet, id, sequence } of producers) if (this.takes(inlet)) this.#putProducer(inlet, { id, sequence });
  }

  /** Discards the batches that the newest checkpoint has read: no task starts from an older one. */
  discardRead(checkpoint: StoredCheckpoint | undefined): void {
    if (checkpoint === undefined || !isCheckpointOf(this.#parts.prefix, checkpoint)) return;
    if (checkpoint.checkpointId === this.#discardedFor) return;
    this.#discardedFor = checkpoint.checkpointId;
    const keys = [...this.#vertices].flatMap(([inlet, vertex]) => this.#discardReadOf(inlet, vertex, checkpoint));
    for (const [inlet, vertex] of this.#vertices) {
      const read = positionsOf(checkpoint, vertex);
      if (!this.#acceptedOf(inlet, vertex).some((records, subtask) => records < (read[subtask] ?? 0))) continue;
      this.#discardedFor = undefined;
      this.#find(inlet);
    }
    if (keys.length === 0) return;
    const { services, objects } = this.#parts;
    services.whenSettled(
      objects.delete(keys),
      () => undefined,
      // They go with the job's whole prefix at its end.
      (error) => services.log.warn("read batches could not be deleted", { reason: error.message }),
    );
  }

  #discardReadOf(inlet: string, vertex: JobVertex, checkpoint: CompletedCheckpoint): readonly string[] {
    const { storage } = this.#parts;
    const state = this.#inlet(inlet);
    const positions = positionsOf(checkpoint, vertex);
    const discarded = positions.map((_, subtask) => state.discarded[subtask] ?? 0);
    const behind = new Set<number>();
    const keys: string[] = [];
    for (const [key, { records }] of this.#unread(inlet)) {
      const batch = Number(key.slice(-BATCH_DIGITS));
      const subtask = batch % vertex.parallelism;
      const end = (discarded[subtask] ?? 0) + records;
      if (end > (positions[subtask] ?? 0)) behind.add(subtask);
      if (behind.has(subtask)) continue;
      discarded[subtask] = end;
      storage.delete(key);
      keys.push(this.#parts.prefix + inletKey(inlet, batch));
    }
    if (keys.length > 0) storage.put(`inlet/${inlet}`, { ...state, discarded });
    return keys;
  }

  #refusalOf(inlet: string, { producer }: PushedRecords): SluiceException | undefined {
    const waiting = [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
    const unread = this.#unread(inlet);
    const bytes = unread.reduce((sum, [, batch]) => sum + batch.bytes, 0);
    if (waiting >= MAX_WAITING || unread.length >= MAX_UNREAD_BATCHES || bytes >= MAX_UNREAD_BYTES) {
      const what = `${unread.length} batches with ${bytes} bytes are unread, ${waiting} are being stored`;
      return new SluiceException("QUOTA_EXCEEDED", `${inlet}: the job does not keep up: ${what}`, { retryable: true });
    }
    const prefix = `inlet-producer/${inlet}/`;
    if (producer === undefined || this.#sequenceOf(inlet, producer) !== undefined) return undefined;
    if (this.#parts.storage.list(prefix, ProducerType).length < MAX_PRODUCERS) return undefined;
    const most = `${inlet}: at most ${MAX_PRODUCERS} producers are told apart`;
    return new SluiceException("QUOTA_EXCEEDED", `producer: ${most}, and ${producer.id} is a new one`);
  }

  /** Stores the first batch that waits; an object that is there already was put by an earlier life, without its row. */
  #store(inlet: string): void {
    const first = this.#waiting.get(inlet)?.[0];
    if (first === undefined) return;
    const { services, objects } = this.#parts;
    const { push } = first;
    if (this.#isDuplicate(inlet, push)) return this.#settle(inlet, () => first.resolve({ kind: "duplicate" }));
    const key = this.#parts.prefix + inletKey(inlet, this.#inlet(inlet).batches);
    const failed = (error: SluiceException): void => {
      const unknown = `${inlet}: the records may not be stored: ${error.message}`;
      const answer = new SluiceException("UNAVAILABLE", unknown, { retryable: true, cause: error });
      this.#settle(inlet, () => first.reject(answer));
    };
    services.whenSettled(
      objects.put(key, encode(push), { kind: "if-absent" }),
      (written) => {
        if (written === undefined) {
          return services.whenSettled(
            objects.get(key),
            (found) => {
              if (found !== undefined) this.#appendFound(inlet, found.bytes);
              this.#store(inlet);
            },
            failed,
          );
        }
        const { producer, records } = push;
        this.#append(inlet, {
          records,
          bytes: push.bytes.byteLength,
          ...(producer === undefined ? {} : { producer }),
        });
        this.#settle(inlet, () => first.resolve({ kind: "accepted" }));
      },
      failed,
    );
  }

  /** The answer leaves with this turn's rows; then the next one's turn comes. */
  #settle(inlet: string, answer: () => void): void {
    const waiting = this.#waiting.get(inlet);
    waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(inlet);
    answer();
    this.#store(inlet);
  }

  /**
   * A batch was read that is not known: its row was lost with an earlier life, or with the answer to its put. Whoever is
   * storing one finds it too, or it is theirs; nobody stores one meanwhile.
   */
  #find(inlet: string): void {
    if (this.#finding.has(inlet) || this.#waiting.has(inlet)) return;
    this.#finding.add(inlet);
    const found = (object: Uint8Array | undefined): void => {
      this.#finding.delete(inlet);
      if (object !== undefined) this.#appendFound(inlet, object);
      this.#store(inlet);
    };
    const { services, objects, prefix } = this.#parts;
    services.whenSettled(
      objects.get(prefix + inletKey(inlet, this.#inlet(inlet).batches)),
      (object) => found(object?.bytes),
      () => found(undefined),
    );
  }

  #appendFound(inlet: string, object: Uint8Array): void {
    this.#append(inlet, { ...headOf(object), bytes: object.byteLength });
  }

  #append(
    inlet: string,
    batch: { readonly records: number; readonly bytes: number; readonly producer?: Producer },
  ): void {
    const { storage } = this.#parts;
    const { records, bytes, producer } = batch;
    const state = this.#inlet(inlet);
    // Its object may have been there, and been read, long before its row.
    this.#discardedFor = undefined;
    storage.put(`inlet-batch/${inlet}/${String(state.batches).padStart(BATCH_DIGITS, "0")}`, { records, bytes });
    storage.put(`inlet/${inlet}`, { ...state, batches: state.batches + 1 });
    if (producer !== undefined) this.#putProducer(inlet, producer);
  }

  #putProducer(inlet: string, { id, sequence }: Producer): void {
    this.#parts.storage.put(`inlet-producer/${inlet}/${id}`, { sequence });
  }

  /** Nothing is unread, and nothing was read that is not known. */
  #isAllIn(checkpoint: CompletedCheckpoint | undefined): boolean {
    if (this.#waiting.size > 0) return false;
    return [...this.#vertices].every(([inlet, vertex]) => {
      const read = positionsOf(checkpoint, vertex);
      return this.#acceptedOf(inlet, vertex).every((records, subtask) => records === (read[subtask] ?? 0));
    });
  }

  /** By subtask: records in its batches. */
  #acceptedOf(inlet: string, { parallelism }: JobVertex): readonly number[] {
    const { discarded } = this.#inlet(inlet);
    const accepted = Array.from({ length: parallelism }, (_, subtask) => discarded[subtask] ?? 0);
    for (const [key, { records }] of this.#unread(inlet)) {
      const subtask = Number(key.slice(-BATCH_DIGITS)) % parallelism;
      accepted[subtask] = (accepted[subtask] ?? 0) + records;
    }
    return accepted;
  }

  #isDuplicate(inlet: string, { producer }: PushedRecords): boolean {
    const last = producer === undefined ? undefined : this.#sequenceOf(inlet, producer);
    return producer !== undefined && last !== undefined && producer.sequence <= last;
  }

  #sequenceOf(inlet: string, { id }: Producer): number | undefined {
    return this.#parts.storage.get(`inlet-producer/${inlet}/${id}`, ProducerType)?.sequence;
  }

  #inlet(inlet: string): z.output<typeof InletType> {
    return this.#parts.storage.get(`inlet/${inlet}`, InletType) ?? { batches: 0, discarded: [] };
  }

  /** Oldest first. */
  #unread(inlet: string): readonly (readonly [key: string, batch: z.output<typeof BatchType>])[] {
    return this.#parts.storage.list(`inlet-batch/${inlet}/`, BatchType);
  }
}

/** Records that each subtask of a source has read as of the checkpoint. */
function positionsOf(checkpoint: CompletedCheckpoint | undefined, vertex: JobVertex): readonly number[] {
  const snapshot = checkpoint?.vertices.find(({ jobVertexId }) => jobVertexId === vertex.id);
  return snapshot?.subtasks.map(({ sourcePosition }) => sourcePosition ?? 0) ?? [];
}

function encode({ records, producer, bytes }: PushedRecords): Uint8Array {
  const head = { records, ...(producer === undefined ? {} : { producer }) };
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  const object = new Uint8Array(line.byteLength + bytes.byteLength);
  object.set(line);
  object.set(bytes, line.byteLength);
  return object;
}

function headOf(object: Uint8Array): z.output<typeof HeadType> {
  const end = object.indexOf("\n".charCodeAt(0));
  return HeadType.parse(JSON.parse(new TextDecoder().decode(object.subarray(0, end))));
}
