import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";

/** Prepared statements kept; endpoints use a few dozen texts over and over. */
const MAX_STATEMENTS = 256;

/** A SQLite database in a file or in memory, through `node:sqlite`: tests and the standalone host. */
export class SqliteDatabase implements SqlDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /** @param path a file, or `:memory:` (the default). */
  constructor(path = ":memory:") {
    this.#database = new DatabaseSync(path);
  }

  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    const rows = this.#statement(sql).all(...bindings);
    return rows.map((row) => {
      const result: Record<string, SqlValue> = {};
      for (const [column, value] of Object.entries(row)) {
        // Integers come as numbers; the driver throws for those that do not fit.
        result[column] = typeof value === "bigint" ? Number(value) : value;
      }
      return result;
    });
  }

  transactionSync<T>(body: () => T): T {
    const savepoint = `sluice_${this.#depth}`;
    this.#database.exec(`SAVEPOINT ${savepoint}`);
    this.#depth += 1;
    try {
      const result = body();
      this.#database.exec(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      this.#database.exec(`ROLLBACK TO ${savepoint}`);
      this.#database.exec(`RELEASE ${savepoint}`);
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  deleteAll(): void {
    for (const { name } of this.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )) {
      this.#database.exec(`DROP TABLE "${String(name).replaceAll('"', '""')}"`);
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Releases the file; the database is unusable afterwards. */
  close(): void {
    this.#database.close();
  }
}
