import type { ValueType } from "../../common/value-type.ts";

/** A value SQLite stores. */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * What an implementation supplies: one SQLite database per endpoint, synchronous (Durable Object SQLite, `node:sqlite`,
 * `bun:sqlite`, the simulated object).
 */
export interface SqlDatabase {
  /** Runs one statement and returns all its rows. */
  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[];
  /**
   * Runs `body` as one transaction: its writes are all kept, or, if it throws, all undone and the error rethrown.
   * Nested calls are savepoints. `body` is synchronous.
   */
  transactionSync<T>(body: () => T): T;
  /** Removes every table and row, the alarm included. */
  deleteAll(): void;
  /**
   * Throws away what the running event has written, and with it the object and its memory; present where the platform can
   * do that. Its callers hear that it was reset.
   */
  discard?(reason: string): never;
}

/**
 * An endpoint's durable state. All calls are synchronous; writes made within one turn are durable together, before the
 * turn's reply or any of its messages leaves. Only the endpoint itself, in its own turns, may use it.
 */
export interface EndpointStorage {
  readonly sql: Pick<SqlDatabase, "exec">;
  /**
   * @param type checks what was read; an unfit value throws and names the key.
   * @returns `undefined` if the key is absent.
   */
  get<T>(key: string, type: ValueType<T>): T | undefined;
  /** Stores a value of the wire's closed list (JSON plus undefined, bigint, Date, Map, Set, bytes). */
  put(key: string, value: unknown): void;
  delete(key: string): void;
  /** Keys with their values, ordered by key; `prefix` matches literally. */
  list<T>(prefix: string, type: ValueType<T>): readonly (readonly [key: string, value: T])[];
  /** Several stretches of writes as one unit inside an `async` handler; a `sync` turn is one already. */
  transaction<T>(body: () => T): T;
  /** Removes everything the endpoint stored, its durable timers included. Identity (epoch, incarnation) is kept. */
  deleteAll(): void;
}
