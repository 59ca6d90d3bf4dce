/** Appends values in the snapshot formats' encoding (little endian, UTF-8 strings with a length). Grows as needed. */
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
