import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";

/** The SQLite database of a Durable Object. Writes of one event are durable together, before any message leaves. */
export class DurableObjectDatabase implements SqlDatabase {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    return this.#storage.sql
      .exec(sql, ...bindings)
      .toArray()
      .map(fromPlatform);
  }

  transactionSync<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }

  deleteAll(): void {
    // A failed flush resets the object before anything could have seen the effect.
    void this.#storage.deleteAll();
  }
}

/** Blobs arrive as ArrayBuffers. */
function fromPlatform(row: Record<string, SqlStorageValue>): SqlRow {
  const result: Record<string, SqlValue> = {};
  for (const [column, value] of Object.entries(row)) {
    result[column] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  }
  return result;
}
