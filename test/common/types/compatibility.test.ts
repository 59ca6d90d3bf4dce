import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataInputView } from "../../../src/common/types/data-input-view.ts";
import { DataOutputBuffer } from "../../../src/common/types/data-output-buffer.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { TypeInformation } from "../../../src/common/types/type-information.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const v1 = types.row({ id: types.string(), mag: types.double() });
const written = { id: "a", mag: 1.5 };

function readAs<T>(type: TypeInformation<T>, from: TypeInformation<unknown>, value: unknown): T {
  const output = new DataOutputBuffer();
  from.serialize(value, output);
  const compatibility = type.resolveCompatibility(from.snapshot());
  expect(compatibility.kind).toBe("migrate");
  if (compatibility.kind !== "migrate") throw new Error("not migrated");
  const input = new DataInputView(output.toUint8Array());
  const read = compatibility.read(input);
  expect(input.remaining).toBe(0);
  return read;
}

describe("a row across versions", () => {
  it("is as it was", () => {
    expect(v1.resolveCompatibility(v1.snapshot())).toEqual({ kind: "as-is" });
  });

  it("may gain an optional field", () => {
    const v2 = types.row({ place: types.optional(types.string()), id: types.string(), mag: types.double() });
    expect(readAs(v2, v1, written)).toEqual(written);
  });

  it("may lose a field, whatever its type", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.integer()), (id, gone) => {
        const before = types.row({
          gone: types.row({ list: types.list(types.int()), maybe: types.optional(types.long()) }),
          id: types.string(),
        });
        expect(readAs(types.row({ id: types.string() }), before, { gone: { list: gone }, id })).toEqual({ id });
      }),
      { seed: SEED },
    );
  });

  it("may move fields and make one optional", () => {
    const v2 = types.row({ mag: types.optional(types.double()), id: types.string() });
    expect(readAs(v2, v1, written)).toEqual(written);
  });

  it("migrates inside lists, maps and optionals", () => {
    const v2 = types.row({ id: types.string() });
    expect(readAs(types.list(v2), types.list(v1), [written, written])).toEqual([{ id: "a" }, { id: "a" }]);
    expect(readAs(types.map(v2), types.map(v1), { x: written })).toEqual({ x: { id: "a" } });
    expect(readAs(types.optional(v2), types.optional(v1), written)).toEqual({ id: "a" });
    expect(readAs(types.optional(v2), types.optional(v1), undefined)).toBeUndefined();
  });

  it.each([
    [types.row({ id: types.string(), mag: types.int() }), "mag: expected int, the snapshot holds double version 1"],
    [
      types.row({ id: types.string(), mag: types.double(), depth: types.double() }),
      "depth: the field is new and not optional",
    ],
    [types.list(v1), "expected list<row<id:string,mag:double>>, the snapshot holds row version 1"],
  ])("is incompatible with %s", (type: TypeInformation<unknown>, reason) => {
    expect(type.resolveCompatibility(v1.snapshot())).toEqual({ kind: "incompatible", reason });
  });

  it("cannot make an optional field required", () => {
    const before = types.row({ id: types.optional(types.string()) });
    expect(types.row({ id: types.string() }).resolveCompatibility(before.snapshot()).kind).toBe("incompatible");
  });

  it("is incompatible with a later version of its own format", () => {
    expect(v1.resolveCompatibility({ ...v1.snapshot(), version: 2 }).kind).toBe("incompatible");
    expect(types.string().resolveCompatibility({ id: "string", version: 2 }).kind).toBe("incompatible");
  });
});

describe("descriptions", () => {
  it("differ for different types, whatever the fields are called", () => {
    const tricky = types.row({ "a:string,b": types.string() });
    expect(tricky.description).not.toBe(types.row({ a: types.string(), b: types.string() }).description);
  });
});
