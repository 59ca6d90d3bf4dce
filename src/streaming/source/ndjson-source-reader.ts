import { SluiceException, type ExceptionCode } from "../../common/exceptions.ts";
import { types, type TypeOf } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { OperatorPart } from "../state/operator-state-codec.ts";
import { ChunkLines } from "./chunk-lines.ts";
import { eventTimeOf } from "../../common/types/event-time-field.ts";
import { RateLimit } from "./rate-limit.ts";
import { SourcePositionCodec } from "./source-position-codec.ts";
import { initialSplit, leastSplit, type SourceSplit } from "./source-splits.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "./source.ts";

export interface NdjsonSourceSettings<T> {
  /** Without the `objects/` before it. */
  readonly key: string;
  readonly type: TypeInformation<T>;
  readonly recordsPerSecond?: number;
  readonly timestampField?: string;
  readonly chunkBytes?: number;
}

/** Each subtask gets about this many chunks, so that all end at about the same time. */
const CHUNKS_PER_SUBTASK = 8;
const LEAST_CHUNK_BYTES = 4 * 1024;
const GREATEST_CHUNK_BYTES = 1024 * 1024;
/** Read to find the number of a bad line. */
const LINE_COUNT_RANGE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

const OpenObject = types.row({
  /** Another object has other records at the same place. */
  etag: types.string(),
  size: types.long(),
  chunkBytes: types.long(),
});
type OpenObject = TypeOf<typeof OpenObject>;

/** Units of the splits are chunks; an offset is where the next line of the chunk begins. */
const codec = new SourcePositionCodec(OpenObject);

type Objects = Pick<ObjectStore, "get" | "head">;

/** A split whose chunk is being read. */
interface OpenSplit {
  readonly split: SourceSplit;
  readonly lines: ChunkLines;
}

/** Reads the chunks of one subtask, in order of the object. */
export class NdjsonSourceReader<T> implements SourceReader<T> {
  readonly #settings: NdjsonSourceSettings<T>;
  readonly #context: SourceReaderContext;
  readonly #rate: RateLimit;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  #object: OpenObject | undefined;
  /** Compared with the store before the first read after a restore. */
  #verified = false;
  /** Without the one that is being read. */
  #splits: readonly SourceSplit[];
  #open: OpenSplit | undefined;
  #recordsRead: number;
  #badLine: { readonly offset: number; readonly error: unknown } | undefined;

  constructor(settings: NdjsonSourceSettings<T>, context: SourceReaderContext) {
    this.#settings = settings;
    this.#context = context;
    const position = codec.decode(context);
    const { recordsPerSecond } = settings;
    const { clock, parallelism } = context;
    this.#rate = new RateLimit(clock, { recordsPerSecond, parallelism, dueMillis: position?.dueMillis });
    this.#object = position?.input;
    this.#splits = position?.splits ?? [initialSplit(context)];
    this.#recordsRead = position?.recordsRead ?? 0;
  }

  poll(limit: number, emit: (value: T, timestamp: number | undefined) => void): PollStatus {
    if (!this.#verified || this.#badLine !== undefined) return { kind: "needs-fetch" };
    const permits = this.#rate.permits(limit);
    for (let read = 0; ;) {
      const lines = this.#current();
      if (lines === undefined) return { kind: "end" };
      const line = lines.peek();
      if (line === "needs-bytes") return { kind: "needs-fetch" };
      if (line === "end-of-chunk") {
        this.#closeChunk();
        continue;
      }
      if (read >= permits)
        return permits === limit ? { kind: "more" } : { kind: "wait-until", dueMillis: this.#rate.dueMillis };
      const record = this.#parse(line, lines.offset);
      if (record === "bad") return { kind: "needs-fetch" };
      lines.advance();
      if (record === "blank") continue;
      read += 1;
      this.#rate.used(1);
      this.#recordsRead += 1;
      emit(record.value, record.timestamp);
    }
  }

  /**
   * Opens the object, or reads on.
   *
   * @throws NOT_FOUND, or SERIALIZATION for the bad line that `poll` met, CONFLICT if the object has changed.
   */
  async fetch(objects: Objects): Promise<void> {
    if (this.#badLine !== undefined) throw await this.#badLineError(this.#badLine, objects);
    if (!this.#verified) await this.#verify(objects);
    const lines = this.#current();
    const range = lines?.wanted();
    if (range !== undefined) lines?.append(await this.#read(range, objects));
  }

  snapshotPosition(): OperatorPart {
    const open = this.#open;
    const current =
      open === undefined ? [] : [{ ...open.split, ...(open.lines.isAligned ? { offset: open.lines.offset } : {}) }];
    const splits = [...current, ...this.#splits];
    return codec.encode(
      { splits, recordsRead: this.#recordsRead, input: this.#object, dueMillis: this.#rate.position },
      this.#context,
    );
  }

  recordsRead(): number {
    return this.#recordsRead;
  }

  /** The chunk that is being read, or the next one; `undefined` at the end of all. */
  #current(): ChunkLines | undefined {
    const object = this.#object;
    if (this.#open !== undefined || object === undefined) return this.#open?.lines;
    const split = leastSplit(this.#splits);
    if (split === undefined) return undefined;
    const lines = new ChunkLines(object, split.next, split.offset);
    if (lines.isBeyondEnd) return undefined;
    this.#splits = this.#splits.filter((other) => other !== split);
    this.#open = { split, lines };
    return lines;
  }

  #closeChunk(): void {
    if (this.#open === undefined) return;
    const { next, step } = this.#open.split;
    this.#splits = [...this.#splits, { next: next + step, step }];
    this.#open = undefined;
  }

  async #verify(objects: Objects): Promise<void> {
    const info = await objects.head(this.#storeKey);
    if (info === undefined) throw this.#missing();
    if (this.#object === undefined) {
      const { parallelism } = this.#context;
      const even = Math.ceil(info.size / (parallelism * CHUNKS_PER_SUBTASK));
      const automatic = Math.min(GREATEST_CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, even));
      this.#object = { etag: info.etag, size: info.size, chunkBytes: this.#settings.chunkBytes ?? automatic };
    }
    this.#requireUnchanged(info.etag);
    this.#verified = true;
  }

  async #read(range: { readonly offset: number; readonly length: number }, objects: Objects): Promise<Uint8Array> {
    const object = await objects.get(this.#storeKey, range);
    if (object === undefined) throw this.#missing();
    this.#requireUnchanged(object.etag);
    return object.bytes;
  }

  #parse(
    line: Uint8Array,
    offset: number,
  ): { readonly value: T; readonly timestamp: number | undefined } | "blank" | "bad" {
    try {
      const text = this.#decoder.decode(line);
      if (text.trim() === "") return "blank";
      const json: unknown = JSON.parse(text);
      return { value: this.#settings.type.parse(json), timestamp: eventTimeOf(json, this.#settings.timestampField) };
    } catch (error) {
      this.#badLine = { offset, error };
      return "bad";
    }
  }

  /** Chunks are read in parallel, so a line's number is only counted when it is wanted. */
  async #badLineError(
    bad: { readonly offset: number; readonly error: unknown },
    objects: Objects,
  ): Promise<SluiceException> {
    let number = 1;
    for (let offset = 0; offset < bad.offset; offset += LINE_COUNT_RANGE_BYTES) {
      const length = Math.min(LINE_COUNT_RANGE_BYTES, bad.offset - offset);
      for (const byte of await this.#read({ offset, length }, objects)) if (byte === NEWLINE) number += 1;
    }
    const { error } = bad;
    const problem = error instanceof Error ? error.message : String(error);
    const what = error instanceof SyntaxError ? `not JSON: ${problem}` : problem;
    return inputException("SERIALIZATION", `${this.#settings.key} line ${number}: ${what}`, error);
  }

  #requireUnchanged(etag: string): void {
    if (this.#object === undefined || this.#object.etag === etag) return;
    throw inputException(
      "CONFLICT",
      `${this.#settings.key} was replaced while the job read it. Submit the job again to read the new one.`,
    );
  }

  #missing(): SluiceException {
    const { key } = this.#settings;
    return inputException(
      "NOT_FOUND",
      `${key} does not exist. Upload it: curl --upload-file FILE <url>/v1/sluice/objects/${key}`,
    );
  }

  get #storeKey(): string {
    return `objects/${this.#settings.key}`;
  }
}

/** The input is what it is: no restart is tried, the job fails at once (FO-12). */
function inputException(code: ExceptionCode, message: string, cause?: unknown): SluiceException {
  const suppressed = new SluiceException("SUPPRESS_RESTARTS", "another attempt would read the same input", { cause });
  return new SluiceException(code, message, { cause: suppressed });
}
