import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { milliseconds, seconds } from "../../../src/common/duration.ts";
import { WatermarkGenerator } from "../../../src/streaming/time/watermark-generator.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const self = (value: number): number => value;

describe("WatermarkGenerator", () => {
  it("trails the highest event time by the bound and one millisecond", () => {
    const generator = new WatermarkGenerator(
      WatermarkStrategy.forBoundedOutOfOrderness(seconds(5)).withTimestampAssigner(self),
      "source",
    );
    expect(generator.next()).toBeUndefined();
    generator.timestampOf(20_000, undefined);
    generator.timestampOf(18_000, undefined);
    expect(generator.next()).toBe(14_999);
    expect(generator.next()).toBeUndefined();
  });

  it("only rises, and makes no record late that trails by no more than the bound", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (times, bound) => {
        const generator = new WatermarkGenerator(
          WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(bound)).withTimestampAssigner(self),
          "source",
        );
        let latest = -Infinity;
        const emitted: number[] = [];
        const wronglyLate: number[] = [];
        for (const time of times) {
          if (time >= latest - bound && time <= (emitted.at(-1) ?? -Infinity)) wronglyLate.push(time);
          latest = Math.max(latest, time);
          generator.timestampOf(time, undefined);
          emitted.push(...[generator.next()].filter((watermark) => watermark !== undefined));
        }
        expect(wronglyLate).toEqual([]);
        expect(emitted).toEqual([...new Set(emitted)].toSorted((left, right) => left - right));
      }),
      { seed: SEED },
    );
  });

  it("takes the source's own timestamps without an assigner", () => {
    const generator = new WatermarkGenerator(WatermarkStrategy.forMonotonousTimestamps(), "source");
    expect(generator.timestampOf({}, 7)).toBe(7);
    expect(generator.next()).toBe(6);
    expect(() => generator.timestampOf({ id: "x" }, undefined)).toThrow(
      expect.objectContaining({
        code: "USER_CODE",
        message:
          "source: record (id x) has no timestamp from its source. Add .withTimestampAssigner(...) to the WatermarkStrategy.",
      }),
    );
  });

  it.each([undefined, "2018-01-31", 1.5, Number.NaN])("refuses the timestamp %s", (time) => {
    const assigner = (): number => time as number;
    const generator = new WatermarkGenerator(
      WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner(assigner),
      "quakes",
    );
    expect(() => generator.timestampOf({ id: 3 }, undefined)).toThrow(
      /^quakes: the timestamp assigner returned .* for record \(id 3\), expected epoch milliseconds$/,
    );
  });

  it("refuses a bound that is no duration", () => {
    expect(() => WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(1.5))).not.toThrow();
    const { forBoundedOutOfOrderness } = WatermarkStrategy;
    expect((): unknown => Reflect.apply(forBoundedOutOfOrderness, undefined, ["5s"])).toThrow(
      "forBoundedOutOfOrderness: bound: expected a duration such as seconds(5), got 5s",
    );
  });
});
