import { copyMeasured } from "../../common/wire-value.ts";

/** Text beyond Latin-1 travels in two bytes a character, and what it holds is not looked at. */
const BYTES_PER_CHARACTER = 2;

/** At most so many bytes on the wire. */
export function jsonBytes(json: string): number {
  return json.length * BYTES_PER_CHARACTER;
}

/** About so many bytes as a clone. */
export function clonedBytes(value: unknown): number {
  return copyMeasured(value, "value").bytes;
}

/**
 * JSON of `value` if JSON carries it without loss; `undefined` for everything else, which structured clone carries.
 *
 * @param value of the wire's closed list already.
 */
export function plainJson(value: unknown): string | undefined {
  return isPlain(value) ? JSON.stringify(value) : undefined;
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

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      // JSON knows neither infinities, nor NaN, nor a negative zero.
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      return value === null || isPlainObject(value);
    default:
      return false;
  }
}

function isPlainObject(value: object): boolean {
  if (Array.isArray(value)) {
    for (const member of value) if (!isPlain(member)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  // A member of this name would be called by JSON.stringify.
  for (const [key, member] of Object.entries(value)) if (key === "toJSON" || !isPlain(member)) return false;
  return true;
}
