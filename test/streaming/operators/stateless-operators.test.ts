import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import { StreamFilter } from "../../../src/streaming/operators/stream-filter.ts";
import { StreamFlatMap } from "../../../src/streaming/operators/stream-flat-map.ts";
import { StreamMap } from "../../../src/streaming/operators/stream-map.ts";
import type { OneInputStreamOperator } from "../../../src/streaming/operators/stream-operator.ts";
import { OperatorHarness } from "./operator-harness.ts";

const boom = (): never => {
  throw new RangeError("boom");
};

describe("map, filter, flatMap", () => {
  it.each<[string, OneInputStreamOperator<unknown, unknown>, unknown[]]>([
    ["map", new StreamMap((value) => Number(value) * 2, types.int()), [2, 4, 6]],
    ["filter", new StreamFilter((value) => value !== 2), [1, 3]],
    [
      "flatMap",
      new StreamFlatMap((value) => Array<unknown>(Number(value)).fill(value), types.int()),
      [1, 2, 2, 3, 3, 3],
    ],
  ])("%s keeps the records' timestamps and passes watermarks on", (_name, operator, expected) => {
    const harness = new OperatorHarness(operator);
    for (const value of [1, 2, 3]) operator.processElement(value, value * 10);
    operator.processWatermark(29);
    expect(harness.values()).toEqual(expected);
    expect(harness.records.map(({ timestamp }) => timestamp)).toEqual(
      expected.map((value) => (operator instanceof StreamMap ? Number(value) * 5 : Number(value) * 10)),
    );
    expect(harness.watermarks).toEqual([29]);
    expect(operator.snapshotState(1)).toBeUndefined();
  });

  it("drop what the declared type does not have", () => {
    const operator = new StreamMap((value) => value, types.row({ a: types.int() }));
    const harness = new OperatorHarness(operator);
    operator.processElement({ a: 1, b: 2 }, undefined);
    expect(harness.values()).toEqual([{ a: 1 }]);
  });

  it.each<[string, OneInputStreamOperator<unknown, unknown>]>([
    ["map", new StreamMap(boom, types.int())],
    ["filter", new StreamFilter(boom)],
    ["flatMap", new StreamFlatMap(boom, types.int())],
    [
      "flatMap by a generator",
      new StreamFlatMap(function* () {
        yield 1;
        boom();
      }, types.int()),
    ],
  ])("%s: the user's error keeps its message and stack, behind the operator's name", (_name, operator) => {
    const harness = new OperatorHarness(operator);
    expect(() => operator.processElement(1, undefined)).toThrow(
      expect.objectContaining({
        code: "USER_CODE",
        message: "tested: boom",
        stack: expect.stringMatching(
          /^UserCodeException: tested: boom\nCaused by: RangeError: boom\n[^]*stateless-operators/,
        ),
        cause: expect.objectContaining({ name: "RangeError" }),
      }),
    );
    expect(harness.values()).toEqual([]);
  });

  it.each<[OneInputStreamOperator<unknown, unknown>, string]>([
    [
      new StreamMap((): unknown => "x", types.int()),
      'the function returned "x": expected an integer of 32 bits, got "x"',
    ],
    [
      new StreamMap(() => undefined, types.json()),
      "the function returned undefined: expected a JSON value, got undefined",
    ],
    [new StreamFlatMap(() => "ab", types.string()), 'the function returned "ab", expected an iterable'],
    [new StreamFlatMap(() => [1, "b"], types.string()), "the function returned 1: expected a string, got 1"],
  ])("name the record whose result does not fit: %#", (operator, problem) => {
    void new OperatorHarness(operator);
    expect(() => operator.processElement({ id: "ci1" }, undefined)).toThrow(`tested: record 1 (id ci1): ${problem}`);
  });

  it("refuse a predicate's promise, which is always true", () => {
    const operator = new StreamFilter((() => Promise.resolve(false)) as () => unknown as () => boolean);
    void new OperatorHarness(operator);
    expect(() => operator.processElement({ id: "ci1" }, undefined)).toThrow(
      "tested: the predicate returned a Promise for record 1 (id ci1), expected true or false",
    );
  });

  it("carry a thrown value that is no error", () => {
    const operator = new StreamMap(() => {
      throw "text"; // oxlint-disable-line typescript/only-throw-error -- users may
    }, types.int());
    void new OperatorHarness(operator);
    expect(() => operator.processElement(1, undefined)).toThrow('tested: "text"');
  });
});
