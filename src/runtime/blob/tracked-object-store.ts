import type { ByteRange, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "./object-store.ts";

/** An {@link ObjectStore} that knows which of its requests have no answer yet. */
export class TrackedObjectStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Whether a request is under way. */
  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  /** Resolves when the requests that are under way now have ended, whatever came of them. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    return this.#tracked(this.#store.get(key, range));
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.#tracked(this.#store.head(key));
  }

  list(prefix: string): Promise<readonly ObjectInfo[]> {
    return this.#tracked(this.#store.list(prefix));
  }

  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    return this.#tracked(this.#store.put(key, bytes, condition));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#tracked(this.#store.delete(keys));
  }

  #tracked<T>(request: Promise<T>): Promise<T> {
    this.#underWay.add(request);
    const ended = (): void => void this.#underWay.delete(request);
    request.then(ended, ended);
    return request;
  }
}
