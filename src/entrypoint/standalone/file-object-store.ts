import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import type { IdSource } from "../../common/ids.ts";
import type { SqlRow } from "../../rpc/ports/storage.ts";
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutCondition,
  StoredObject,
} from "../../runtime/blob/object-store.ts";
import type { DurableDatabase } from "./open-database.ts";

export interface FileObjectStoreOptions {
  /** Where the contents lie, one file each. */
  readonly folder: string;
  /** Holds the index: which key has which content. */
  readonly store: DurableDatabase;
  readonly clock: Pick<Clock, "now">;
  readonly ids: IdSource;
}

/**
 * An {@link ObjectStore} in the file system. A content is written once, under a fresh name that is also its etag, and never
 * changed; the index in SQLite decides what is there, so that puts are atomic and their conditions hold. A `put` resolves
 * when content and index are durable.
 */
export class FileObjectStore implements ObjectStore {
  readonly #options: FileObjectStoreOptions;

  /** Removes the contents that a crash left without a key. */
  constructor(options: FileObjectStoreOptions) {
    this.#options = options;
    const { folder } = options;
    const { database } = options.store;
    database.exec(
      `CREATE TABLE IF NOT EXISTS objects (
        key TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER NOT NULL, uploaded INTEGER NOT NULL) WITHOUT ROWID`,
    );
    mkdirSync(folder, { recursive: true });
    const known = new Set(database.exec("SELECT etag FROM objects").map((row) => row["etag"]));
    for (const name of readdirSync(folder)) if (!known.has(name)) rmSync(join(folder, name));
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const info = this.#find(key);
    if (info === undefined) return undefined;
    const offset = Math.min(range?.offset ?? 0, info.size);
    const length = Math.min(range?.length ?? info.size, info.size - offset);
    try {
      return { ...info, bytes: await this.#read(info.etag, { offset, length }) };
    } catch (error) {
      // Replaced or deleted meanwhile.
      if (this.#find(key)?.etag !== info.etag) return this.get(key, range);
      throw error;
    }
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#find(key);
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    const { clock, ids, store } = this.#options;
    if (!this.#holds(key, condition)) return undefined;
    const etag = ids.hex();
    await this.#write(etag, bytes);
    // Asked again: others may have put while this one was writing.
    const replaced = this.#find(key);
    if (!this.#holds(key, condition)) {
      await this.#remove([etag]);
      return undefined;
    }
    const info: ObjectInfo = { key, etag, size: bytes.byteLength, uploadedMillis: clock.now() };
    store.database.exec(
      "INSERT OR REPLACE INTO objects (key, etag, size, uploaded) VALUES (?, ?, ?, ?)",
      key,
      etag,
      info.size,
      info.uploadedMillis,
    );
    await this.#durable();
    if (replaced !== undefined) await this.#remove([replaced.etag]);
    return info;
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    // The length test makes the prefix literal; the lower bound lets the primary key start the scan.
    return this.#options.store.database
      .exec(
        "SELECT key, etag, size, uploaded FROM objects WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
        prefix,
      )
      .map(infoOf);
  }

  async delete(keys: readonly string[]): Promise<void> {
    const removed: string[] = [];
    for (const key of keys) {
      const rows = this.#options.store.database.exec("DELETE FROM objects WHERE key = ? RETURNING etag", key);
      removed.push(...rows.map((row) => String(row["etag"])));
    }
    await this.#durable();
    await this.#remove(removed);
  }

  #find(key: string): ObjectInfo | undefined {
    const [row] = this.#options.store.database.exec("SELECT key, etag, size, uploaded FROM objects WHERE key = ?", key);
    return row === undefined ? undefined : infoOf(row);
  }

  #holds(key: string, condition: PutCondition | undefined): boolean {
    if (condition === undefined) return true;
    const present = this.#find(key);
    return condition.kind === "if-absent" ? present === undefined : present?.etag === condition.etag;
  }

  #durable(): Promise<void> {
    return new Promise((resolve) => this.#options.store.gate.pass(resolve));
  }

  async #read(
    etag: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const file = await open(join(this.#options.folder, etag), "r");
    try {
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw new Error(`${etag} is shorter than the index says`);
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  async #write(etag: string, bytes: Uint8Array): Promise<void> {
    const { folder } = this.#options;
    const file = await open(join(folder, `${etag}.part`), "w");
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(join(folder, `${etag}.part`), join(folder, etag));
    const names = await open(folder, "r");
    await names.sync();
    await names.close();
  }

  async #remove(etags: readonly string[]): Promise<void> {
    await Promise.all(etags.map((etag) => rm(join(this.#options.folder, etag), { force: true })));
  }
}

function infoOf(row: SqlRow): ObjectInfo {
  return {
    key: String(row["key"]),
    etag: String(row["etag"]),
    size: Number(row["size"]),
    uploadedMillis: Number(row["uploaded"]),
  };
}
