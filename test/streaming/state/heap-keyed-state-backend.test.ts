import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import type { TypeInformation } from "../../../src/common/types/type-information.ts";
import { HeapKeyedStateBackend } from "../../../src/streaming/state/heap-keyed-state-backend.ts";
import type { KeyedValueState, StateDescriptor } from "../../../src/streaming/state/heap-keyed-state-backend.ts";
import { keyGroupRangeOf } from "../../../src/streaming/state/key-group-assignment.ts";
import type { KeyedSnapshot } from "../../../src/streaming/state/operator-snapshot.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const MAX_PARALLELISM = 16;
const COUNTS: StateDescriptor<number> = { name: "counts", type: types.long() };
const NAMES: StateDescriptor<string> = { name: "names", type: types.string() };

interface Place {
  readonly keyType?: TypeInformation<unknown>;
  readonly maxParallelism?: number;
  readonly parallelism?: number;
  readonly subtask?: number;
}

function backend({
  keyType = types.double(),
  maxParallelism = MAX_PARALLELISM,
  parallelism = 1,
  subtask = 0,
}: Place = {}): HeapKeyedStateBackend {
  const keyGroups = keyGroupRangeOf(subtask, parallelism, maxParallelism);
  return new HeapKeyedStateBackend({ operatorName: "tested", keyType, maxParallelism, keyGroups });
}

/** State of one key as an example. */
function stored(key: unknown, place: Place = {}): KeyedSnapshot {
  const source = backend(place);
  source.register(COUNTS).put(key, 7);
  source.register(NAMES).put(key, "x");
  const snapshot = source.snapshot();
  if (snapshot === undefined) throw new Error("the state is not empty");
  return snapshot;
}

function contents<Value>(state: KeyedValueState<Value>): Map<unknown, Value> {
  return new Map([...state.entries()].map(([key, value]) => [Object.is(key, -0) ? "-0" : key, value]));
}

const keys = fc.double();
const commands = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("put" as const), key: keys, value: fc.nat() }),
    fc.record({ kind: fc.constant("delete" as const), key: keys, value: fc.constant(0) }),
  ),
);

describe("HeapKeyedStateBackend", () => {
  it("is a map per state, and a snapshot cut by key groups puts it together again at any parallelism", () => {
    fc.assert(
      fc.property(commands, fc.integer({ min: 1, max: MAX_PARALLELISM }), (list, parallelism) => {
        const whole = backend();
        const state = whole.register(COUNTS);
        const model = new Map<unknown, number>();
        for (const { kind, key, value } of list) {
          const identity = Object.is(key, -0) ? "-0" : key;
          if (kind === "put") {
            state.put(key, value);
            model.set(identity, value);
          } else {
            state.delete(key);
            model.delete(identity);
          }
          expect(state.get(key)).toBe(model.get(identity));
        }
        expect(contents(state)).toEqual(model);

        const snapshot = whole.snapshot();
        const parts = Array.from({ length: parallelism }, (_, subtask) => {
          const part = backend({ parallelism, subtask });
          const restored = part.register(COUNTS);
          part.restore(snapshot === undefined ? [] : [snapshot]);
          return { part, restored };
        });
        expect(parts.reduce((size, { restored }) => size + contents(restored).size, 0)).toBe(model.size);
        const again = backend();
        const merged = again.register(COUNTS);
        again.restore(parts.flatMap(({ part }) => part.snapshot() ?? []));
        expect(contents(merged)).toEqual(model);
      }),
      { seed: SEED },
    );
  });

  it("has no snapshot while it is empty", () => {
    const empty = backend();
    const state = empty.register(COUNTS);
    state.put(1, 1);
    state.delete(1);
    expect(empty.snapshot()).toBeUndefined();
  });

  it("keeps row keys apart by their fields", () => {
    const state = backend({ keyType: types.row({ net: types.string(), level: types.int() }) }).register(COUNTS);
    state.put({ net: "ak", level: 1 }, 5);
    expect(state.get({ level: 1, net: "ak" })).toBe(5);
    expect(state.get({ level: 2, net: "ak" })).toBeUndefined();
  });

  it("reads over a state that the operator no longer has, and leaves a new one empty", () => {
    const next = backend();
    const added = next.register({ name: "added", type: types.int() });
    const names = next.register(NAMES);
    next.restore([stored(1.5)]);
    expect(contents(names)).toEqual(new Map([[1.5, "x"]]));
    expect(contents(added)).toEqual(new Map());
  });

  it("migrates values whose type grew", () => {
    const before = backend();
    before.register({ name: "rows", type: types.row({ a: types.int() }) }).put(1, { a: 1 });
    const after = backend();
    const rows = after.register({ name: "rows", type: types.row({ b: types.optional(types.int()), a: types.int() }) });
    after.restore([before.snapshot() ?? stored(1)]);
    expect(rows.get(1)).toEqual({ a: 1 });
  });

  it.each<[string, HeapKeyedStateBackend, StateDescriptor<unknown>, string]>([
    [
      "another type",
      backend(),
      { name: "counts", type: types.string() },
      "state counts cannot be read: expected string, the snapshot holds long version 1",
    ],
    [
      "another type of key",
      backend({ keyType: types.long() }),
      COUNTS,
      "the type of its keys changed from double to long",
    ],
    [
      "another number of key groups",
      backend({ maxParallelism: 32 }),
      COUNTS,
      "maxParallelism was 16 and cannot become 32",
    ],
  ])("refuses %s", (_title, changed, descriptor, problem) => {
    changed.register(descriptor);
    expect(() => changed.restore([stored(1.5)])).toThrow(
      expect.objectContaining({ code: "STATE_MIGRATION", message: `tested: the snapshot does not fit: ${problem}` }),
    );
  });

  it("refuses a key of another subtask, and a name twice", () => {
    const state = backend({ parallelism: 16, subtask: 3 });
    const counts = state.register(COUNTS);
    expect(() => counts.put(0, 1)).toThrow("tested: a record of key group 14 reached the subtask of groups 3 to 3");
    expect(() => state.register(COUNTS)).toThrow("tested: state counts is registered twice");
  });
});
