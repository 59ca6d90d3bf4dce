import { UnknownMessageException } from "../../rpc/exceptions.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";
import type { EncodedValue } from "./value-codec.ts";

/**
 * A frame is one message in a body, in both directions: length of the head, length of all attachments (unsigned 32-bit,
 * little-endian), the head as UTF-8 JSON, the attachments one behind the other. Its head is
 * `{...fields, "value": json, "meta"?: superjson's, "attachments"?: [lengths]}`.
 */
export const FRAME_MEDIA_TYPE = "application/vnd.sluice.rpc.v1";

const PREFIX_BYTES = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a frame says: fields that are plain JSON, and one wire value. */
export interface Frame {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const { json, meta, attachments } = encodeValue(frame.value);
  const head = encoder.encode(
    JSON.stringify({
      ...frame.fields,
      value: json,
      ...(meta === undefined ? {} : { meta }),
      ...(attachments.length === 0 ? {} : { attachments: attachments.map((bytes) => bytes.byteLength) }),
    }),
  );
  const attached = attachments.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  const bytes = new Uint8Array(PREFIX_BYTES + head.byteLength + attached);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.byteLength, true);
  view.setUint32(4, attached, true);
  bytes.set(head, PREFIX_BYTES);
  let offset = PREFIX_BYTES + head.byteLength;
  for (const attachment of attachments) {
    bytes.set(attachment, offset);
    offset += attachment.byteLength;
  }
  return bytes;
}

/** One frame behind the other. */
export function concatenated(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.byteLength, 0));
  let offset = 0;
  for (const frame of frames) {
    bytes.set(frame, offset);
    offset += frame.byteLength;
  }
  return bytes;
}

/** Takes a body apart, chunk by chunk as it comes. */
export class FrameReader {
  readonly #limitBytes: number;
  #buffered = new Uint8Array(0);
  #length = 0;

  /** @param limitBytes longest frame; a longer one is refused by its prefix, before it is buffered. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether the body ended between two frames. */
  get complete(): boolean {
    return this.#length === 0;
  }

  /**
   * The frames that `chunk` completes, undecoded.
   *
   * @throws UnknownMessageException if one is longer than the limit.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    this.#append(chunk);
    const frames: Uint8Array[] = [];
    let offset = 0;
    while (this.#length - offset >= PREFIX_BYTES) {
      const view = new DataView(this.#buffered.buffer, this.#buffered.byteOffset + offset, PREFIX_BYTES);
      const size = PREFIX_BYTES + view.getUint32(0, true) + view.getUint32(4, true);
      if (size > this.#limitBytes) {
        throw new UnknownMessageException(`malformed body: a frame of ${size} bytes, the limit is ${this.#limitBytes}`);
      }
      if (this.#length - offset < size) break;
      frames.push(this.#buffered.slice(offset, offset + size));
      offset += size;
    }
    this.#buffered.copyWithin(0, offset, this.#length);
    this.#length -= offset;
    return frames;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.byteLength;
    if (needed > this.#buffered.byteLength) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffered.byteLength));
      grown.set(this.#buffered.subarray(0, this.#length));
      this.#buffered = grown;
    }
    this.#buffered.set(chunk, this.#length);
    this.#length = needed;
  }
}

/**
 * Decodes one frame from anywhere. Its value is what superjson makes of it, unchecked.
 *
 * @throws UnknownMessageException naming what is wrong; nothing else.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = PREFIX_BYTES + view.getUint32(0, true);
  const { value: json, meta, attachments = [], ...fields } = parseHead(bytes.subarray(PREFIX_BYTES, headEnd));
  const parts = splitAttachments(bytes.subarray(headEnd), attachments);
  if (meta !== undefined && (typeof meta !== "object" || meta === null)) throw malformed("meta: expected an object");
  try {
    // What is not of superjson's form it throws at.
    const encoded = { json, attachments: parts, ...(meta === undefined ? {} : { meta }) } as EncodedValue;
    return { fields, value: decodeValue(encoded) };
  } catch (error) {
    throw malformed(`value: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseHead(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let head: unknown;
  try {
    head = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw malformed(`head: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) throw malformed("head: expected an object");
  return { ...head };
}

function splitAttachments(bytes: Uint8Array, lengths: unknown): readonly Uint8Array[] {
  if (!Array.isArray(lengths)) throw malformed("attachments: expected a list of lengths");
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const length of lengths) {
    if (!Number.isSafeInteger(length) || Number(length) < 0) throw malformed("attachments: expected a list of lengths");
    parts.push(bytes.subarray(offset, (offset += Number(length))));
  }
  if (offset !== bytes.byteLength) {
    throw malformed(`attachments: ${offset} bytes are announced, ${bytes.byteLength} are there`);
  }
  return parts;
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed frame: ${what.slice(0, 300)}`);
}
