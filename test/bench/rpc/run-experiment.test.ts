import { describe, expect, it } from "vitest";
import { EXPERIMENTS } from "../../../bench/rpc/rows.ts";
import type { Experiment, Side } from "../../../bench/rpc/rows.ts";
import { runExperiment } from "../../../bench/rpc/run-experiment.ts";

const ours: Side = { system: "sluice", load: "in flight", width: 256 };
const raw: Side = { system: "raw", load: "in flight", width: 256 };
const endpoint: Side = { system: "sluice endpoint", load: "in flight", width: 256 };
const SPEEDS: Partial<Record<Side["system"], number>> = { sluice: 500, raw: 10 };

const experiment: Experiment = [
  { name: "held", unit: "calls/s", bar: { kind: "ratio", atLeast: 40 }, ours, baseline: raw },
  { name: "broken", unit: "calls/s", bar: { kind: "ratio", atLeast: 40 }, ours: endpoint, baseline: raw },
  {
    name: "gap",
    unit: "calls/s",
    bar: { kind: "ahead" },
    ours: { missing: "missing: no such thing yet" },
    baseline: raw,
  },
];

describe("an experiment", () => {
  it("measures a side that several rows share once a round, and goes on when another fails", async () => {
    const measured: string[] = [];
    const rows = await runExperiment(experiment, 5, ({ system }) => {
      measured.push(system);
      const speed = SPEEDS[system];
      return speed === undefined ? Promise.reject(new Error("it broke\n  at a line")) : Promise.resolve(speed);
    });
    expect(
      rows.map(({ name, value, baseline, ratio, pass, reason }) => [name, value, baseline, ratio, pass, reason]),
    ).toEqual([
      ["held", 500, 10, 50, true, undefined],
      ["broken", null, 10, null, false, "failed: sluice endpoint: it broke"],
      ["gap", null, 10, null, false, "missing: no such thing yet"],
    ]);
    const WARM_UP_AND_ROUNDS = 7;
    expect(measured.filter((system) => system === "raw")).toHaveLength(WARM_UP_AND_ROUNDS);
    expect(measured.filter((system) => system === "sluice endpoint")).toHaveLength(1);
  });
});

describe("the table", () => {
  it("has no two rows of one name", () => {
    const names = EXPERIMENTS.flat().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
