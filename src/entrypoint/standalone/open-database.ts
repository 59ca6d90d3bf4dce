import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteDatabase } from "../../storage/sqlite/sqlite-database.ts";
import { GatedDatabase } from "./gated-database.ts";
import { OutputGate } from "./output-gate.ts";

/** A database in a file, the gate that knows when its writes are durable, and a way to close both. */
export interface DurableDatabase {
  readonly database: GatedDatabase;
  readonly gate: OutputGate;
  /** Only while the gate is not busy. */
  close(): void;
}

/**
 * Opens or creates the database at `path` for this process alone. A commit survives the death of the process at once,
 * and that of the machine when the gate has let the next output pass.
 *
 * @throws whatever the driver throws, e.g. because another process has it open.
 */
export function openDatabase(path: string, onFailure: (error: unknown) => void): DurableDatabase {
  mkdirSync(dirname(path), { recursive: true });
  const file = new SqliteDatabase(path);
  try {
    // In this order: with the lock held, the log needs no shared memory file beside it.
    file.exec("PRAGMA locking_mode = EXCLUSIVE");
    file.exec("PRAGMA journal_mode = WAL");
    file.exec("PRAGMA synchronous = NORMAL");
  } catch (error) {
    file.close();
    throw error;
  }
  const gate = new OutputGate({ path: `${path}-wal`, onFailure });
  return {
    database: new GatedDatabase(file, gate),
    gate,
    close: () => {
      void gate.close();
      file.close();
    },
  };
}
