import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";
import type { OutputGate } from "./output-gate.ts";

const READS = /^\s*(?:SELECT|PRAGMA|EXPLAIN)\b/i;

/** An object's database that tells its output gate of every write. */
export class GatedDatabase implements SqlDatabase {
  readonly #database: SqlDatabase;
  readonly #gate: OutputGate;

  constructor(database: SqlDatabase, gate: OutputGate) {
    this.#database = database;
    this.#gate = gate;
  }

  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    if (!READS.test(sql)) this.#gate.wrote();
    return this.#database.exec(sql, ...bindings);
  }

  transactionSync<T>(body: () => T): T {
    return this.#database.transactionSync(body);
  }

  deleteAll(): void {
    this.#gate.wrote();
    this.#database.deleteAll();
  }
}
