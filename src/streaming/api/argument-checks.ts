import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "../graph/invalid-program.ts";
import type { NamedAggregates } from "../operators/window-aggregate-operator.ts";
import { isKeyType } from "../state/key-type.ts";

/*
 * Checks of what a program passes to the API. The compiler makes the same ones for TypeScript; a module may be JavaScript.
 * Each throws INVALID_PROGRAM naming the method.
 */

export function isFunction(value: unknown): value is (value: unknown) => unknown {
  return typeof value === "function";
}

export function requireFunction(method: string, value: unknown): void {
  if (!isFunction(value)) throw invalidProgram(`${method}: expected a function, got ${showValue(value)}`);
}

/**
 * A value of ours, told by a method it has.
 *
 * @param expected with its article: `a sink such as CollectSink.named("rows")`.
 */
export function requireMethod(
  method: string,
  value: unknown,
  needed: { readonly name: string; readonly expected: string },
): void {
  if (typeof value === "object" && value !== null && isFunction(Reflect.get(value, needed.name))) return;
  throw invalidProgram(`${method}: expected ${needed.expected}, got ${showValue(value)}`);
}

export function requireType<T>(method: string, type: TypeInformation<T>): TypeInformation<T> {
  requireMethod(method, type, { name: "resolveCompatibility", expected: "a type such as types.string()" });
  return type;
}

export function requireKeyType(method: string, type: TypeInformation<unknown>): TypeInformation<unknown> {
  if (isKeyType(requireType(method, type))) return type;
  throw invalidProgram(
    `${method}: ${type.description} is no type for keys. Keys are strings, booleans, typed numbers or rows of these.`,
  );
}

/** @returns the names, in the order of the result's fields. */
export function requireAggregates(aggregates: NamedAggregates, keyField: string): readonly string[] {
  const names = Object.keys(aggregates);
  if (names.length === 0)
    throw invalidProgram("aggregate: expected at least one aggregate such as { count: count() }, got {}");
  const taken = new Set([keyField, "window_start", "window_end"]);
  for (const name of names) {
    if (taken.has(name))
      throw invalidProgram(`aggregate: ${name} is a field of every result already; use another name`);
    requireMethod(`aggregate: ${name}`, aggregates[name], {
      name: "createAccumulator",
      expected: "an aggregate such as count()",
    });
  }
  return names;
}
