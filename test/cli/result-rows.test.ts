import { describe, expect, it } from "vitest";
import { formatEarthquakeRows, parseEarthquakeRows } from "../../src/cli/result-rows.ts";

const START = Date.UTC(2018, 0, 31);
const HOUR = 3_600_000;

function line(net: string, window: number, count = 1): string {
  const window_start = START + window * 6 * HOUR;
  return JSON.stringify({
    net,
    window_start,
    window_end: window_start + 6 * HOUR,
    count,
    max_mag: 3.44,
    mean_depth: 41.249,
  });
}

describe("rows of the main job", () => {
  it("have ISO-8601 times and are sorted by window start, then network", () => {
    const rows = parseEarthquakeRows([line("us", 1), line("nc", 0), line("ak", 1), line("ak", 0, 11)]);
    expect(rows.map(({ net, window_start }) => `${window_start} ${net}`)).toEqual([
      "2018-01-31T00:00:00.000Z ak",
      "2018-01-31T00:00:00.000Z nc",
      "2018-01-31T06:00:00.000Z ak",
      "2018-01-31T06:00:00.000Z us",
    ]);
    expect(Object.keys(rows[0] ?? {})).toEqual(["net", "window_start", "window_end", "count", "max_mag", "mean_depth"]);
    expect(rows[0]).toMatchObject({ window_end: "2018-01-31T06:00:00.000Z", count: 11, mean_depth: 41.249 });
  });

  it("are refused if they are something else", () => {
    expect(() => parseEarthquakeRows(['{"net":"ak"}'])).toThrow("window_start");
    expect(() => parseEarthquakeRows(["{"])).toThrow("JSON");
  });

  it("are shown as a table of at most ten, figures to the right", () => {
    const rows = parseEarthquakeRows(Array.from({ length: 12 }, (_, window) => line("ak", window, window)));
    const lines = formatEarthquakeRows(rows);
    expect(lines.slice(0, 2)).toEqual([
      "  window (UTC)       net   count  max mag  mean depth (km)",
      "  2018-01-31 00:00   ak        0      3.4             41.2",
    ]);
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe("  ...");
    expect(formatEarthquakeRows(rows.slice(0, 10))).toHaveLength(11);
  });
});
