import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";

/** One instance's way to its object's database, which ends when another instance becomes current. */
export class InstanceDatabase implements SqlDatabase {
  readonly #database: SqlDatabase;
  #onTouched: (() => void) | undefined;
  #depth = 0;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /**
   * From now on this instance cannot reach the database. Its turns that try fail; outside of turns it reads nothing and
   * its writes have no effect.
   *
   * @param onTouched it tried, and must not go on.
   */
  fence(onTouched: () => void): void {
    this.#onTouched = onTouched;
  }

  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    return this.#reaches() ? this.#database.exec(sql, ...bindings) : [];
  }

  transactionSync<T>(body: () => T): T {
    this.#depth += 1;
    try {
      // An empty transaction does not reach the storage.
      return this.#onTouched === undefined ? this.#database.transactionSync(body) : body();
    } finally {
      this.#depth -= 1;
    }
  }

  deleteAll(): void {
    if (this.#reaches()) this.#database.deleteAll();
  }

  #reaches(): boolean {
    if (this.#onTouched === undefined) return true;
    this.#onTouched();
    if (this.#depth > 0) throw new Error("the storage belongs to another instance of this object");
    return false;
  }
}
