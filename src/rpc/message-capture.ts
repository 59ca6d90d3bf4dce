import { classNameOf, copyMeasured } from "../common/wire-value.ts";
import type { Measured, WireValue } from "../common/wire-value.ts";
import { SerializationException } from "./exceptions.ts";
import type { CapturedArguments } from "./ports/rpc-channel.ts";

/**
 * Largest message, by the approximate size of its arguments or result: well under the 32 MiB at which the platform
 * refuses a message, and no larger than a mailbox.
 */
export const MAX_MESSAGE_BYTES = 16 * 1_024 * 1_024;

/**
 * Checks and copies the arguments of a call: later changes are not seen by the callee.
 *
 * @throws SerializationException at once, tells included, if one cannot be sent or the message is too large (contract P1).
 */
export function captureArguments(args: readonly unknown[], what: () => string): CapturedArguments {
  const { value, bytes } = serializable(() => copyMeasured(args, `${what()} argument`));
  requireMessageSize(bytes, () => `arguments of ${what()}`);
  // copyMeasured admits wire values only.
  return { values: value as readonly WireValue[], bytes };
}

/**
 * Checks and copies what a handler returned.
 *
 * @throws SerializationException naming the method, the bad value's path or the size (contract Z7, Z8).
 */
export function captureResult(result: unknown, label: string): Measured<WireValue> {
  const { value, bytes } = serializable(() => copyMeasured(result, `result of ${label}`));
  requireMessageSize(bytes, () => `result of ${label}`);
  // copyMeasured admits wire values only.
  return { value: value as WireValue, bytes };
}

export function invocationText(
  gateway: string,
  method: string,
  call: { readonly kind: string; readonly args: readonly unknown[] },
): string {
  return `${call.kind}(${gateway}.${method}(${call.args.map(typeName).join(", ")}))`;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return classNameOf(value) || "object";
}

/** @throws SerializationException if a message of so many bytes is too large; `what` names it. */
export function requireMessageSize(bytes: number, what: () => string): void {
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new SerializationException(`${what()}: about ${bytes} bytes, the limit is ${MAX_MESSAGE_BYTES}`);
  }
}

/** What `copy` gives. @throws SerializationException for what it throws. */
function serializable<T>(copy: () => T): T {
  try {
    return copy();
  } catch (error) {
    throw new SerializationException(error instanceof Error ? error.message : String(error));
  }
}
