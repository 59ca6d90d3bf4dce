import type { SluiceException } from "../../common/exceptions.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "../graph/invalid-program.ts";

const MAX_DURATION_MILLIS = 365 * 86_400_000;

/** @throws INVALID_PROGRAM, as all checks here: naming the option, what it takes and what it got. */
export function requireObject(option: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw optionFault(option, "an object", value);
}

export function requireCount(option: string, value: unknown, least = 0): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw optionFault(option, `a whole number from ${least}`, value);
}

export function requireDuration(option: string, value: unknown, least: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= MAX_DURATION_MILLIS)
    return value;
  throw optionFault(option, `a duration such as seconds(1), from ${least} ms to a year`, value);
}

export function optionFault(option: string, expected: string, value: unknown): SluiceException {
  return invalidProgram(`${option}: expected ${expected}, got ${showValue(value)}`);
}
