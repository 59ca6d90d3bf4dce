import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import {
  defaultMaxParallelism,
  keyGroupOf,
  keyGroupRangeOf,
  murmurMix,
  subtaskOfKeyGroup,
} from "../../../src/streaming/state/key-group-assignment.ts";
import { keyHashOf, keyIdentityOf, UNDECLARED_KEY_TYPE } from "../../../src/streaming/state/key-type.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const int = types.int();
const long = types.long();
const double = types.double();
const string = types.string();
const boolean = types.boolean();

/** Made by Flink's own classes on a JVM: contract runtime-semantics 4.2. */
const FLINK_VECTORS = [
  [int, 0, 0, 593689054, 94, 31198],
  [string, "", 0, 593689054, 94, 31198],
  [long, 0, 0, 593689054, 94, 31198],
  [double, 0, 0, 593689054, 94, 31198],
  [long, -1, 0, 593689054, 94, 31198],
  [int, 1, 1, 68075478, 86, 16342],
  [long, 1, 1, 68075478, 86, 16342],
  [int, 2, 2, 1085422463, 127, 15231],
  [int, -1, -1, 1982413648, 80, 15184],
  [int, 42, 42, 1134849565, 29, 28189],
  [int, 1000, 1000, 3506311, 7, 135],
  [int, 2147483647, 2147483647, 1653689534, 62, 19646],
  [int, -2147483648, -2147483648, 1718298732, 108, 10348],
  [double, -0, -2147483648, 1718298732, 108, 10348],
  [string, "a", 97, 1455541201, 81, 19409],
  [string, "b", 98, 516420758, 22, 29846],
  [string, "key", 106079, 801471432, 72, 31688],
  [string, "hello", 99162322, 1715862179, 35, 31395],
  [string, "user-1", -836031825, 1662039673, 121, 13945],
  [string, "user-42", -147182656, 1600933524, 20, 20116],
  [string, "日本", 835047, 1762503263, 95, 10847],
  [string, "😀", 1772899, 1934073014, 54, 7350],
  [long, 2 ** 40, 256, 1409940790, 54, 32054],
  [long, 1234567890123, 1912276436, 1151597916, 92, 32092],
  [double, 1.5, 1073217536, 1684538177, 65, 833],
  [boolean, true, 1231, 1090530765, 77, 11725],
  [boolean, false, 1237, 1530821891, 3, 32003],
] as const;

describe("key groups", () => {
  it.each(FLINK_VECTORS)("RST-07 %s: Flink's vector for %j", (type, key, hash, mix, of128, of32768) => {
    expect(keyHashOf(type)(key)).toBe(hash);
    expect(murmurMix(hash)).toBe(mix);
    expect(keyGroupOf(hash, 128)).toBe(of128);
    expect(keyGroupOf(hash, 32_768)).toBe(of32768);
  });

  it("send undeclared strings and booleans where declared ones go", () => {
    const hash = keyHashOf(UNDECLARED_KEY_TYPE);
    expect(hash("user-42")).toBe(-147182656);
    expect([hash(true), hash(false)]).toEqual([1231, 1237]);
  });

  it("hash every NaN alike, as Java does", () => {
    expect(keyHashOf(double)(Number.NaN)).toBe(2146959360);
  });

  it("combine a row's fields like java.util.List", () => {
    const hash = keyHashOf(types.row({ net: string, level: int }));
    expect(hash({ net: "a", level: 2 })).toBe((31 * (31 * 1 + 97) + 2) | 0);
    expect(hash({ level: 2, net: "a" })).toBe(hash({ net: "a", level: 2 }));
  });

  it("refuse types that are no keys", () => {
    expect(() => keyHashOf(types.json())).toThrow("json is no type for keys");
    expect(() => keyIdentityOf(types.row({ x: types.list(int) }))).toThrow("is no type for keys");
  });

  it("tell keys apart as their hash does", () => {
    const doubles = keyIdentityOf(double);
    expect(new Set([doubles(-0), doubles(0), doubles(Number.NaN), doubles(Number.NaN)]).size).toBe(3);
    const rows = keyIdentityOf(types.row({ a: string, b: string }));
    expect(rows({ a: "x", b: "y" })).toBe(rows({ b: "y", a: "x" }));
    expect(rows({ a: "x", b: "y" })).not.toBe(rows({ a: "xy", b: "" }));
  });
});

describe("ranges", () => {
  it.each([
    [128, 3, ["0-42", "43-85", "86-127"]],
    [128, 4, ["0-31", "32-63", "64-95", "96-127"]],
    [10, 3, ["0-3", "4-6", "7-9"]],
  ])("of %d groups over %d subtasks are Flink's", (maxParallelism, parallelism, expected) => {
    const ranges = Array.from({ length: parallelism }, (_, index) =>
      keyGroupRangeOf(index, parallelism, maxParallelism),
    );
    expect(ranges.map(({ start, end }) => `${start}-${end}`)).toEqual(expected);
  });

  it("hold exactly the groups of their subtask", () => {
    const sizes = fc
      .integer({ min: 1, max: 500 })
      .chain((max) => fc.tuple(fc.constant(max), fc.integer({ min: 1, max })));
    fc.assert(
      fc.property(sizes, ([maxParallelism, parallelism]) => {
        for (let group = 0; group < maxParallelism; group++) {
          const subtask = subtaskOfKeyGroup(group, parallelism, maxParallelism);
          const { start, end } = keyGroupRangeOf(subtask, parallelism, maxParallelism);
          expect(start <= group && group <= end).toBe(true);
        }
      }),
      { seed: SEED },
    );
  });

  it("need a group for every subtask", () => {
    expect(() => keyGroupRangeOf(0, 129, 128)).toThrow(
      "parallelism: expected at most the max parallelism 128, got 129",
    );
  });
});

describe("default max parallelism", () => {
  it.each([
    [1, 128],
    [85, 128],
    [86, 256],
    [170, 256],
    [171, 256],
    [200, 512],
    [342, 1024],
    [1000, 2048],
    [21_845, 32_768],
    [30_000, 32_768],
  ])("of %d is Flink's %d", (parallelism, expected) => {
    expect(defaultMaxParallelism(parallelism)).toBe(expected);
  });
});
