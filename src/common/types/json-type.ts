import type { DataInput, DataOutput } from "./data-io.ts";
import { incompatible } from "./serializer-compatibility.ts";
import type { ColumnLayout, SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";
import { inStep, typeMismatch } from "./type-mismatch-exception.ts";

/** What JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

const VERSION = 1;
/** Deeper ones would overflow the stack, here or where they are written. */
const MAX_DEPTH = 500;

/** Any JSON value, written as its text: the slow type that needs no declaration. */
class JsonType implements TypeInformation<JsonValue> {
  readonly description = "json";
  readonly column: ColumnLayout = { kind: "binary" };

  /** Refuses what JSON would silently change: `undefined`, `NaN`, dates, class instances, functions. */
  parse(value: unknown): JsonValue {
    requireJson(value, 0);
    return value;
  }

  serialize(value: JsonValue, output: DataOutput): void {
    output.writeString(JSON.stringify(value));
  }

  deserialize(input: DataInput): JsonValue {
    // Whatever JSON text says is a JSON value.
    return JSON.parse(input.readString()) as JsonValue;
  }

  snapshot(): SerializerSnapshot {
    return { id: "json", version: VERSION };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<JsonValue> {
    if (written.id === "json" && written.version === VERSION) return { kind: "as-is" };
    return incompatible(this.description, written);
  }
}

export const JSON_TYPE: TypeInformation<JsonValue> = new JsonType();

function requireJson(value: unknown, depth: number): asserts value is JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return;
  if (depth === MAX_DEPTH) throw typeMismatch(`a JSON value nested at most ${MAX_DEPTH} deep`, value);
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) inStep(`[${index}]`, () => requireJson(element, depth + 1));
    return;
  }
  if (typeof value !== "object" || !isPlain(value)) throw typeMismatch("a JSON value", value);
  for (const [name, item] of Object.entries(value)) {
    // An absent optional property may be spelled out.
    if (item !== undefined) inStep(name, () => requireJson(item, depth + 1));
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || isForeignObjectPrototype(prototype);
}

/** `Object.prototype` of another realm: values that came from a sandbox or a test runner's context. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return typeof prototype === "object" && prototype !== null && Object.getPrototypeOf(prototype) === null;
}
