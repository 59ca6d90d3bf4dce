import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataInputView } from "../../../src/common/types/data-input-view.ts";
import { DataOutputBuffer } from "../../../src/common/types/data-output-buffer.ts";
import { typeFromSnapshot } from "../../../src/common/types/row-type.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { SerializerSnapshot, TypeInformation } from "../../../src/common/types/type-information.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

interface TypedValue {
  readonly type: TypeInformation<unknown>;
  readonly value: unknown;
}

const anyText = fc.string({ unit: "binary" });
const loneSurrogates = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 80 })
  .map((units) => String.fromCharCode(...units));

const scalar: fc.Arbitrary<TypedValue> = fc.oneof(
  fc.oneof(anyText, loneSurrogates).map((value) => ({ type: types.string(), value })),
  fc.boolean().map((value) => ({ type: types.boolean(), value })),
  fc.integer().map((value) => ({ type: types.int(), value })),
  fc.maxSafeInteger().map((value) => ({ type: types.long(), value })),
  fc.double().map((value) => ({ type: types.double(), value })),
  fc.jsonValue({ noUnicodeString: false }).map((value) => ({ type: types.json(), value: withoutNegativeZero(value) })),
);

const typedValue: fc.Arbitrary<TypedValue> = fc.letrec<{ any: TypedValue; composite: TypedValue }>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, scalar, tie("composite")),
  composite: fc.oneof(
    tie("any").map(({ type, value }) => ({ type: types.list(type), value: [value, value] })),
    tie("any").map(({ type, value }) => ({ type: types.map(type), value: { first: value, "": value } })),
    fc.dictionary(fieldNames(), tie("any"), { maxKeys: 5 }).map((fields) => ({
      type: types.row(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.type]))),
      value: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value])),
    })),
    fc.tuple(scalar, fc.boolean()).map(([{ type, value }, isPresent]) => ({
      type: types.row({ field: types.optional(type), last: types.int() }),
      // A JSON null counts as absent.
      value: isPresent && value !== null ? { field: value, last: 1 } : { last: 1 },
    })),
  ),
})).any;

function fieldNames(): fc.Arbitrary<string> {
  return fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== "__proto__");
}

function withoutNegativeZero(value: unknown): unknown {
  const parsed: unknown = JSON.parse(JSON.stringify(value));
  return parsed;
}

function write(type: TypeInformation<unknown>, value: unknown): Uint8Array {
  const output = new DataOutputBuffer();
  type.serialize(value, output);
  return output.toUint8Array();
}

describe("types", () => {
  it("read back what they wrote, to the last byte", () => {
    fc.assert(
      fc.property(typedValue, ({ type, value }) => {
        const input = new DataInputView(write(type, value));
        expect(type.deserialize(input)).toEqual(value);
        expect(input.remaining).toBe(0);
      }),
      { seed: SEED },
    );
  });

  it("accept what they read", () => {
    fc.assert(
      fc.property(typedValue, ({ type, value }) => {
        expect(type.parse(value)).toEqual(value);
      }),
      { seed: SEED },
    );
  });

  it("are rebuilt from their snapshot, which survives JSON, and are compatible with it as is", () => {
    fc.assert(
      fc.property(typedValue, ({ type, value }) => {
        const stored = JSON.parse(JSON.stringify(type.snapshot())) as SerializerSnapshot;
        const rebuilt = typeFromSnapshot(stored);
        expect(rebuilt.description).toBe(type.description);
        expect(type.resolveCompatibility(rebuilt.snapshot())).toEqual({ kind: "as-is" });
        expect(rebuilt.deserialize(new DataInputView(write(type, value)))).toEqual(value);
      }),
      { seed: SEED },
    );
  });

  it("refuse bytes that end too early", () => {
    fc.assert(
      fc.property(typedValue, ({ type, value }) => {
        const bytes = write(type, value);
        fc.pre(bytes.byteLength > 0);
        expect(() => type.deserialize(new DataInputView(bytes.subarray(0, -1)))).toThrow(
          expect.objectContaining({ code: "SERIALIZATION" }),
        );
      }),
      { seed: SEED },
    );
  });
});

describe("encoding", () => {
  it.each([
    ["a varint of one byte", (output: DataOutputBuffer) => output.writeVarint(127), [0x7f]],
    ["a varint of two bytes", (output: DataOutputBuffer) => output.writeVarint(300), [0xac, 0x02]],
    [
      "the greatest varint",
      (output: DataOutputBuffer) => output.writeVarint(2 ** 32 - 1),
      [0xff, 0xff, 0xff, 0xff, 0x0f],
    ],
    ["an int, little endian", (output: DataOutputBuffer) => output.writeInt(-2), [0xfe, 0xff, 0xff, 0xff]],
    ["text as UTF-8", (output: DataOutputBuffer) => output.writeString("é"), [4, 0xc3, 0xa9]],
    ["a lone surrogate as UTF-16", (output: DataOutputBuffer) => output.writeString("\ud83d"), [5, 0x3d, 0xd8]],
  ])("writes %s", (_title, write_, bytes) => {
    const output = new DataOutputBuffer();
    write_(output);
    expect([...output.toUint8Array()]).toEqual(bytes);
  });

  it.each([0, -1, 1, 2 ** 40, -(2 ** 40) - 7, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
    "writes the long %d like a 64 bit integer",
    (value) => {
      const expected = new DataOutputBuffer();
      expected.writeLong(BigInt(value));
      expect(write(types.long(), value)).toEqual(expected.toUint8Array());
    },
  );

  it("refuses a varint of more than 32 bits", () => {
    expect(() => new DataInputView(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x1f)).readVarint()).toThrow(
      "longer than 32 bits",
    );
    expect(() => new DataOutputBuffer().writeVarint(2 ** 32)).toThrow("got 4294967296");
  });
});
