import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";

const quake = types.row({
  id: types.string(),
  mag: types.double(),
  place: types.optional(types.string()),
  tags: types.list(types.row({ name: types.string() })),
  scores: types.map(types.int()),
});
const valid = { id: "a", mag: 1.5, tags: [{ name: "x" }], scores: { b: 1 } };

describe("parse", () => {
  it.each([
    [{ ...valid, mag: "1.5" }, 'mag: expected a number, got "1.5"'],
    [{ ...valid, id: undefined }, "id: expected a string, got undefined"],
    [{ ...valid, tags: [{ name: "x" }, { name: 7 }] }, "tags[1].name: expected a string, got 7"],
    [{ ...valid, tags: {} }, "tags: expected a list, got {}"],
    [{ ...valid, scores: { b: 1.5 } }, "scores.b: expected an integer of 32 bits, got 1.5"],
    [{ ...valid, place: 5 }, "place: expected a string, got 5"],
    [[], "expected an object, got []"],
    [null, "expected an object, got null"],
  ])("names the path and the value: %j", (value, message) => {
    expect(() => quake.parse(value)).toThrow(message);
    expect(() => quake.parse(value)).toThrow(expect.objectContaining({ code: "SERIALIZATION" }));
  });

  it("keeps declared fields only, in declared order", () => {
    expect(Object.keys(quake.parse({ extra: 1, ...valid }))).toEqual(["id", "mag", "tags", "scores"]);
  });

  it("takes a JSON null for an absent optional field", () => {
    expect(quake.parse({ ...valid, place: null })).toEqual(valid);
  });

  it("takes no field from the prototype", () => {
    expect(() => types.row({ constructor: types.json() }).parse({})).toThrow("got undefined");
  });

  it("refuses a field named __proto__", () => {
    expect(() => types.row(JSON.parse('{"__proto__": null}'))).toThrow(/__proto__/);
  });

  it.each([2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN, Infinity, "1"])("refuses the int %s", (value) => {
    expect(() => types.int().parse(value)).toThrow("expected an integer of 32 bits");
  });

  it.each([2 ** 53, 1.5, Number.NaN, 1n])("refuses the long %s", (value) => {
    expect(() => types.long().parse(value)).toThrow("expected an integer of at most 53 bits");
  });

  it("gives whole numbers one zero", () => {
    expect(Object.is(types.int().parse(-0), 0)).toBe(true);
    expect(Object.is(types.long().parse(-0), 0)).toBe(true);
    expect(Object.is(types.double().parse(-0), -0)).toBe(true);
  });

  it.each([
    [undefined, "got undefined"],
    [{ at: new Date(0) }, "at: expected a JSON value, got a Date"],
    [[1, Number.NaN], "[1]: expected a JSON value, got NaN"],
    [{ run: () => 1 }, "run: expected a JSON value, got a function"],
    [new Map(), "got a Map"],
  ])("refuses %s as JSON", (value, message) => {
    expect(() => types.json().parse(value)).toThrow(message);
  });

  it("takes JSON that is nested 500 deep, and no deeper: it would overflow the stack somewhere", () => {
    const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    expect(types.json().parse(nested(500))).toEqual(nested(500));
    for (const depth of [501, 100_000]) {
      expect(() => types.json().parse(nested(depth))).toThrow("expected a JSON value nested at most 500 deep, got");
    }
  });
});
