import type { ValueType } from "../common/value-type.ts";

/**
 * Type of what an endpoint reads back from its own storage under its own key. Nobody else can write there, so the value is not
 * checked again; a change of `T` needs a migration of the endpoint's schema version.
 */
export function storedValue<T>(): ValueType<T> {
  // The border between storage and code: the writer of the key is the only witness of the type.
  return { parse: (value) => value as T };
}
