import { SluiceException } from "../exceptions.ts";
import type { DataInput } from "./data-io.ts";

const VARINT_PAYLOAD_BITS = 7;
const VARINT_PAYLOAD = 0x7f;
const VARINT_MORE = 0x80;
const VARINT_MAX_SHIFT = 28;
/** What is left of 32 bits in the fifth byte of a varint. */
const VARINT_LAST_BYTE_LIMIT = 0x0f;
/** `String.fromCharCode` takes its units as arguments, whose number is limited. */
const UNITS_PER_CALL = 4_096;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** {@link DataInput} over bytes that the owner does not change meanwhile. */
export class DataInputView implements DataInput {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#position;
  }

  readByte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  readInt(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  readVarint(): number {
    let value = 0;
    for (let shift = 0; shift <= VARINT_MAX_SHIFT; shift += VARINT_PAYLOAD_BITS) {
      const byte = this.readByte();
      if (shift === VARINT_MAX_SHIFT && byte > VARINT_LAST_BYTE_LIMIT) break;
      value += (byte & VARINT_PAYLOAD) * 2 ** shift;
      if ((byte & VARINT_MORE) === 0) return value;
    }
    throw new SluiceException("SERIALIZATION", `varint before byte ${this.#position} is longer than 32 bits`);
  }

  readDouble(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  readLong(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  readString(): string {
    const header = this.readVarint();
    const byteLength = Math.floor(header / 2);
    const start = this.#take(byteLength);
    if (header % 2 === 0) return this.#decodeUtf8(start, byteLength);
    return this.#decodeUtf16(start, byteLength);
  }

  readBytes(): Uint8Array {
    const byteLength = this.readVarint();
    const start = this.#take(byteLength);
    return this.#bytes.slice(start, start + byteLength);
  }

  #decodeUtf8(start: number, byteLength: number): string {
    try {
      return decoder.decode(this.#bytes.subarray(start, start + byteLength));
    } catch (cause) {
      throw new SluiceException("SERIALIZATION", `string at byte ${start} is no UTF-8`, { cause });
    }
  }

  #decodeUtf16(start: number, byteLength: number): string {
    let text = "";
    for (let offset = 0; offset < byteLength; offset += UNITS_PER_CALL * 2) {
      const end = Math.min(offset + UNITS_PER_CALL * 2, byteLength);
      const units: number[] = [];
      for (let at = offset; at < end; at += 2) units.push(this.#view.getUint16(start + at, true));
      text += String.fromCharCode(...units);
    }
    return text;
  }

  #take(count: number): number {
    if (count > this.remaining) {
      throw new SluiceException(
        "SERIALIZATION",
        `data ends after ${this.#bytes.byteLength} bytes, expected ${count} more at byte ${this.#position}`,
      );
    }
    const start = this.#position;
    this.#position += count;
    return start;
  }
}
