import type { ValueType } from "../../../src/common/value-type.ts";
import type { EndpointStorage, SqlRow } from "../../../src/rpc/ports/storage.ts";

/** What a JobMaster stores, kept as it is: the price of a database is not the core's. */
export class InMemoryStorage implements EndpointStorage {
  readonly sql = {
    exec: (): readonly SqlRow[] => {
      throw new TypeError("a JobMaster stores under keys");
    },
  };
  readonly #values = new Map<string, unknown>();

  get<T>(key: string, type: ValueType<T>): T | undefined {
    return this.#values.has(key) ? type.parse(this.#values.get(key)) : undefined;
  }

  put(key: string, value: unknown): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  list<T>(prefix: string, type: ValueType<T>): readonly (readonly [key: string, value: T])[] {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, type.parse(this.#values.get(key))]);
  }

  transaction<T>(body: () => T): T {
    return body();
  }

  deleteAll(): void {
    this.#values.clear();
  }
}
