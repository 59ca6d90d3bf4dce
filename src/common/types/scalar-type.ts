import type { DataInput, DataOutput } from "./data-io.ts";
import { incompatible } from "./serializer-compatibility.ts";
import type { ColumnLayout, SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";
import { typeMismatch } from "./type-mismatch-exception.ts";

interface ScalarCodec<T> {
  readonly id: string;
  readonly expected: string;
  readonly column: ColumnLayout;
  is(value: unknown): value is T;
  /** Where several values are one when written. */
  canonical?(value: T): T;
  write(value: T, output: DataOutput): void;
  read(input: DataInput): T;
}

const VERSION = 1;

/** A type without parts: compatible with itself and nothing else. */
class ScalarType<T> implements TypeInformation<T> {
  readonly description: string;
  readonly column: ColumnLayout;
  readonly #codec: ScalarCodec<T>;

  constructor(codec: ScalarCodec<T>) {
    this.description = codec.id;
    this.column = codec.column;
    this.#codec = codec;
  }

  parse(value: unknown): T {
    if (!this.#codec.is(value)) throw typeMismatch(this.#codec.expected, value);
    return this.#codec.canonical?.(value) ?? value;
  }

  serialize(value: T, output: DataOutput): void {
    this.#codec.write(value, output);
  }

  deserialize(input: DataInput): T {
    return this.#codec.read(input);
  }

  snapshot(): SerializerSnapshot {
    return { id: this.#codec.id, version: VERSION };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<T> {
    if (written.id === this.#codec.id && written.version === VERSION) return { kind: "as-is" };
    return incompatible(this.description, written);
  }
}

export const STRING_TYPE: TypeInformation<string> = new ScalarType({
  id: "string",
  expected: "a string",
  column: { kind: "string" },
  is: (value) => typeof value === "string",
  write: (value, output) => output.writeString(value),
  read: (input) => input.readString(),
});

export const BOOLEAN_TYPE: TypeInformation<boolean> = new ScalarType({
  id: "boolean",
  expected: "true or false",
  column: { kind: "boolean" },
  is: (value) => typeof value === "boolean",
  write: (value, output) => output.writeByte(value ? 1 : 0),
  read: (input) => input.readByte() !== 0,
});

/** Integers have one zero; `Math.round(-0.2)` is the other one. */
const withoutNegativeZero = (value: number): number => value + 0;

export const INT_TYPE: TypeInformation<number> = new ScalarType({
  id: "int",
  expected: "an integer of 32 bits",
  column: { kind: "int" },
  is: (value): value is number => typeof value === "number" && (value | 0) === value,
  canonical: withoutNegativeZero,
  write: (value, output) => output.writeInt(value),
  read: (input) => input.readInt(),
});

const TWO_TO_32 = 2 ** 32;

export const LONG_TYPE: TypeInformation<number> = new ScalarType({
  id: "long",
  expected: "an integer of at most 53 bits",
  column: { kind: "long" },
  is: (value): value is number => Number.isSafeInteger(value),
  canonical: withoutNegativeZero,
  // The two words of Java's 64 bit long, without the allocation of a bigint.
  write: (value, output) => {
    output.writeInt(value | 0);
    output.writeInt(Math.floor(value / TWO_TO_32));
  },
  read: (input) => {
    const low = input.readInt() >>> 0;
    return input.readInt() * TWO_TO_32 + low;
  },
});

export const DOUBLE_TYPE: TypeInformation<number> = new ScalarType({
  id: "double",
  expected: "a number",
  column: { kind: "double" },
  is: (value) => typeof value === "number",
  write: (value, output) => output.writeDouble(value),
  read: (input) => input.readDouble(),
});
