import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import type { OperatorID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { OperatorSnapshot } from "../../../src/streaming/state/operator-snapshot.ts";
import { encodeSnapshot, readSnapshot, snapshotInMemory } from "../../../src/streaming/state/snapshot-format.ts";
import type { SnapshotBytes } from "../../../src/streaming/state/snapshot-format.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const GOLDEN = join(import.meta.dirname, "../../golden/snapshot-v1.hex");

const operatorId = (digit: number): OperatorID => brandId<OperatorID>(String(digit).padStart(32, "0"));

const example: readonly OperatorSnapshot[] = [
  {
    operatorId: operatorId(1),
    operator: { serializer: types.row({ watermark: types.long() }).snapshot(), bytes: Uint8Array.of(1, 2, 3) },
  },
  {
    operatorId: operatorId(2),
    keyed: {
      keySerializer: types.string().snapshot(),
      keyHash: "flink-v1",
      maxParallelism: 128,
      states: [{ name: "window-contents", serializer: types.list(types.double()).snapshot() }],
      groups: [
        { keyGroup: 7, bytes: Uint8Array.of(4, 5) },
        { keyGroup: 90, bytes: Uint8Array.of(6) },
      ],
    },
  },
];

const bytes = fc.uint8Array({ maxLength: 40 });

const snapshots: fc.Arbitrary<readonly OperatorSnapshot[]> = fc.array(
  fc.record(
    {
      operatorId: fc.nat({ max: 9 }).map(operatorId),
      keyed: fc.record({
        keySerializer: fc.constant(types.long().snapshot()),
        keyHash: fc.constant("flink-v1" as const),
        maxParallelism: fc.constant(64),
        states: fc.constant([{ name: "é", serializer: types.string().snapshot() }]),
        groups: fc
          .uniqueArray(fc.nat({ max: 63 }))
          .chain((groups) =>
            fc.tuple(
              ...groups
                .toSorted((a, b) => a - b)
                .map((keyGroup) => fc.record({ keyGroup: fc.constant(keyGroup), bytes })),
            ),
          ),
      }),
      operator: fc.record({ serializer: fc.constant(types.double().snapshot()), bytes }),
    },
    { requiredKeys: ["operatorId"] },
  ),
  { maxLength: 4 },
);

/** Reads like an object store, and counts. */
function recorded(stored: Uint8Array): { source: SnapshotBytes; reads: [offset: number, length: number][] } {
  const reads: [number, number][] = [];
  const source = {
    size: stored.byteLength,
    read: async (offset: number, length: number) => {
      reads.push([offset, length]);
      return stored.slice(offset, offset + length);
    },
  };
  return { source, reads };
}

describe("snapshot format v1", () => {
  it("is byte for byte what it was released as", async () => {
    const golden = Uint8Array.from(readFileSync(GOLDEN, "utf8").match(/[0-9a-f]{2}/g) ?? [], (hex) =>
      Number.parseInt(hex, 16),
    );
    expect(encodeSnapshot(example)).toEqual(golden);
    expect(await readSnapshot(snapshotInMemory(golden))).toEqual(example);
  });

  it("reads back any snapshot", async () => {
    await fc.assert(
      fc.asyncProperty(snapshots, async (list) => {
        expect(await readSnapshot(snapshotInMemory(encodeSnapshot(list)))).toEqual(list);
      }),
      { seed: SEED },
    );
  });

  it("RST-07 gives each range of key groups just its own, and every group to one range", async () => {
    await fc.assert(
      fc.asyncProperty(snapshots, fc.nat({ max: 62 }), async (list, last) => {
        const stored = snapshotInMemory(encodeSnapshot(list));
        const low = await readSnapshot(stored, { start: 0, end: last });
        const high = await readSnapshot(stored, { start: last + 1, end: 63 });
        for (const [index, { keyed, operator }] of list.entries()) {
          expect([...(low[index]?.keyed?.groups ?? []), ...(high[index]?.keyed?.groups ?? [])]).toEqual(
            keyed?.groups ?? [],
          );
          expect(low[index]?.keyed?.groups.every(({ keyGroup }) => keyGroup <= last) ?? true).toBe(true);
          expect(low[index]?.operator).toEqual(operator);
        }
      }),
      { seed: SEED },
    );
  });

  it("reads a range of a large snapshot with one read for it and one before", async () => {
    const size = 100_000;
    const groups = [0, 1, 2, 3].map((keyGroup) => ({ keyGroup, bytes: new Uint8Array(size).fill(keyGroup) }));
    const keyed = example[1]?.keyed;
    if (keyed === undefined) throw new Error("the example has keyed state");
    const { source, reads } = recorded(encodeSnapshot([{ operatorId: operatorId(1), keyed: { ...keyed, groups } }]));
    const [restored] = await readSnapshot(source, { start: 1, end: 2 });
    expect(restored?.keyed?.groups).toEqual(groups.slice(1, 3));
    expect(reads).toEqual([
      [0, 65_536],
      [expect.any(Number), 2 * size],
    ]);
  });

  it("reads a range whatever the order in which the groups were given", async () => {
    const keyed = example[1]?.keyed;
    if (keyed === undefined) throw new Error("the example has keyed state");
    const groups = [5, 9, 2].map((keyGroup) => ({ keyGroup, bytes: Uint8Array.of(keyGroup) }));
    const stored = encodeSnapshot([{ operatorId: operatorId(1), keyed: { ...keyed, groups } }]);
    const [restored] = await readSnapshot(snapshotInMemory(stored), { start: 2, end: 5 });
    expect(restored?.keyed?.groups).toEqual([2, 5].map((keyGroup) => ({ keyGroup, bytes: Uint8Array.of(keyGroup) })));
  });

  it("refuses other bytes, later versions, and bytes cut off anywhere", async () => {
    const stored = encodeSnapshot(example);
    await expect(readSnapshot(snapshotInMemory(new Uint8Array(20)))).rejects.toThrow("the bytes are no snapshot");
    await expect(readSnapshot(snapshotInMemory(stored.with(4, 2)))).rejects.toThrow(
      "format version 2 is not known here",
    );
    await expect(readSnapshot(snapshotInMemory(Uint8Array.of(...stored, 0)))).rejects.toThrow(
      `expected ${stored.byteLength} bytes, got ${stored.byteLength + 1}`,
    );
    for (let length = 0; length < stored.byteLength; length++) {
      await expect(readSnapshot(snapshotInMemory(stored.subarray(0, length)))).rejects.toThrow(
        expect.objectContaining({ code: "SERIALIZATION" }),
      );
    }
  });

  it("refuses a header whose spans leave the body", async () => {
    const stored = encodeSnapshot(example);
    const text = new TextDecoder("latin1").decode(stored);
    const damaged = Uint8Array.from(text.replace("[90,5,1]", "[90,9,1]"), (character) => character.charCodeAt(0));
    await expect(readSnapshot(snapshotInMemory(damaged))).rejects.toThrow("the header is malformed");
  });
});
