import type { StorageDump } from "../../rpc/message-log/log-base.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import { applyEndpointSchema } from "../../rpc/storage/endpoint-schema.ts";
import { quoteIdentifier } from "../../rpc/storage/sql-endpoint-storage.ts";

/** Fills an empty database with what an endpoint had stored. */
export function loadStorage(database: SqlDatabase, { statements, tables }: StorageDump): void {
  applyEndpointSchema(database);
  database.transactionSync(() => {
    // Rows before triggers, which ran when the rows were written.
    const isTrigger = (statement: string): boolean => /^\s*CREATE\s+TRIGGER\b/i.test(statement);
    for (const statement of statements) if (!isTrigger(statement)) database.exec(statement);
    for (const { table, rows } of tables) {
      for (const row of rows) {
        const columns = Object.keys(row).map(quoteIdentifier).join(", ");
        const values = Object.values(row);
        const places = values.map(() => "?").join(", ");
        database.exec(`INSERT INTO ${quoteIdentifier(table)} (${columns}) VALUES (${places})`, ...values);
      }
    }
    for (const statement of statements) if (isTrigger(statement)) database.exec(statement);
  });
}
