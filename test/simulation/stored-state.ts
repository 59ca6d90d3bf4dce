import { decodeWireText } from "../../src/common/wire-text.ts";
import type { SimulatedObject } from "../../src/testing/simulation/simulated-object.ts";

/** What an endpoint has stored under `key`, by looking into its database. */
export function storedAt<T>(object: SimulatedObject, key: string): T | undefined {
  const row = object.durable.database.exec("SELECT value FROM sluice_kv WHERE key = ?", key)[0];
  // The form is the runtime's own; a check that misreads it fails.
  return row === undefined ? undefined : (decodeWireText(String(row["value"]), key) as T);
}

/** All values whose keys begin with `prefix`, by key. */
export function storedUnder<T>(object: SimulatedObject, prefix: string): readonly T[] {
  const rows = object.durable.database.exec(
    "SELECT key, value FROM sluice_kv WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
    prefix,
  );
  return rows.map((row) => decodeWireText(String(row["value"]), String(row["key"])) as T);
}

/** Names of its durable timers. */
export function timersOf(object: SimulatedObject): readonly string[] {
  return object.durable.database.exec("SELECT name FROM sluice_timers ORDER BY name").map((row) => String(row["name"]));
}
