import { SluiceException } from "../../common/exceptions.ts";
import type { DataInput, DataOutput } from "../../common/types/data-io.ts";
import { DataOutputBuffer } from "../../common/types/data-output-buffer.ts";
import type {
  ColumnLayout,
  SerializerCompatibility,
  SerializerSnapshot,
  TypeInformation,
} from "../../common/types/type-information.ts";
import { typeMismatch } from "../../common/types/type-mismatch-exception.ts";

/** Scheme of {@link KeyHash}; a snapshot's key groups are only valid under the scheme that made them. */
export const KEY_HASH = "flink-v1";

/** Java's hash code of a key: a signed 32 bit integer. */
export type KeyHash = (key: unknown) => number;

/** What tells two keys of one type apart in a JavaScript `Map`. */
export type KeyIdentity = (key: unknown) => unknown;

const VERSION = 1;
const STRING_TAG = 0;
const FALSE_TAG = 1;
const TRUE_TAG = 2;

/** Keys whose type was not declared: strings and booleans. A number could be Java's int or double, which hash apart. */
class UndeclaredKeyType implements TypeInformation<string | boolean> {
  readonly description = "string|boolean";
  readonly column: ColumnLayout = { kind: "binary" };

  parse(value: unknown): string | boolean {
    if (typeof value !== "string" && typeof value !== "boolean") throw typeMismatch("a string or boolean", value);
    return value;
  }

  serialize(value: string | boolean, output: DataOutput): void {
    if (typeof value === "boolean") {
      output.writeByte(value ? TRUE_TAG : FALSE_TAG);
      return;
    }
    output.writeByte(STRING_TAG);
    output.writeString(value);
  }

  deserialize(input: DataInput): string | boolean {
    const tag = input.readByte();
    return tag === STRING_TAG ? input.readString() : tag === TRUE_TAG;
  }

  snapshot(): SerializerSnapshot {
    return { id: "undeclared-key", version: VERSION };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<string | boolean> {
    if (written.id === "undeclared-key" && written.version === VERSION) return { kind: "as-is" };
    return { kind: "incompatible", reason: `expected ${this.description}, the snapshot holds ${written.id}` };
  }
}

export const UNDECLARED_KEY_TYPE: TypeInformation<string | boolean> = new UndeclaredKeyType();

/** Whether values of `type` can be keys: scalars and rows of these. */
export function isKeyType(type: TypeInformation<unknown>): boolean {
  if (type === UNDECLARED_KEY_TYPE) return true;
  if (type.column.kind === "row") return type.column.fields.every(([, field]) => isKeyType(field));
  return type.column.kind !== "binary";
}

/**
 * The hash of keys of `type`, equal to Java's for the boxed type. Rows, which have no portable hash there, combine their
 * fields' hashes like `java.util.List`.
 *
 * @throws INVALID_ARGUMENT if `type` is no key type.
 */
export function keyHashOf(type: TypeInformation<unknown>): KeyHash {
  if (type === UNDECLARED_KEY_TYPE) return (key) => (typeof key === "boolean" ? hashBoolean(key) : hashString(key));
  switch (type.column.kind) {
    case "string":
      return hashString;
    case "boolean":
      return hashBoolean;
    case "int":
      return (key) => Number(key) | 0;
    case "long":
      return hashLong;
    case "double":
      return hashDouble;
    case "row":
      return rowHash(type.column.fields);
    case "binary":
      throw noKeyType(type);
  }
}

/** @throws INVALID_ARGUMENT if `type` is no key type. */
export function keyIdentityOf(type: TypeInformation<unknown>): KeyIdentity {
  if (!isKeyType(type)) throw noKeyType(type);
  switch (type.column.kind) {
    case "row":
      return serializedIdentity(type);
    case "double":
      // A Map takes both zeros for one key; Java, whose hash sends them to different groups, does not.
      return (key) => (Object.is(key, -0) ? "-0" : key);
    default:
      return (key) => key;
  }
}

function serializedIdentity(type: TypeInformation<unknown>): KeyIdentity {
  const output = new DataOutputBuffer();
  return (key) => {
    output.clear();
    type.serialize(key, output);
    return String.fromCharCode(...output.toUint8Array());
  };
}

function noKeyType(type: TypeInformation<unknown>): SluiceException {
  return new SluiceException(
    "INVALID_ARGUMENT",
    `${type.description} is no type for keys. Keys are strings, booleans, typed numbers or rows of these.`,
  );
}

const HASH_MULTIPLIER = 31;
const TRUE_HASH = 1231;
const FALSE_HASH = 1237;
const TWO_TO_32 = 2 ** 32;

function hashString(key: unknown): number {
  const text = String(key);
  let hash = 0;
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, HASH_MULTIPLIER) + text.charCodeAt(index)) | 0;
  }
  return hash;
}

function hashBoolean(key: unknown): number {
  return key === true ? TRUE_HASH : FALSE_HASH;
}

function hashLong(key: unknown): number {
  const value = Number(key);
  return (value | 0) ^ Math.floor(value / TWO_TO_32);
}

const doubleBits = new DataView(new ArrayBuffer(8));
const CANONICAL_NAN_HASH = 0x7ff8_0000;

function hashDouble(key: unknown): number {
  const value = Number(key);
  if (Number.isNaN(value)) return CANONICAL_NAN_HASH;
  doubleBits.setFloat64(0, value);
  return doubleBits.getInt32(0) ^ doubleBits.getInt32(4);
}

function rowHash(fields: readonly (readonly [name: string, type: TypeInformation<unknown>])[]): KeyHash {
  const parts = fields.map(([name, type]) => ({ name, hash: keyHashOf(type) }));
  return (key) => {
    // A key of a row type was parsed, so it is an object.
    const row = key as Readonly<Record<string, unknown>>;
    let hash = 1;
    for (const part of parts) hash = (Math.imul(hash, HASH_MULTIPLIER) + part.hash(row[part.name])) | 0;
    return hash;
  };
}
