import { SluiceException } from "../../common/exceptions.ts";

const NEWLINE = 0x0a;
/** Read beyond a chunk's end, where its last line mostly ends. */
const LINE_SLACK_BYTES = 4 * 1024;
/** Longer lines are refused: a line is held in memory whole. */
const MAX_LINE_BYTES = 1024 * 1024;

/** How an object is cut. */
export interface ChunkedObject {
  readonly size: number;
  readonly chunkBytes: number;
}

/**
 * The lines that begin in one chunk of an object, over bytes that come piece by piece. A line begins at the start of the
 * object or behind a newline; its end may lie in a later chunk.
 */
export class ChunkLines {
  readonly chunk: number;
  readonly #object: ChunkedObject;
  readonly #start: number;
  /** First offset behind the chunk. */
  readonly #end: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the first byte held. */
  #base: number;
  #offset: number | undefined;
  /** End of the line at {@link offset}, its newline excluded, once found. */
  #lineEnd = 0;

  /** @param offset where the next line begins, if that is known. */
  constructor(object: ChunkedObject, chunk: number, offset?: number) {
    this.chunk = chunk;
    this.#object = object;
    this.#start = chunk * object.chunkBytes;
    this.#end = Math.min(object.size, this.#start + object.chunkBytes);
    this.#offset = this.#start === 0 ? (offset ?? 0) : offset;
    // The byte before the chunk tells whether a line begins with it.
    this.#base = this.#offset ?? this.#start - 1;
  }

  get isBeyondEnd(): boolean {
    return this.#start >= this.#object.size;
  }

  /** Whether the next line's place is known. */
  get isAligned(): boolean {
    return this.#offset !== undefined;
  }

  /** Where the next line begins; the chunk's start before that is known. */
  get offset(): number {
    return this.#offset ?? this.#start;
  }

  /** The next line without its newline; {@link advance} goes behind it. */
  peek(): Uint8Array | "needs-bytes" | "end-of-chunk" {
    this.#align();
    const offset = this.#offset;
    if (offset === undefined) return "needs-bytes";
    if (offset >= this.#end) return "end-of-chunk";
    const newline = this.#bytes.indexOf(NEWLINE, offset - this.#base);
    if (newline < 0 && this.#held < this.#object.size) return "needs-bytes";
    this.#lineEnd = newline < 0 ? this.#held : this.#base + newline;
    return this.#bytes.subarray(offset - this.#base, this.#lineEnd - this.#base);
  }

  advance(): void {
    this.#offset = this.#lineEnd + 1;
  }

  /** The bytes to {@link append} next; `undefined` if none are needed. */
  wanted(): { readonly offset: number; readonly length: number } | undefined {
    if (this.isBeyondEnd || this.peek() !== "needs-bytes") return undefined;
    if (this.#held - this.offset > MAX_LINE_BYTES) {
      throw new SluiceException(
        "SERIALIZATION",
        `the line at byte ${this.offset} is longer than ${MAX_LINE_BYTES} bytes`,
      );
    }
    // A line longer than expected doubles the next read.
    const more = LINE_SLACK_BYTES + Math.max(0, this.#held - this.offset);
    const end = Math.min(this.#object.size, Math.max(this.#end, this.#held) + more);
    return { offset: this.#held, length: end - this.#held };
  }

  append(bytes: Uint8Array): void {
    const kept = this.#bytes.subarray((this.#offset ?? this.#base) - this.#base);
    const all = new Uint8Array(kept.byteLength + bytes.byteLength);
    all.set(kept);
    all.set(bytes, kept.byteLength);
    this.#base = this.#held - kept.byteLength;
    this.#bytes = all;
  }

  /** First offset behind the bytes held. */
  get #held(): number {
    return this.#base + this.#bytes.byteLength;
  }

  /** Finds the first line that begins in the chunk; without one the chunk is at its end. */
  #align(): void {
    if (this.#offset !== undefined || this.#held < this.#end) return;
    const newline = this.#bytes.subarray(0, this.#end - this.#base).indexOf(NEWLINE);
    this.#offset = newline < 0 ? this.#end : this.#base + newline + 1;
  }
}
