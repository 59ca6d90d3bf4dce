import { UnknownMessageException } from "../../rpc/exceptions.ts";

/**
 * Bodies and messages are rows of frames, in both directions: length of the head, length of all attachments (unsigned
 * 32-bit, little-endian), the head as UTF-8 JSON, the attachments one behind the other.
 */
export const FRAME_MEDIA_TYPE = "application/vnd.sluice.rpc.v1";

const PREFIX_BYTES = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A frame, taken apart. */
export interface Frame {
  readonly head: Readonly<Record<string, unknown>>;
  /** All attachments. */
  readonly attached: Uint8Array;
}

/** @param head JSON of an object. */
export function encodeFrame(head: string, attachments: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(head);
  const attached = attachments.reduce((sum, part) => sum + part.byteLength, 0);
  const bytes = new Uint8Array(PREFIX_BYTES + text.byteLength + attached);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.byteLength, true);
  view.setUint32(4, attached, true);
  bytes.set(text, PREFIX_BYTES);
  let offset = PREFIX_BYTES + text.byteLength;
  for (const part of attachments) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/** Takes a body apart, chunk by chunk as it comes. */
export class FrameReader {
  readonly #limitBytes: number;
  // The beginning of a frame.
  #rest: Uint8Array = new Uint8Array(0);

  /** @param limitBytes longest frame; a longer one is refused by its prefix, before it is buffered. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether the body ended between two frames. */
  get complete(): boolean {
    return this.#rest.byteLength === 0;
  }

  /**
   * The frames that `chunk` completes, undecoded; they may share its memory.
   *
   * @throws UnknownMessageException if one is longer than the limit.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const bytes = this.#rest.byteLength === 0 ? chunk : this.#appended(chunk);
    const frames: Uint8Array[] = [];
    let offset = 0;
    while (bytes.byteLength - offset >= PREFIX_BYTES) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset, PREFIX_BYTES);
      const size = PREFIX_BYTES + view.getUint32(0, true) + view.getUint32(4, true);
      if (size > this.#limitBytes) {
        throw new UnknownMessageException(`malformed body: a frame of ${size} bytes, the limit is ${this.#limitBytes}`);
      }
      if (bytes.byteLength - offset < size) break;
      frames.push(bytes.subarray(offset, offset + size));
      offset += size;
    }
    this.#rest = bytes.subarray(offset);
    return frames;
  }

  /** Grows by doubling: a long frame in short chunks is not copied for each of them. */
  #appended(chunk: Uint8Array): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#rest;
    const needed = byteLength + chunk.byteLength;
    const free = this.#owned === buffer ? buffer.byteLength - byteOffset : 0;
    let whole: Uint8Array;
    if (needed <= free) {
      whole = new Uint8Array(buffer, byteOffset, needed);
    } else {
      whole = new Uint8Array(2 * needed).subarray(0, needed);
      this.#owned = whole.buffer;
      whole.set(this.#rest);
    }
    whole.set(chunk, byteLength);
    return whole;
  }

  // The buffer that is this reader's own.
  #owned: ArrayBufferLike | undefined;
}

/** Takes a frame apart. @throws UnknownMessageException naming what is wrong; nothing else. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = PREFIX_BYTES + view.getUint32(0, true);
  let head: unknown;
  try {
    head = JSON.parse(decoder.decode(bytes.subarray(PREFIX_BYTES, headEnd)));
  } catch (error) {
    throw malformed(`head: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) throw malformed("head: expected an object");
  // Checked right above.
  return { head: head as Readonly<Record<string, unknown>>, attached: bytes.subarray(headEnd) };
}

/** Hands a frame's attachments out in order. */
export class AttachmentReader {
  readonly #attached: Uint8Array;
  #offset = 0;

  constructor(attached: Uint8Array) {
    this.#attached = attached;
  }

  /** The next ones, of these lengths. @throws UnknownMessageException for what is no list of lengths. */
  take(lengths: unknown): readonly Uint8Array[] {
    if (!Array.isArray(lengths)) throw malformed("attachments: expected a list of lengths");
    return lengths.map((length) => {
      if (!Number.isSafeInteger(length) || Number(length) < 0)
        throw malformed("attachments: expected a list of lengths");
      return this.#attached.subarray(this.#offset, (this.#offset += Number(length)));
    });
  }

  /** @throws UnknownMessageException unless all have been taken, and no more. */
  end(): void {
    if (this.#offset === this.#attached.byteLength) return;
    throw malformed(`attachments: ${this.#offset} bytes are announced, ${this.#attached.byteLength} are there`);
  }
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed frame: ${what.slice(0, 300)}`);
}
