/**
 * Appends values in the snapshot formats' encoding: little endian, lengths as varints. A string is twice its length in
 * bytes plus a flag, then UTF-8, or with the flag set UTF-16 (only text with a lone surrogate, which UTF-8 would change).
 * Grows as needed.
 */
export interface DataOutput {
  readonly length: number;
  writeByte(value: number): void;
  writeInt(value: number): void;
  /** Unsigned, 1 to 5 bytes. */
  writeVarint(value: number): void;
  writeDouble(value: number): void;
  writeLong(value: bigint): void;
  writeString(value: string): void;
  writeBytes(value: Uint8Array): void;
  /** The bytes written so far; a copy. */
  toUint8Array(): Uint8Array;
}

/** Reads what {@link DataOutput} wrote, in order. Reading past the end throws SERIALIZATION. */
export interface DataInput {
  readonly position: number;
  readonly remaining: number;
  readByte(): number;
  readInt(): number;
  readVarint(): number;
  readDouble(): number;
  readLong(): bigint;
  readString(): string;
  readBytes(): Uint8Array;
}
