import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { days, hours, milliseconds } from "../../../src/common/duration.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

describe("TumblingEventTimeWindows", () => {
  it.each([
    [hours(6), undefined, "2018-01-31T05:59:59.999Z", "2018-01-31T00:00:00.000Z"],
    [hours(6), undefined, "2018-01-31T06:00:00.000Z", "2018-01-31T06:00:00.000Z"],
    [hours(6), undefined, "1969-12-31T23:59:59.999Z", "1969-12-31T18:00:00.000Z"],
    [days(1), hours(8), "2018-01-31T07:59:59.999Z", "2018-01-30T08:00:00.000Z"],
    [days(1), hours(8), "1969-12-31T08:00:00.000Z", "1969-12-31T08:00:00.000Z"],
  ])("of %d ms with offset %s put %s into the window of %s", (size, offset, time, start) => {
    const [window] = TumblingEventTimeWindows.of(size, offset).assignWindows(Date.parse(time));
    expect(window).toEqual({ start: Date.parse(start), end: Date.parse(start) + size });
  });

  it("put every instant into the one aligned window around it", () => {
    const shapes = fc
      .integer({ min: 1, max: 10_000 })
      .chain((size) => fc.tuple(fc.constant(size), fc.nat({ max: size - 1 })));
    fc.assert(
      fc.property(shapes, fc.integer(), ([size, offset], time) => {
        const windows = TumblingEventTimeWindows.of(milliseconds(size), milliseconds(offset)).assignWindows(time);
        const [{ start, end } = { start: Number.NaN, end: Number.NaN }] = windows;
        expect(windows).toHaveLength(1);
        expect(start <= time && time < end && end - start === size).toBe(true);
        expect(Math.abs((start - offset) % size)).toBe(0);
      }),
      { seed: SEED },
    );
  });

  it("refuse sizes and offsets that make no windows", () => {
    expect(() => TumblingEventTimeWindows.of(milliseconds(0))).toThrow(
      "TumblingEventTimeWindows: size: expected a duration of at least 1 ms such as hours(6), got 0",
    );
    expect(() => TumblingEventTimeWindows.of(hours(1), hours(1))).toThrow(
      "TumblingEventTimeWindows: offset: expected a duration below the size of 3600000 ms, got 3600000",
    );
  });
});
