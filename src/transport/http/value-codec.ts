import SuperJSON from "superjson";
import type { SuperJSONResult } from "superjson";
import { setOwn, typedArrayKind, typedArrayKindByName } from "../../common/wire-value.ts";

type Json = SuperJSONResult["json"];
type Meta = SuperJSONResult["meta"];

/** A wire value as JSON and, beside it, the bytes it contains. */
export interface EncodedValue {
  readonly json: Json;
  /** What superjson needs to restore what JSON lacks; absent where JSON says it all. */
  readonly meta?: Meta;
  /** What the markers in `json` count, in order. */
  readonly attachments: readonly Uint8Array[];
}

/** `value` has passed the wire's checker; its bytes are not copied. */
export function encodeValue(value: unknown): EncodedValue {
  // Most values are JSON as they are, and superjson would say the same at ten times the price.
  if (isJson(value)) return { json: value, attachments: [] };
  const attachments: Uint8Array[] = [];
  const { json, meta } = codec({
    add: (bytes) => attachments.push(bytes) - 1,
    take: () => new ArrayBuffer(0),
  }).serialize(value);
  return { json, attachments, ...(meta === undefined ? {} : { meta }) };
}

/**
 * The inverse of {@link encodeValue}, for data from anywhere. What it gives is not checked: superjson knows more values
 * than the wire admits.
 *
 * @throws whatever superjson throws for what it cannot read; TypeError for a marker without an attachment.
 */
export function decodeValue(encoded: EncodedValue): unknown {
  const { json, meta, attachments } = encoded;
  if (meta === undefined) return json;
  // References between values are never sent, and unfolded they could make a small message a huge one.
  const { v = 0 } = meta;
  return codec({
    add: () => 0,
    take: (index) => {
      const bytes = attachments[index];
      if (bytes === undefined) throw new TypeError(`no attachment ${index}`);
      return bytes.slice().buffer;
    },
  }).deserialize({ json, meta: meta.values === undefined ? { v } : { v, values: meta.values } }, { inPlace: true });
}

/** Where the bytes of one value are put and found. */
interface Attachments {
  add(bytes: Uint8Array): number;
  take(index: number): ArrayBuffer;
}

const BUFFER = "ArrayBuffer";

/** superjson, with bytes beside the text, and without its gaps: invalid dates, and keys that it refuses. */
function codec(attachments: Attachments): SuperJSON {
  const codec = new SuperJSON();
  codec.registerCustom<ArrayBuffer | ArrayBufferView, [string, number]>(
    {
      isApplicable: (value): value is ArrayBuffer | ArrayBufferView =>
        value instanceof ArrayBuffer || ArrayBuffer.isView(value),
      serialize: (value) =>
        ArrayBuffer.isView(value)
          ? [
              typedArrayKind(value)?.name ?? BUFFER,
              attachments.add(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
            ]
          : [BUFFER, attachments.add(new Uint8Array(value))],
      deserialize: ([name, index]) => {
        const bytes = attachments.take(index);
        return name === BUFFER ? bytes : typedArrayOf(name, bytes);
      },
    },
    "bytes",
  );
  codec.registerCustom<Date, null>(
    {
      isApplicable: (value): value is Date => value instanceof Date && Number.isNaN(value.getTime()),
      serialize: () => null,
      deserialize: () => new Date(Number.NaN),
    },
    "invalid-date",
  );
  codec.registerCustom<object, [string, Json][]>(
    {
      isApplicable: (value): value is object => hasRefusedKey(value),
      // The entries are walked further.
      serialize: (value) => Object.entries(value),
      deserialize: (entries) => {
        const record: Record<string, unknown> = {};
        for (const [key, member] of entries) setOwn(record, String(key), member);
        return record;
      },
    },
    "entries",
  );
  return codec;
}

function typedArrayOf(name: string, bytes: ArrayBuffer): ArrayBufferView {
  const kind = typedArrayKindByName(name);
  if (kind === undefined) throw new TypeError(`no kind of bytes is called ${name}`);
  return kind.fromBytes(bytes);
}

/** Keys in which superjson suspects an attack on prototypes; the wire takes them for what they are. */
const REFUSED_KEYS = ["__proto__", "constructor", "prototype"] as const;

function hasRefusedKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return REFUSED_KEYS.some((key) => Object.hasOwn(value, key));
}

/** Whether JSON gives `value` back as it is. */
function isJson(value: unknown): value is Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      if (value === null) return true;
      if (Array.isArray(value)) return value.every(isJson);
      if (Object.getPrototypeOf(value) !== Object.prototype) return false;
      return Object.values(value).every(isJson);
    default:
      return false;
  }
}
