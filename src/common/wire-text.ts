import { SluiceException } from "./exceptions.ts";
import { copyWireValue, setOwn, typedArrayKind, typedArrayKindByName } from "./wire-value.ts";

/**
 * Text form of wire values, for storage: JSON as it is, and what JSON lacks as an object with the key `$`:
 * `{"$":"undefined"}`, `{"$":"number","v":"-0"}`, `{"$":"bigint","v":"12"}`, `{"$":"date","v":millis|null}`,
 * `{"$":"map","v":[[key,value],...]}`, `{"$":"set","v":[...]}`, `{"$":"buffer","v":base64}`,
 * `{"$":"Uint8Array","v":base64}` (any typed array by its name; host byte order, little-endian on every platform we run on),
 * `{"$":"object","v":[[key,value],...]}` for an object that itself has a key `$`.
 */
export function encodeWireText(value: unknown, path: string): string {
  return wireTextOf(copyWireValue(value, path));
}

/** {@link encodeWireText} of what is known to be of the closed list. */
export function wireTextOf(value: unknown): string {
  return JSON.stringify(taggedWireValue(value));
}

/**
 * The inverse of {@link encodeWireText}.
 *
 * @throws SluiceException `SERIALIZATION` naming `path` if the text is none of ours.
 */
export function decodeWireText(text: string, path: string): unknown {
  try {
    return untagged(JSON.parse(text));
  } catch (error) {
    throw new SluiceException("SERIALIZATION", `${path}: stored text cannot be read`, { cause: error });
  }
}

const TAG = "$";

/** {@link wireTextOf} before it is text: plain JSON that shares nothing with `value`. */
export function taggedWireValue(value: unknown): unknown {
  switch (typeof value) {
    case "undefined":
      return { [TAG]: "undefined" };
    case "bigint":
      return { [TAG]: "bigint", v: value.toString() };
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [TAG]: "number", v: Object.is(value, -0) ? "-0" : String(value) };
    case "object":
      return value === null ? null : taggedObject(value);
    default:
      return value;
  }
}

function taggedObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(taggedWireValue);
  if (value instanceof Date) return { [TAG]: "date", v: Number.isNaN(value.getTime()) ? null : value.getTime() };
  if (value instanceof Map)
    return { [TAG]: "map", v: Array.from(value, ([key, member]) => [taggedWireValue(key), taggedWireValue(member)]) };
  if (value instanceof Set) return { [TAG]: "set", v: Array.from(value, taggedWireValue) };
  if (value instanceof ArrayBuffer) return { [TAG]: "buffer", v: toBase64(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { [TAG]: typedArrayKind(value)?.name, v: toBase64(bytes) };
  }
  if (Object.hasOwn(value, TAG))
    return { [TAG]: "object", v: Object.entries(value).map(([key, member]) => [key, taggedWireValue(member)]) };
  const record: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setOwn(record, key, taggedWireValue(member));
  return record;
}

function untagged(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  if (Object.hasOwn(value, TAG)) return fromTag(value);
  const record: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setOwn(record, key, untagged(member));
  return record;
}

function fromTag(encoded: { readonly [TAG]?: unknown; readonly v?: unknown }): unknown {
  const { [TAG]: tag, v } = encoded;
  switch (tag) {
    case "undefined":
      return undefined;
    case "number":
      return Number(text(v));
    case "bigint":
      return BigInt(text(v));
    case "date":
      return new Date(v === null ? Number.NaN : Number(v));
    case "map":
      return new Map(pairs(v).map(([key, member]) => [untagged(key), untagged(member)]));
    case "set":
      return new Set(list(v).map(untagged));
    case "buffer":
      return fromBase64(text(v));
    case "object": {
      const record: Record<string, unknown> = {};
      for (const [key, member] of pairs(v)) setOwn(record, text(key), untagged(member));
      return record;
    }
    default: {
      const kind = typedArrayKindByName(text(tag));
      if (kind === undefined) throw new TypeError(`unknown tag ${text(tag)}`);
      return kind.fromBytes(fromBase64(text(v)));
    }
  }
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`expected text, got ${typeof value}`);
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`expected a list, got ${typeof value}`);
  return value;
}

function pairs(value: unknown): readonly (readonly [unknown, unknown])[] {
  return list(value).map((pair) => {
    const [key, member] = list(pair);
    return [key, member];
  });
}

const CHUNK = 8_192;

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return btoa(binary);
}

function fromBase64(encoded: string): ArrayBuffer {
  const binary = atob(encoded);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes.buffer;
}
