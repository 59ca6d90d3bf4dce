import type { ResourceID } from "../../common/ids.ts";

const MAX_ROWS = 32_768;
const TEN = 10;
const CODE_OF_ZERO = 48;

/**
 * A map by TaskExecutor of one job, in the order in which they were made. Their names end with a number, which says the row: a
 * wide job has tens of thousands, which a map of strings strews over memory.
 */
export class TaskExecutorTable<Value extends NonNullable<unknown>> {
  readonly #ids: (ResourceID | undefined)[] = [];
  readonly #values: (Value | undefined)[] = [];
  /** Those without a number, with a very high one, or with that of another one. They come last, by name. */
  readonly #others = new Map<ResourceID, Value>();

  get(id: ResourceID): Value | undefined {
    const row = rowOf(id);
    return this.#ids[row] === id ? this.#values[row] : this.#others.get(id);
  }

  set(id: ResourceID, value: Value): void {
    const row = rowOf(id);
    const there = this.#ids[row];
    if (row === MAX_ROWS || (there !== undefined && there !== id)) {
      this.#others.set(id, value);
      return;
    }
    this.#ids[row] = id;
    this.#values[row] = value;
    this.#others.delete(id);
  }

  /** Idempotent. */
  delete(id: ResourceID): void {
    const row = rowOf(id);
    if (this.#ids[row] === id) {
      this.#ids[row] = undefined;
      this.#values[row] = undefined;
    } else this.#others.delete(id);
  }

  keys(): readonly ResourceID[] {
    const keys = this.#ids.filter((id) => id !== undefined);
    return this.#others.size === 0 ? keys : [...keys, ...[...this.#others.keys()].sort()];
  }

  values(): readonly Value[] {
    return this.keys()
      .map((id) => this.get(id))
      .filter((value) => value !== undefined);
  }
}

/** Each one's items in the order they are given in; those without a TaskExecutor are left out. */
export function groupByTaskExecutor<Item>(
  items: Iterable<Item>,
  locationOf: (item: Item) => ResourceID | undefined,
): TaskExecutorTable<Item[]> {
  const groups = new TaskExecutorTable<Item[]>();
  for (const item of items) {
    const location = locationOf(item);
    if (location === undefined) continue;
    const group = groups.get(location);
    if (group === undefined) groups.set(location, [item]);
    else group.push(item);
  }
  return groups;
}

/** The number that the name ends with; {@link MAX_ROWS} for none that is below it. */
function rowOf(id: ResourceID): number {
  let row = 0;
  let unit = 1;
  for (let at = id.length - 1; at >= 0; at -= 1) {
    const digit = id.charCodeAt(at) - CODE_OF_ZERO;
    if (digit < 0 || digit >= TEN) break;
    row += digit * unit;
    unit *= TEN;
    if (row >= MAX_ROWS) return MAX_ROWS;
  }
  return unit === 1 ? MAX_ROWS : row;
}
