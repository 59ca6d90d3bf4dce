import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "./invalid-program.ts";

const MAX_LENGTH = 255;

/** @throws INVALID_PROGRAM if `name` cannot name an operator. */
export function requireOperatorName(name: unknown): string {
  return requireText("name", name);
}

/** @throws INVALID_PROGRAM if `uid` cannot identify an operator. */
export function requireUid(uid: unknown): string {
  return requireText("uid", uid);
}

function requireText(what: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "" && value.length <= MAX_LENGTH) return value;
  throw invalidProgram(`${what}: expected a text of 1 to ${MAX_LENGTH} characters, got ${showValue(value)}`);
}
