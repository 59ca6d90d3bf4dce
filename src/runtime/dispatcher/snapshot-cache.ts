/** How long an answer may be repeated; snapshots are immutable, so it can be shared (design: known funnel). */
const FRESH_MILLIS = 1_000;
const MAX_ENTRIES = 256;

interface CacheEntry {
  readonly freshUntilMillis: number;
  readonly answer: Promise<unknown>;
}

/**
 * Answers of JobMasters, shared by everyone who asks within a second; a question under way is shared too. An answer that
 * failed is forgotten.
 */
export class SnapshotCache {
  readonly #now: () => number;
  readonly #entries = new Map<string, CacheEntry>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get<T>(key: string, question: () => Promise<T>): Promise<T> {
    const now = this.#now();
    const known = this.#entries.get(key);
    // Every key belongs to one kind of question, so the answer under it is a T.
    if (known !== undefined && now < known.freshUntilMillis) return known.answer as Promise<T>;
    const answer = question();
    const entry: CacheEntry = { freshUntilMillis: now + FRESH_MILLIS, answer };
    if (this.#entries.size >= MAX_ENTRIES) this.#evict(now);
    this.#entries.set(key, entry);
    answer.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return answer;
  }

  /** What was said of the job is outdated. */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #evict(now: number): void {
    for (const [key, { freshUntilMillis }] of this.#entries) if (freshUntilMillis <= now) this.#entries.delete(key);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= MAX_ENTRIES && oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
