import { classNameOf, copyMeasured } from "../common/wire-value.ts";
import type { Measured, WireValue } from "../common/wire-value.ts";
import { SerializationException } from "./exceptions.ts";
import type { GatewayDescriptor, MethodDescriptor } from "./gateway-descriptor.ts";

/**
 * Largest message, by the approximate size of its arguments or result: well under the 32 MiB at which the platform
 * refuses a message, and no larger than a mailbox.
 */
export const MAX_MESSAGE_BYTES = 16 * 1_024 * 1_024;

/** A call as data (Flink `RpcInvocation`): arguments are checked, copied and measured already. */
export interface RpcInvocation {
  readonly descriptor: GatewayDescriptor;
  readonly method: string;
  readonly declaration: MethodDescriptor;
  readonly args: readonly WireValue[];
  /** `ask(Counter.increment(number))`: types, never values (contract G10). */
  readonly text: () => string;
}

/**
 * Captures a call at the moment it is made: later changes of the arguments are not seen by the callee.
 *
 * @throws SerializationException at once, tells included, if an argument cannot be sent or the message is too large
 *   (contract P1).
 */
export function captureInvocation(
  descriptor: GatewayDescriptor,
  method: string,
  args: readonly unknown[],
): RpcInvocation {
  const declaration = descriptor.methods[method];
  if (declaration === undefined) throw new TypeError(`${descriptor.name} has no method ${method}`);
  const { value, bytes } = checked(() => copyMeasured(args, `${descriptor.name}.${method} argument`));
  const text = (): string => invocationText(descriptor.name, method, { kind: declaration.kind, args: value });
  requireSize(bytes, () => `arguments of ${text()}`);
  // copyMeasured admits wire values only.
  return { descriptor, method, declaration, args: value as readonly WireValue[], text };
}

/**
 * Checks and copies what a handler returned.
 *
 * @throws SerializationException naming the method, the bad value's path or the size (contract Z7, Z8).
 */
export function captureResult(result: unknown, label: string): Measured<WireValue> {
  const { value, bytes } = checked(() => copyMeasured(result, `result of ${label}`));
  requireSize(bytes, () => `result of ${label}`);
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

function requireSize(bytes: number, what: () => string): void {
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new SerializationException(`${what()}: about ${bytes} bytes, the limit is ${MAX_MESSAGE_BYTES}`);
  }
}

function checked<T>(copy: () => T): T {
  try {
    return copy();
  } catch (error) {
    throw new SerializationException(error instanceof Error ? error.message : String(error));
  }
}
