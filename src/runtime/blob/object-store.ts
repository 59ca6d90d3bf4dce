/**
 * Bytes under keys with compare-and-set (R2; a map in tests). Asynchronous: endpoints use it only through
 * `this.ask(store.put(...), continuation)`.
 */
export interface ObjectStore {
  /** @returns `undefined` if the key is absent. `range` is clipped to the object. */
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** @returns `undefined` if `condition` did not hold; nothing was written then. */
  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined>;
  /** Keys with `prefix`, ordered, all pages. */
  list(prefix: string): Promise<readonly ObjectInfo[]>;
  /** Idempotent. */
  delete(keys: readonly string[]): Promise<void>;
}

/** Bytes from `offset`; to the end without `length`. */
export interface ByteRange {
  readonly offset: number;
  readonly length?: number;
}

/** `if-absent`: only if the key does not exist. `if-match`: only if the present etag is this one. */
export type PutCondition = { readonly kind: "if-absent" } | { readonly kind: "if-match"; readonly etag: string };

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly uploadedMillis: number;
}

export interface StoredObject extends ObjectInfo {
  readonly bytes: Uint8Array;
}
