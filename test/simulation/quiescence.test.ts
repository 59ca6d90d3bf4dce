import { describe, expect, it } from "vitest";
import { simulateQuiescence } from "./simulate-quiescence.ts";

const SEEDS = 40;

describe("jobs that sleep under seeded faults", () => {
  it(`give every record once and hold nothing asleep, in ${SEEDS} seeds`, { timeout: 120_000 }, async () => {
    const broken: string[] = [];
    let sleeps = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = await simulateQuiescence(seed);
      broken.push(...result.violations.map((violation) => `seed ${seed}: ${violation}`));
      sleeps += result.sleeps;
    }
    expect(broken).toEqual([]);
    expect(sleeps).toBeGreaterThan(SEEDS * 4);
  });

  it("runs the same for the same seed, to the last event", async () => {
    expect(await simulateQuiescence(7)).toEqual(await simulateQuiescence(7));
  });
});
