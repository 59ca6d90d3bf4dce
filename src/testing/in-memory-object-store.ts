import type { Clock } from "../common/clock.ts";
import type { ByteRange, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "../runtime/blob/object-store.ts";

/** An {@link ObjectStore} in a map; bytes are copied in and out, etags are never used twice. */
export class InMemoryObjectStore implements ObjectStore {
  readonly #clock: Pick<Clock, "now">;
  readonly #objects = new Map<string, StoredObject>();
  #nextEtag = 1;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** What is stored under `key` now, for checks that cannot wait. */
  peek(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Keys under `prefix` now, sorted. */
  keys(prefix: string): readonly string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const found = this.#objects.get(key);
    if (found === undefined) return undefined;
    const end = range?.length === undefined ? found.size : range.offset + range.length;
    return { ...found, bytes: found.bytes.slice(range?.offset ?? 0, end) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const found = this.#objects.get(key);
    return found === undefined ? undefined : infoOf(found);
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    const present = this.#objects.get(key);
    if (condition?.kind === "if-absent" && present !== undefined) return undefined;
    if (condition?.kind === "if-match" && present?.etag !== condition.etag) return undefined;
    const stored: StoredObject = {
      key,
      size: bytes.byteLength,
      etag: `etag-${this.#nextEtag}`,
      uploadedMillis: this.#clock.now(),
      bytes: bytes.slice(),
    };
    this.#nextEtag += 1;
    this.#objects.set(key, stored);
    return infoOf(stored);
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    return [...this.#objects.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .map(infoOf)
      .sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#objects.delete(key);
  }
}

function infoOf({ key, size, etag, uploadedMillis }: StoredObject): ObjectInfo {
  return { key, size, etag, uploadedMillis };
}
