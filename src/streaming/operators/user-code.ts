import { SluiceException } from "../../common/exceptions.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";

/**
 * A failure inside the user's functions, or in what they returned. The message begins with the operator; the stack is the
 * user's own, so that it leads to their line.
 *
 * @param where the operator as its author knows it: `map "parse"`.
 */
export function userCodeException(where: string, error: unknown): SluiceException {
  const thrown = error instanceof Error ? error : new Error(showValue(error));
  const exception = new SluiceException("USER_CODE", `${where}: ${thrown.message}`, { cause: thrown });
  exception.stack = `${exception.name}: ${exception.message}\nCaused by: ${thrown.stack ?? String(thrown)}`;
  return exception;
}

/** A record for a message: its `id` if it has one, else its beginning. */
export function describeRecord(value: unknown, recordNumber?: number): string {
  const number = recordNumber === undefined ? "record" : `record ${recordNumber}`;
  if (typeof value === "object" && value !== null && "id" in value) {
    const { id } = value;
    if (typeof id === "string" || typeof id === "number") return `${number} (id ${id})`;
  }
  return `${number} ${showValue(value)}`;
}
