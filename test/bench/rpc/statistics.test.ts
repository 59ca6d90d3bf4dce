import { describe, expect, it } from "vitest";
import { alternate, median, percentile } from "../../../bench/rpc/report/statistics.ts";

describe("median", () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 2], 9],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it("needs a value", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, position) => 100 - position);

  it.each([
    [0.99, 99],
    [0.5, 50],
    [1, 100],
    [0, 1],
  ])("%d of 1 to 100 is %d", (fraction, expected) => {
    expect(percentile(hundred, fraction)).toBe(expected);
  });
});

describe("alternate", () => {
  it("warms every side up, then begins each round with another side", async () => {
    const measured: string[] = [];
    await alternate(["a", "b", "c"], 3, (side) => Promise.resolve(measured.push(side)));
    expect(measured.join("")).toBe("abc" + "abc" + "abc" + "bca" + "cab");
  });

  it("gives each side's median without the warm-up", async () => {
    const values = new Map([
      ["fast", [1_000, 900, 5, 7, 6]],
      ["slow", [0, 4, 3, 1, 2]],
    ]);
    const medians = await alternate([...values.keys()], 3, (side) => Promise.resolve(values.get(side)?.shift() ?? -1));
    expect([...medians]).toEqual([
      ["fast", 6],
      ["slow", 2],
    ]);
  });
});
