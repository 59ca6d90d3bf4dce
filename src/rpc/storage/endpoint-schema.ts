import { SluiceException } from "../../common/exceptions.ts";
import type { SqlDatabase } from "../ports/storage.ts";

/** Version of the tables below; N-1 is migrated, anything else is refused. */
export const ENDPOINT_SCHEMA_VERSION = 1;

/** Tables of the layer itself begin with this; all others are the endpoint's. */
export const RESERVED_TABLE_PREFIX = "sluice_";

/**
 * Creates the tables of an endpoint's database or checks their version. Idempotent; run at each activation before
 * anything else touches the database.
 *
 * @throws SluiceException `STATE_MIGRATION` if a newer version wrote the database.
 */
export function applyEndpointSchema(database: SqlDatabase): void {
  database.transactionSync(() => {
    database.exec(
      "CREATE TABLE IF NOT EXISTS sluice_schema (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)",
    );
    const stored = database.exec("SELECT version FROM sluice_schema")[0]?.["version"];
    if (stored === ENDPOINT_SCHEMA_VERSION) return;
    if (stored !== undefined) {
      throw new SluiceException(
        "STATE_MIGRATION",
        `endpoint database has schema version ${String(stored)}, this release reads ${ENDPOINT_SCHEMA_VERSION}`,
      );
    }
    for (const statement of VERSION_1) database.exec(statement);
    database.exec("INSERT INTO sluice_schema (id, version) VALUES (1, ?)", ENDPOINT_SCHEMA_VERSION);
  });
}

const VERSION_1 = [
  `CREATE TABLE sluice_identity (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, incarnation INTEGER NOT NULL, lifecycle TEXT NOT NULL)`,
  "CREATE TABLE sluice_kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  `CREATE TABLE sluice_timers (
    name TEXT PRIMARY KEY, due INTEGER NOT NULL, payload TEXT NOT NULL, attempts INTEGER NOT NULL, token TEXT NOT NULL,
    recurrence TEXT) WITHOUT ROWID`,
  "CREATE INDEX sluice_timers_due ON sluice_timers (due)",
] as const;
