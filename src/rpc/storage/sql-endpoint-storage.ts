import { SluiceException } from "../../common/exceptions.ts";
import type { ValueType } from "../../common/value-type.ts";
import { decodeWireText, encodeWireText } from "../../common/wire-text.ts";
import { SerializationException } from "../exceptions.ts";
import type { EndpointStorage, SqlDatabase, SqlRow, SqlValue } from "../ports/storage.ts";
import type { Turn } from "../turn.ts";
import { RESERVED_TABLE_PREFIX } from "./endpoint-schema.ts";
import { isRead, mayFailHalfDone } from "./sql-text.ts";

/** Largest stored value: the platform's limit for one row, which local runtimes do not enforce. */
const MAX_VALUE_CHARACTERS = 2_000_000;

/** Key-values and SQL of one endpoint over its database (table `sluice_kv`); usable in the endpoint's turns only. */
export class SqlEndpointStorage implements EndpointStorage {
  readonly sql: Pick<SqlDatabase, "exec">;
  readonly #database: SqlDatabase;
  readonly #requireTurn: (what: string) => Turn;
  readonly #timersChanged: () => void;

  constructor(
    database: SqlDatabase,
    hooks: { readonly requireTurn: (what: string) => Turn; readonly timersChanged: () => void },
  ) {
    this.#database = database;
    this.#requireTurn = hooks.requireTurn;
    this.#timersChanged = hooks.timersChanged;
    this.sql = {
      exec: (sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] => {
        const turn = this.#requireTurn("storage.sql");
        const writes = turn.work.undo === "reset" && !isRead(sql);
        if (writes && mayFailHalfDone(sql)) turn.wrote = true;
        const rows = database.exec(sql, ...bindings);
        // What fails has changed nothing else.
        if (writes) turn.wrote = true;
        return rows;
      },
    };
  }

  get<T>(key: string, type: ValueType<T>): T | undefined {
    this.#requireTurn("storage.get");
    const row = this.#database.exec("SELECT value FROM sluice_kv WHERE key = ?", key)[0];
    return row === undefined ? undefined : readAs(type, key, row["value"]);
  }

  put(key: string, value: unknown): void {
    const turn = this.#requireWritable("storage.put");
    const text = encodeWireText(value, `storage key ${key}`);
    if (text.length > MAX_VALUE_CHARACTERS) {
      throw new SerializationException(
        `storage key ${key}: ${text.length} characters, the limit is ${MAX_VALUE_CHARACTERS}; keep large values in rows or in the object store`,
      );
    }
    this.#database.exec("INSERT OR REPLACE INTO sluice_kv (key, value) VALUES (?, ?)", key, text);
    turn.wrote = true;
  }

  delete(key: string): void {
    const turn = this.#requireWritable("storage.delete");
    this.#database.exec("DELETE FROM sluice_kv WHERE key = ?", key);
    turn.wrote = true;
  }

  list<T>(prefix: string, type: ValueType<T>): readonly (readonly [key: string, value: T])[] {
    this.#requireTurn("storage.list");
    // The length test makes the prefix literal (LIKE would not); the lower bound lets the primary key start the scan.
    const rows = this.#database.exec(
      "SELECT key, value FROM sluice_kv WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
      prefix,
    );
    return rows.map((row) => {
      const key = String(row["key"]);
      return [key, readAs(type, key, row["value"])] as const;
    });
  }

  transaction<T>(body: () => T): T {
    const turn = this.#requireWritable("storage.transaction");
    const { wrote } = turn;
    try {
      return this.#database.transactionSync(body);
    } catch (error) {
      // Its writes are undone.
      turn.wrote = wrote;
      throw error;
    }
  }

  deleteAll(): void {
    this.#requireWritable("storage.deleteAll").wrote = true;
    const tables = this.#database.exec("SELECT name FROM sqlite_master WHERE type = 'table'");
    for (const { name } of tables) {
      const table = String(name);
      if (isOwnedByEndpoint(table)) this.#database.exec(`DROP TABLE ${quoteIdentifier(table)}`);
    }
    this.#database.exec("DELETE FROM sluice_kv");
    this.#database.exec("DELETE FROM sluice_timers");
    this.#timersChanged();
  }

  #requireWritable(what: string): Turn {
    const turn = this.#requireTurn(what);
    if (turn.work.readOnly) {
      throw new SluiceException("ILLEGAL_STATE", `${what} in ${turn.work.label}, which is declared readOnly`);
    }
    return turn;
  }
}

function readAs<T>(type: ValueType<T>, key: string, stored: SqlValue | undefined): T {
  const value = decodeWireText(String(stored), `storage key ${key}`);
  try {
    return type.parse(value);
  } catch (error) {
    throw new SluiceException("ILLEGAL_STATE", `storage key ${key}: stored value does not fit its type`, {
      cause: error,
    });
  }
}

/** Not the layer's, SQLite's or Cloudflare's. */
export function isOwnedByEndpoint(table: string): boolean {
  return !table.startsWith(RESERVED_TABLE_PREFIX) && !table.startsWith("sqlite_") && !table.startsWith("_cf_");
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
