import { SluiceException } from "../exceptions.ts";

const MAX_SHOWN_LENGTH = 60;

/** A value that does not fit its type. The message reads `<path>: expected <what>, got <value>`. */
export class TypeMismatchException extends SluiceException {
  readonly path: string;
  readonly problem: string;

  constructor(problem: string, path = "") {
    super("SERIALIZATION", path === "" ? problem : `${path}: ${problem}`);
    this.path = path;
    this.problem = problem;
  }

  /** The same problem, seen from the value that contains it. @param step `name` of a field or `[index]`. */
  within(step: string): TypeMismatchException {
    const separator = this.path === "" || this.path.startsWith("[") ? "" : ".";
    return new TypeMismatchException(this.problem, `${step}${separator}${this.path}`);
  }
}

/** @param expected with its article: `a string`. */
export function typeMismatch(expected: string, value: unknown): TypeMismatchException {
  return new TypeMismatchException(`expected ${expected}, got ${showValue(value)}`);
}

/** Runs `body` for the part of a value at `step`; its mismatch names the whole path. */
export function inStep<T>(step: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof TypeMismatchException ? error.within(step) : error;
  }
}

/** A value as one short line for a message; total. */
export function showValue(value: unknown): string {
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null)
    return typeof value === "string" ? shortened(JSON.stringify(value)) : String(value);
  if (value instanceof Date || value instanceof Map || value instanceof Set || value instanceof Promise) {
    return `a ${value.constructor.name}`;
  }
  try {
    return shortened(JSON.stringify(value) ?? "an object");
  } catch {
    return "an object";
  }
}

function shortened(text: string): string {
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH - 1)}…`;
}
