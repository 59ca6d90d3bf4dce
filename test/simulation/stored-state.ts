import type { SqlRow } from "../../src/rpc/ports/storage.ts";
import { decodeWireText } from "../../src/common/wire-text.ts";
import type { SimulatedObject } from "../../src/testing/simulation/simulated-object.ts";

/** What an endpoint has stored under `key`, by looking into its database. */
export function storedAt<T>(object: SimulatedObject, key: string): T | undefined {
  const row = storedRows(object, "sluice_kv", "WHERE key = ?1", key)[0];
  // The form is the runtime's own; a check that misreads it fails.
  return row === undefined ? undefined : (decodeWireText(String(row["value"]), key) as T);
}

/** All values whose keys begin with `prefix`, by key. */
export function storedUnder<T>(object: SimulatedObject, prefix: string): readonly T[] {
  const rows = storedRows(
    object,
    "sluice_kv",
    "WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
    prefix,
  );
  return rows.map((row) => decodeWireText(String(row["value"]), String(row["key"])) as T);
}

/** Keys of everything an endpoint has stored. */
export function keysOf(object: SimulatedObject): readonly string[] {
  return storedRows(object, "sluice_kv", "ORDER BY key").map(({ key }) => String(key));
}

/** Names of its durable timers. */
export function timersOf(object: SimulatedObject): readonly string[] {
  return storedRows(object, "sluice_timers", "ORDER BY name").map(({ name }) => String(name));
}

/** None if the object's first activation was never made durable: it has no tables then. */
function storedRows(
  object: SimulatedObject,
  table: string,
  ...[rest = "", ...bindings]: readonly string[]
): readonly SqlRow[] {
  const { database } = object.durable;
  const exists = database.exec("SELECT name FROM sqlite_master WHERE name = ?", table).length > 0;
  return exists ? database.exec(`SELECT * FROM ${table} ${rest}`, ...bindings) : [];
}
