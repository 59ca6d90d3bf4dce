import { MAX_WIRE_DEPTH } from "../../common/wire-value.ts";

/** Text beyond Latin-1 travels in two bytes a character, and what it holds is not looked at. */
const BYTES_PER_CHARACTER = 2;

/** At most so many bytes on the wire. */
export function jsonBytes(json: string): number {
  return json.length * BYTES_PER_CHARACTER;
}

/**
 * JSON of `value`, as it is now, if it is of the wire's closed list and JSON carries it without loss; `undefined` for
 * everything else: what structured clone carries, and what cannot be sent at all.
 */
export function plainJson(value: unknown): string | undefined {
  // The commonest of all.
  if (typeof value === "number") return isPlainNumber(value) ? String(value) : undefined;
  try {
    return isPlain(value, 0) ? JSON.stringify(value) : undefined;
  } catch {
    // Of a getter: whoever copies the value meets it again, and says where.
    return undefined;
  }
}

/** {@link plainJson} of an array, and of what came in the place of one. */
export function plainJsonArray(values: readonly unknown[]): string | undefined {
  if (!Array.isArray(values)) return plainJson(values);
  let json = "";
  for (let index = 0; index < values.length; index += 1) {
    const member = plainJson(values[index]);
    if (member === undefined) return undefined;
    json = index === 0 ? member : `${json},${member}`;
  }
  return `[${json}]`;
}

/** Members of an array; none of anything else. */
export function parts(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What `text` says; `undefined` if it is no JSON text. */
export function parsedJson(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON knows neither infinities, nor NaN, nor a negative zero. */
function isPlainNumber(value: number): boolean {
  return Number.isFinite(value) && (value !== 0 || !Object.is(value, -0));
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return isPlainNumber(value);
    case "object":
      return value === null || isPlainObject(value, depth);
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number): boolean {
  // Nested too deeply, or containing itself.
  if (depth >= MAX_WIRE_DEPTH) return false;
  // It would be called by JSON.stringify.
  if ("toJSON" in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Array.prototype && Array.isArray(value)) {
    const members: readonly unknown[] = value;
    for (const member of members) if (!isPlain(member, depth + 1)) return false;
    return true;
  }
  if (prototype !== Object.prototype) return false;
  const record = value as Readonly<Record<string, unknown>>;
  for (const key in record) if (!isPlain(record[key], depth + 1)) return false;
  // A member with a symbol for a name would be lost.
  return Object.getOwnPropertySymbols(value).length === 0;
}
