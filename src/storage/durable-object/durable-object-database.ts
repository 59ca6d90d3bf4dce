import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";

/** The SQLite database of a Durable Object. Writes of one event are durable together, before any message leaves. */
export class DurableObjectDatabase implements SqlDatabase {
  readonly #storage: DurableObjectStorage;
  // Asking the storage for it takes part of a statement's time.
  readonly #sql: SqlStorage;

  readonly #abort: (reason: string) => void;

  /** @param abort resets the object; as it does so at once, nothing is stored that its event has written. */
  constructor(storage: DurableObjectStorage, abort: (reason: string) => void) {
    this.#storage = storage;
    this.#abort = abort;
    this.#sql = storage.sql;
  }

  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    const rows: PlatformRow[] = this.#sql.exec(sql, ...bindings).toArray();
    for (let index = 0; index < rows.length; index += 1) fromPlatform(rows[index]);
    // Blobs are what fromPlatform made of them.
    return rows as SqlRow[];
  }

  transactionSync<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }

  deleteAll(): void {
    // A failed flush resets the object before anything could have seen the effect.
    void this.#storage.deleteAll();
  }

  discard(reason: string): never {
    this.#abort(reason);
    throw new Error(reason);
  }
}

type PlatformRow = Record<string, SqlStorageValue | Uint8Array>;

/** Blobs arrive as ArrayBuffers. The row is nobody else's. */
function fromPlatform(row: PlatformRow | undefined): void {
  for (const column in row) {
    const value = row[column];
    if (value instanceof ArrayBuffer) row[column] = new Uint8Array(value);
  }
}
