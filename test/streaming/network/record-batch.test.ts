import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import type { TypeInformation } from "../../../src/common/types/type-information.ts";
import { RecordBatchBuilder } from "../../../src/streaming/network/record-batch-builder.ts";
import { RecordBatchReader } from "../../../src/streaming/network/record-batch-reader.ts";
import type { RecordBatch } from "../../../src/streaming/network/record-batch.ts";
import golden from "../../golden/record-batch-v1.json" with { type: "json" };

const Quake = types.row({
  net: types.string(),
  mag: types.double(),
  id: types.long(),
  rank: types.int(),
  felt: types.boolean(),
  place: types.row({ latitude: types.double(), name: types.string() }),
  tags: types.list(types.string()),
  depth: types.optional(types.json<number>()),
});

const example = [
  {
    value: {
      net: "ak",
      mag: 3.4,
      id: Number.MAX_SAFE_INTEGER,
      rank: -2_147_483_648,
      felt: true,
      place: { latitude: 61.25, name: "x" },
      tags: ["a", "bc"],
      depth: 3,
    },
    timestamp: 1_517_356_800_000,
  },
  {
    value: {
      net: "🌋",
      mag: -0.5,
      id: -1,
      rank: 7,
      felt: false,
      place: { latitude: 0, name: "" },
      tags: [],
    },
    timestamp: undefined,
  },
];

interface Sample {
  readonly value: unknown;
  readonly timestamp: number | undefined;
}

function build(type: TypeInformation<unknown>, records: readonly Sample[]): RecordBatch {
  const builder = new RecordBatchBuilder(type);
  for (const { value, timestamp } of records) builder.append(value, timestamp);
  return builder.build();
}

function read(type: TypeInformation<unknown>, batch: RecordBatch): Sample[] {
  const records: Sample[] = [];
  new RecordBatchReader(type).forEach(batch, (value, timestamp) => records.push({ value, timestamp }));
  return records;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A batch as JSON: typed arrays by name, bytes as hex, numbers as text so that NaN and -0 show. */
function shown(value: unknown): unknown {
  if (value instanceof Float64Array || value instanceof Int32Array || value instanceof Uint32Array) {
    return { [value.constructor.name]: Array.from(value, String) };
  }
  if (value instanceof Uint8Array) return { Uint8Array: Array.from(value, String) };
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === "bytes" && part instanceof Uint8Array ? hex(part) : shown(part),
    ]),
  );
}

const record = fc.record(
  {
    net: fc.string({ unit: "binary" }),
    mag: fc.double(),
    id: fc.maxSafeInteger().map((id) => id + 0),
    rank: fc.integer().map((rank) => rank | 0),
    felt: fc.boolean(),
    place: fc.record({ latitude: fc.double(), name: fc.string() }),
    tags: fc.array(fc.string()),
    depth: fc.integer(),
  },
  { requiredKeys: ["net", "mag", "id", "rank", "felt", "place", "tags"] },
);

describe("record batch format v1", () => {
  it("is column for column what it was released as", () => {
    const batch = build(Quake, example);
    expect(shown(batch)).toEqual(golden);
    expect(read(Quake, batch)).toEqual(example);
  });

  it("reads back any records after structured clone, with their timestamps", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ value: record, timestamp: fc.option(fc.maxSafeInteger(), { nil: undefined }) })),
        (samples) => {
          const expected = samples.map(({ value, timestamp }) => ({ value: Quake.parse(value), timestamp }));
          expect(read(Quake, structuredClone(build(Quake, samples)))).toEqual(expected);
        },
      ),
    );
  });

  it("counts the bytes of its columns", () => {
    const batch = build(types.row({ name: types.string(), value: types.double() }), [
      { value: { name: "abc", value: 1 }, timestamp: 5 },
      { value: { name: "", value: 2 }, timestamp: 6 },
    ]);
    // Per record 8 for the timestamp, 8 for the double, 4 and two per unit for the string.
    expect(batch.byteLength).toBe(2 * (8 + 8 + 4) + 2 * 3);
  });

  it("starts anew after build", () => {
    const builder = new RecordBatchBuilder(types.int());
    builder.append(1, 9);
    builder.build();
    builder.append(2, undefined);
    const second = builder.build();
    expect(read(types.int(), second)).toEqual([{ value: 2, timestamp: undefined }]);
    expect(second.timestamps).toBeUndefined();
    expect(second.byteLength).toBe(12);
  });

  it.each([
    ["mag", { ...example[0]?.value, mag: "3.4" }, 'mag: expected a number, got "3.4"'],
    ["rank", { ...example[0]?.value, rank: 1.5 }, "rank: expected an integer of 32 bits, got 1.5"],
    ["id", { ...example[0]?.value, id: 2 ** 53 }, "id: expected an integer of at most 53 bits, got 9007199254740992"],
    ["place.name", { ...example[0]?.value, place: { latitude: 1 } }, "place.name: expected a string, got undefined"],
    ["tags", { ...example[0]?.value, tags: [1] }, "tags[0]: expected a string, got 1"],
    ["", undefined, "expected an object, got undefined"],
  ])("refuses a value that is none of the type, naming %s", (_, value, message) => {
    expect(() => new RecordBatchBuilder(Quake).append(value, undefined)).toThrow(message);
  });

  it("refuses another version and columns that do not fit", () => {
    const batch = build(types.int(), [{ value: 1, timestamp: undefined }]);
    expect(() => read(types.int(), { ...batch, version: 2 })).toThrow("record batch: version 2 is not 1");
    expect(() => read(types.int(), { ...batch, columns: [] })).toThrow("fewer columns");
    expect(() => read(types.int(), { ...batch, columns: [...batch.columns, []] })).toThrow("more columns");
    expect(() => read(types.int(), { ...batch, count: 2 })).toThrow("another kind or length");
    expect(() => read(types.double(), batch)).toThrow("another kind or length");
  });
});
