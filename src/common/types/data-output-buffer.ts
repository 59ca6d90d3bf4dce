import { SluiceException } from "../exceptions.ts";
import type { DataOutput } from "./data-io.ts";

const INITIAL_CAPACITY = 256;
const VARINT_PAYLOAD_BITS = 7;
const VARINT_PAYLOAD = 0x7f;
const VARINT_MORE = 0x80;
const ASCII_LIMIT = 0x80;
/** Strings up to this length are tried as ASCII in a plain loop, which beats the encoder's call. */
const ASCII_LOOP_LENGTH = 64;
const UINT32_LIMIT = 2 ** 32;

const encoder = new TextEncoder();

/** {@link DataOutput} into memory. One owner; {@link clear} makes it reusable without a new allocation. */
export class DataOutputBuffer implements DataOutput {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  writeByte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  writeInt(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#length, value, true);
    this.#length += 4;
  }

  writeVarint(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= UINT32_LIMIT) {
      throw new SluiceException("SERIALIZATION", `varint: expected an integer from 0 to 2^32 - 1, got ${value}`);
    }
    this.#reserve(5);
    let rest = value;
    while (rest > VARINT_PAYLOAD) {
      this.#bytes[this.#length++] = (rest & VARINT_PAYLOAD) | VARINT_MORE;
      rest >>>= VARINT_PAYLOAD_BITS;
    }
    this.#bytes[this.#length++] = rest;
  }

  writeDouble(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  writeLong(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, value, true);
    this.#length += 8;
  }

  writeString(value: string): void {
    if (value.length <= ASCII_LOOP_LENGTH && this.#writeAscii(value)) return;
    if (value.isWellFormed()) {
      const bytes = encoder.encode(value);
      this.writeVarint(bytes.byteLength * 2);
      this.#append(bytes);
      return;
    }
    // A lone surrogate has no UTF-8 form, and a replacement character would be another key.
    this.writeVarint(value.length * 2 * 2 + 1);
    this.#reserve(value.length * 2);
    for (let index = 0; index < value.length; index++) {
      this.#view.setUint16(this.#length, value.charCodeAt(index), true);
      this.#length += 2;
    }
  }

  writeBytes(value: Uint8Array): void {
    this.writeVarint(value.byteLength);
    this.#append(value);
  }

  toUint8Array(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #writeAscii(value: string): boolean {
    const start = this.#length;
    this.writeVarint(value.length * 2);
    this.#reserve(value.length);
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index);
      if (unit >= ASCII_LIMIT) {
        this.#length = start;
        return false;
      }
      this.#bytes[this.#length++] = unit;
    }
    return true;
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
