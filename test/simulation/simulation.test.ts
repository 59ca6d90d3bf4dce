import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "../../src/testing/simulation/faults.ts";
import { runSeeds } from "./run-seeds.ts";
import { simulateCluster } from "./simulate-cluster.ts";

const SEEDS = 300;
const CHUNK = 50;
const TIMEOUT_MILLIS = 120_000;

describe("the control plane under seeded faults", () => {
  const seen = new Set<string>();

  it.each(Array.from({ length: SEEDS / CHUNK }, (_, chunk) => chunk * CHUNK + 1))(
    `breaks no invariant in ${CHUNK} seeds from %i`,
    { timeout: TIMEOUT_MILLIS },
    async (from) => {
      const broken: string[] = [];
      const { faults } = await runSeeds({
        from,
        count: CHUNK,
        onResult: ({ seed, violations }) => broken.push(...violations.map((violation) => `seed ${seed}: ${violation}`)),
      });
      expect(broken).toEqual([]);
      for (const kind of FAULT_KINDS) if (faults[kind] > 0) seen.add(kind);
    },
  );

  it("met every kind of fault in these seeds", () => {
    expect(FAULT_KINDS.filter((kind) => !seen.has(kind))).toEqual([]);
  });

  it("runs the same for the same seed, to the last event", async () => {
    for (const seed of [3, 57, 231]) {
      const first = await simulateCluster(seed);
      const second = await simulateCluster(seed);
      expect(second).toEqual(first);
      expect(first.events).toBeGreaterThan(100);
    }
  });

  it("runs differently for another seed", async () => {
    const hashes = await Promise.all([1, 2].map(async (seed) => (await simulateCluster(seed)).traceHash));
    expect(new Set(hashes).size).toBe(2);
  });
});
