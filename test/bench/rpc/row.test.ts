import { describe, expect, it } from "vitest";
import { judge } from "../../../bench/rpc/report/row.ts";
import type { Bar } from "../../../bench/rpc/report/row.ts";

const judged = (bar: Bar, value?: number, baseline?: number) =>
  judge({ name: "row", unit: "ms", bar }, { value, baseline });

describe("a row", () => {
  it.each<[Bar, number, number | undefined, boolean]>([
    [{ kind: "ratio", atLeast: 0.85 }, 85, 100, true],
    [{ kind: "ratio", atLeast: 0.85 }, 84, 100, false],
    [{ kind: "ratio", atLeast: 0.85 }, 85, undefined, false],
    [{ kind: "ahead" }, 101, 100, true],
    [{ kind: "ahead" }, 100, 100, false],
    [{ kind: "difference", atMost: 5 }, 12, 7, true],
    [{ kind: "difference", atMost: 5 }, 12.5, 7, false],
    [{ kind: "value", atMost: 10 }, 10, 1_000, true],
    [{ kind: "value", atMost: 10 }, 11, 1_000, false],
    [{ kind: "value", atMost: 10 }, 10, undefined, true],
  ])("with bar %j, value %d and baseline %d: %s", (bar, value, baseline, pass) => {
    expect(judged(bar, value, baseline).pass).toBe(pass);
  });

  it("never passes without a value", () => {
    const bars: Bar[] = [
      { kind: "ratio", atLeast: 0 },
      { kind: "ahead" },
      { kind: "difference", atMost: 1 },
      { kind: "value", atMost: 1 },
    ];
    expect(bars.map((bar) => judged(bar, undefined, 1).pass)).toEqual([false, false, false, false]);
  });

  it("has the fields that --json promises", () => {
    expect(JSON.parse(JSON.stringify(judged({ kind: "ratio", atLeast: 40 }, 1_234.567, 100)))).toEqual({
      name: "row",
      value: 1_235,
      baseline: 100,
      ratio: 12.35,
      bar: ">= 40 x",
      pass: false,
      unit: "ms",
    });
    expect(
      judge(
        { name: "gap", unit: "s", bar: { kind: "value", atMost: 2 } },
        { value: undefined, baseline: 3 },
        "missing: it",
      ),
    ).toEqual({
      name: "gap",
      value: null,
      baseline: 3,
      ratio: null,
      bar: "<= 2 s",
      pass: false,
      unit: "s",
      reason: "missing: it",
    });
  });
});
