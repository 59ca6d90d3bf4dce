import { wireTextOf } from "../../common/wire-text.ts";
import type { SqlDatabase, SqlRow } from "../ports/storage.ts";
import { isOwnedByEndpoint, quoteIdentifier } from "../storage/sql-endpoint-storage.ts";

/** What an endpoint had stored: the statements that make its tables, and the rows of each, key-values included. */
export interface StorageDump {
  readonly statements: readonly string[];
  readonly tables: readonly { readonly table: string; readonly rows: readonly SqlRow[] }[];
}

/** A state that replay can begin with. */
export interface LogBase {
  readonly nowMillis: number;
  readonly epoch: number;
  readonly incarnation: number;
  readonly storage: StorageDump;
  /** Of an endpoint in the midst of its activation: what its `snapshotState` said. Without it the next turn is a start. */
  readonly memory?: { readonly state: unknown };
}

/** @returns undefined if it would be longer than `maxText`. */
export function encodeBase(base: Omit<LogBase, "storage">, database: SqlDatabase, maxText: number): string | undefined {
  const storage = dumpStorage(database, maxText);
  const text = storage === undefined ? undefined : wireTextOf({ ...base, storage });
  return text === undefined || text.length > maxText ? undefined : text;
}

function dumpStorage(database: SqlDatabase, maxText: number): StorageDump | undefined {
  const objects = database
    .exec("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    .filter((object) => isOwnedByEndpoint(String(object["tbl_name"])));
  const names = objects.filter(({ type }) => type === "table").map(({ name }) => String(name));
  const tables: StorageDump["tables"][number][] = [];
  // A row takes two characters at least: more of them than that cannot fit, and need not be read.
  let left = maxText / 2;
  for (const table of ["sluice_kv", ...names]) {
    const rows = database.exec(`SELECT * FROM ${quoteIdentifier(table)} LIMIT ?`, Math.ceil(left) + 1);
    left -= rows.length;
    if (left < 0) return undefined;
    tables.push({ table, rows });
  }
  return { statements: objects.map((object) => String(object["sql"])), tables };
}
