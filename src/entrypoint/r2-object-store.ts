import type { ByteRange, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "../runtime/blob/object-store.ts";

/** Keys R2 deletes in one call. */
const DELETE_BATCH = 1_000;

/** The object store on R2. Conditions become R2's conditional puts, which answer null where they do not hold. */
export class R2ObjectStore implements ObjectStore {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const object = await this.#bucket.get(key, range === undefined ? {} : { range });
    if (object === null) return undefined;
    return { ...infoOf(object), bytes: new Uint8Array(await object.arrayBuffer()) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const object = await this.#bucket.head(key);
    return object === null ? undefined : infoOf(object);
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    // The overload with conditions answers null where they do not hold.
    const options: R2PutOptions & { onlyIf: Headers } = { onlyIf: conditionHeaders(condition) };
    const object: R2Object | null = await this.#bucket.put(key, bytes, options);
    return object === null ? undefined : infoOf(object);
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    let cursor: string | undefined;
    do {
      const page: R2Objects = await this.#bucket.list(cursor === undefined ? { prefix } : { prefix, cursor });
      for (const object of page.objects) found.push(infoOf(object));
      cursor = page.truncated ? page.cursor : undefined;
    } while (cursor !== undefined);
    return found;
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += DELETE_BATCH) {
      await this.#bucket.delete(keys.slice(start, start + DELETE_BATCH));
    }
  }
}

function conditionHeaders(condition: PutCondition | undefined): Headers {
  const headers = new Headers();
  if (condition?.kind === "if-absent") headers.set("If-None-Match", "*");
  if (condition?.kind === "if-match") headers.set("If-Match", `"${condition.etag}"`);
  return headers;
}

function infoOf(object: R2Object): ObjectInfo {
  return { key: object.key, size: object.size, etag: object.etag, uploadedMillis: object.uploaded.getTime() };
}
