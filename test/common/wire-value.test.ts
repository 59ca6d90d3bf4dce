import { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SluiceException } from "../../src/common/exceptions.ts";
import { decodeWireText, encodeWireText } from "../../src/common/wire-text.ts";
import { checkWireValue, copyMeasured, copyWireValue, MAX_WIRE_DEPTH } from "../../src/common/wire-value.ts";
import { wireValues } from "./wire-arbitraries.ts";

/** As Node's Buffer is one. */
class Chunk extends Uint8Array {}

class Point {
  x = 1;
}

describe("checkWireValue", () => {
  it.each<[string, unknown, string]>([
    ["a function", { a: [0, { b: () => 1 }] }, "v.a[1].b: a function"],
    ["a symbol", [Symbol("s")], "v[0]: a symbol"],
    ["a class instance", { "odd key": new Point() }, 'v["odd key"]: an instance of Point'],
    ["an error", { cause: new TypeError("x") }, "v.cause: an TypeError (use toErrorData)"],
    ["a promise", [Promise.resolve()], "v[0]: a Promise"],
    ["a URL", { u: new URL("http://x") }, "v.u: an instance of URL"],
    ["a RegExp", /x/, "v: an instance of RegExp"],
    ["a WeakMap", new WeakMap(), "v: an instance of WeakMap"],
    ["a DataView", new DataView(new ArrayBuffer(1)), "v: an instance of DataView"],
    ["a SharedArrayBuffer", new SharedArrayBuffer(1), "v: an instance of SharedArrayBuffer"],
    ["a symbol key", { [Symbol("k")]: 1 }, "v: an object with the key Symbol(k)"],
    ["a bad map key", new Map([[() => 1, 1]]), "v.key(0): a function"],
    ["a bad map value", new Map([["k", () => 1]]), "v.value(0): a function"],
    ["a bad set member", new Set([1, Symbol("s")]), "v.member(1): a symbol"],
  ])("refuses %s and names its path", (_what, value, message) => {
    expect(() => checkWireValue(value, "v")).toThrow(message);
    expect(() => checkWireValue(value, "v")).toThrow(expect.objectContaining({ code: "SERIALIZATION" }));
  });

  it("refuses a value that contains itself, and one nested too deeply", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => checkWireValue(cycle, "v")).toThrow(/contains itself/);
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    checkWireValue(nested(MAX_WIRE_DEPTH), "v");
    expect(() => checkWireValue(nested(MAX_WIRE_DEPTH + 1), "v")).toThrow(/nested deeper/);
  });
});

describe("copyWireValue", () => {
  it("gives what structuredClone gives, for every value of the list", () => {
    fc.assert(fc.property(wireValues, (value) => deepStrictEqual(copyWireValue(value, "v"), structuredClone(value))));
  });

  it("shares nothing with the original", () => {
    const original = {
      list: [1],
      map: new Map([["k", { n: 1 }]]),
      set: new Set([1]),
      date: new Date(0),
      bytes: new Uint8Array([1]),
    };
    const copy = copyWireValue(original, "v");
    original.list.push(2);
    original.map.get("k")!.n = 2;
    original.set.add(2);
    original.date.setTime(1);
    original.bytes[0] = 2;
    expect(copy).toEqual({
      list: [1],
      map: new Map([["k", { n: 1 }]]),
      set: new Set([1]),
      date: new Date(0),
      bytes: new Uint8Array([1]),
    });
  });

  it("normalises rows without prototype, Buffers, views and accessors", () => {
    const row: Record<string, unknown> = Object.assign(Object.create(null) as object, { a: 1 });
    const copy = copyWireValue(row, "v");
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(copy).toEqual({ a: 1 });
    const chunk = copyWireValue(new Chunk([1, 2]), "v");
    expect(Object.getPrototypeOf(chunk)).toBe(Uint8Array.prototype);
    expect(copyWireValue(new Uint8Array(1_000_000).subarray(5, 7), "v").buffer.byteLength).toBe(2);
    const { value: accessor } = copyMeasured({ get a() { return 1; } }, "v"); // prettier-ignore
    expect(Object.getOwnPropertyDescriptor(accessor, "a")).toMatchObject({ value: 1 });
  });

  it("measures: more data counts more, and bytes count as many", () => {
    const bytesOf = (value: unknown): number => copyMeasured(value, "v").bytes;
    expect(bytesOf(new Uint8Array(1_000_000))).toBeGreaterThanOrEqual(1_000_000);
    expect(bytesOf("x".repeat(1_000))).toBeGreaterThanOrEqual(1_000);
    fc.assert(
      fc.property(wireValues, (value) => {
        expect(bytesOf([value, value])).toBeGreaterThan(bytesOf(value));
      }),
    );
  });
});

describe("wire text", () => {
  it("gives back every value of the list", () => {
    fc.assert(
      fc.property(wireValues, (value) => {
        deepStrictEqual(decodeWireText(encodeWireText(value, "v"), "v"), structuredClone(value));
      }),
      { numRuns: 500 },
    );
  });

  // The stored form, written by hand: a release must read what an earlier one stored.
  it.each<[string, unknown]>([
    ['[1,"a",true,null]', [1, "a", true, null]],
    ['{"$":"undefined"}', undefined],
    ['{"$":"number","v":"-0"}', -0],
    ['{"$":"number","v":"NaN"}', Number.NaN],
    ['{"$":"number","v":"-Infinity"}', Number.NEGATIVE_INFINITY],
    ['{"$":"bigint","v":"-12"}', -12n],
    ['{"$":"date","v":5}', new Date(5)],
    ['{"$":"date","v":null}', new Date(Number.NaN)],
    ['{"$":"map","v":[["k",{"$":"bigint","v":"1"}]]}', new Map([["k", 1n]])],
    ['{"$":"set","v":[1,[2]]}', new Set([1, [2]])],
    ['{"$":"buffer","v":"AQI="}', new Uint8Array([1, 2]).buffer],
    ['{"$":"Uint16Array","v":"AQA="}', new Uint16Array([1])],
    ['{"$":"object","v":[["$","x"],["a",1]]}', { $: "x", a: 1 }],
  ])("is %s", (text, value) => {
    expect(encodeWireText(value, "v")).toBe(text);
    expect(decodeWireText(text, "v")).toStrictEqual(value);
  });

  it.each(["{", '{"$":"nonsense"}', '{"$":"map","v":1}', '{"$":"bigint","v":"x"}', '{"$":7}'])(
    "refuses %s, naming the path",
    (text) => {
      expect(() => decodeWireText(text, "storage key k")).toThrow(SluiceException);
      expect(() => decodeWireText(text, "storage key k")).toThrow(/storage key k/);
    },
  );
});
