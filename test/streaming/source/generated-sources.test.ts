import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { CollectionSource } from "../../../src/streaming/source/collection-source.ts";
import { DatagenSource, type DatagenOptions } from "../../../src/streaming/source/datagen-source.ts";
import type { Source, SourceReader, SourceReaderContext } from "../../../src/streaming/source/source.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

function context(overrides: Partial<SourceReaderContext> = {}): SourceReaderContext {
  return {
    jobId: brandId<JobID>("1".repeat(32)),
    subtaskIndex: 0,
    parallelism: 1,
    clock: new ManualClock(),
    restored: [],
    ...overrides,
  };
}

function readSome<T>(reader: SourceReader<T>, limit: number): T[] {
  const records: T[] = [];
  reader.poll(limit, (value) => records.push(value));
  return records;
}

function readAll<T>(source: Source<T>, parallelism: number): T[][] {
  return Array.from({ length: parallelism }, (_, subtaskIndex) =>
    readSome(source.createReader(context({ subtaskIndex, parallelism })), Number.MAX_SAFE_INTEGER),
  );
}

const dice = (overrides: Partial<DatagenOptions<number>> = {}): DatagenSource<number> =>
  DatagenSource.of({
    type: types.int(),
    generate: (_, random) => Math.floor(random.next() * 6),
    count: 600,
    ...overrides,
  });

describe("CollectionSource", () => {
  it("gives its records in order, every n-th to each of n subtasks", () => {
    const source = CollectionSource.of(["a", "b", "c", "d", "e"], types.string());
    expect(readAll(source, 1)).toEqual([["a", "b", "c", "d", "e"]]);
    expect(readAll(source, 2)).toEqual([
      ["a", "c", "e"],
      ["b", "d"],
    ]);
    expect(readAll(CollectionSource.of([], types.string()), 2)).toEqual([[], []]);
  });

  it("goes on after a restored position", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat({ max: 30 }),
        (values, parallelism, stop) => {
          const source = CollectionSource.of(values, types.double());
          const reader = source.createReader(context({ parallelism }));
          const before = readSome(reader, stop);
          const restored = source.createReader(context({ parallelism, restored: [reader.snapshotPosition()] }));
          expect(restored.recordsRead()).toBe(before.length);
          expect([...before, ...readSome(restored, 100)]).toEqual(
            values.filter((_, index) => index % parallelism === 0),
          );
        },
      ),
    );
  });

  it("RST-08: at another parallelism what is left is divided, each subtask's share in order", () => {
    const layout = fc.record({ before: fc.integer({ min: 1, max: 5 }), after: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(layout, fc.array(fc.nat({ max: 9 }), { minLength: 5, maxLength: 5 }), ({ before, after }, stops) => {
        const values = Array.from({ length: 40 }, (_, index) => index);
        const source = CollectionSource.of(values, types.int());
        const first = Array.from({ length: before }, (_, subtaskIndex) =>
          source.createReader(context({ subtaskIndex, parallelism: before })),
        );
        const read = first.flatMap((reader, index) => readSome(reader, stops[index] ?? 0));
        const positions = first.map((reader) => reader.snapshotPosition());
        const shares = Array.from({ length: after }, (_, subtaskIndex) => {
          const restored = after === before ? positions.slice(subtaskIndex, subtaskIndex + 1) : positions;
          return readSome(source.createReader(context({ subtaskIndex, parallelism: after, restored })), 100);
        });
        for (const share of shares) expect(share).toEqual(share.toSorted((left, right) => left - right));
        expect([...read, ...shares.flat()].sort((left, right) => left - right)).toEqual(values);
      }),
    );
  });

  it("is another graph with other records, and names one that is none of the type", () => {
    const description = (values: readonly string[]): string => CollectionSource.of(values, types.string()).description;
    expect(description(["a", "b"])).toBe(description(["a", "b"]));
    expect(description(["a", "b"])).not.toBe(description(["a", "c"]));
    expect(() => CollectionSource.of([1, "2" as unknown as number], types.int())).toThrow(
      '[1]: expected an integer of 32 bits, got "2"',
    );
  });

  it("gives event times", () => {
    const source = CollectionSource.of([5, 7], types.int(), { timestampOf: (value) => value * 10 });
    const timestamps: (number | undefined)[] = [];
    source.createReader(context()).poll(9, (_, timestamp) => timestamps.push(timestamp));
    expect(timestamps).toEqual([50, 70]);
  });
});

describe("DatagenSource", () => {
  it("makes each record from seed and number, whatever the parallelism", () => {
    const [alone = []] = readAll(dice(), 1);
    const parallel = readAll(dice(), 3);
    expect(alone).toEqual(alone.map((_, index) => parallel[index % 3]?.[Math.floor(index / 3)]));
    expect(readAll(dice({ seed: 1 }), 1)).not.toEqual([alone]);
    // Every face of the die at a fair share.
    for (let face = 0; face < 6; face += 1) {
      expect(alone.filter((value) => value === face).length).toBeGreaterThan(60);
    }
  });

  it("never ends without a count, and says when its rate allows the next record", async () => {
    const clock = new ManualClock(0);
    const unbounded = DatagenSource.of({ type: types.int(), generate: (index) => index, recordsPerSecond: 10 });
    expect(unbounded.bounded).toBe(false);
    const reader = unbounded.createReader(context({ clock }));
    expect(reader.poll(5, () => undefined)).toEqual({ kind: "wait-until", dueMillis: 100 });
    await clock.advance(1_000);
    expect(reader.poll(5, () => undefined)).toEqual({ kind: "more" });
    expect(reader.recordsRead()).toBe(6);
  });

  it("keeps its pace over a restore, and does not make up for the time in between", async () => {
    const clock = new ManualClock(0);
    const source = DatagenSource.of({ type: types.int(), generate: (index) => index, recordsPerSecond: 1 });
    const reader = source.createReader(context({ clock }));
    reader.poll(5, () => undefined);
    const restored = [reader.snapshotPosition()];
    await clock.advance(400);
    const soon = source.createReader(context({ clock, restored }));
    expect(soon.poll(5, () => undefined)).toEqual({ kind: "wait-until", dueMillis: 1_000 });
    expect(soon.recordsRead()).toBe(1);
    await clock.advance(9_600);
    const late = source.createReader(context({ clock, restored }));
    expect(late.poll(5, () => undefined)).toEqual({ kind: "wait-until", dueMillis: 11_000 });
    expect(late.recordsRead()).toBe(2);
  });

  it("names the record whose generator fails or returns none of the type", () => {
    const failing = dice({
      generate: (index) => {
        if (index === 2) throw new Error("no luck");
        return index;
      },
    });
    expect(() => readAll(failing, 1)).toThrow("datagen: record 2: no luck");
    expect(() => readAll(dice({ generate: () => 0.5 }), 1)).toThrow(
      "datagen: record 0: expected an integer of 32 bits, got 0.5",
    );
  });

  it.each([
    [{ count: -1 }, "count: expected an integer from 0, got -1"],
    [{ seed: 0.5 }, "seed: expected an integer from"],
    [{ recordsPerSecond: Number.NaN }, "recordsPerSecond: expected a number above 0, got NaN"],
  ])("refuses %j", (overrides, message) => {
    expect(() => dice(overrides)).toThrow(message);
  });
});
