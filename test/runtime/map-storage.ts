import type { EndpointStorage } from "../../src/rpc/ports/storage.ts";

/** An endpoint's key-values without the endpoint: for parts that only store some. */
export class MapStorage implements Pick<EndpointStorage, "get" | "put" | "delete" | "list"> {
  readonly #values = new Map<string, unknown>();

  get<T>(key: string, type: { parse(value: unknown): T }): T | undefined {
    return this.#values.has(key) ? type.parse(this.#values.get(key)) : undefined;
  }

  put(key: string, value: unknown): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  list<T>(prefix: string, type: { parse(value: unknown): T }): readonly (readonly [string, T])[] {
    const found = [...this.#values].filter(([key]) => key.startsWith(prefix));
    return found
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => [key, type.parse(value)] as const);
  }
}
