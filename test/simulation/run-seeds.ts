import type { FaultCounts } from "../../src/testing/simulation/faults.ts";
import { FAULT_KINDS, noFaultsYet } from "../../src/testing/simulation/faults.ts";
import { simulateCluster } from "./simulate-cluster.ts";
import { simulateQuiescence } from "./simulate-quiescence.ts";
import type { SimulationOptions, SimulationResult } from "./simulate-cluster.ts";

export interface SeedsSummary {
  readonly seeds: number;
  /** Seeds in which an invariant was broken. */
  readonly violations: number;
  readonly faults: FaultCounts;
  readonly virtualMillis: number;
}

export interface SeedsRequest {
  readonly from: number;
  readonly count: number;
  /** Ends the series after so many seeds that broke an invariant. */
  readonly stopAfter?: number;
  readonly onResult?: (result: SimulationResult) => void;
}

/** The last of so many seeds is a run of jobs that sleep. */
const QUIESCENT_EVERY = 10;

/** The run of a seed. */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const isQuiescent = seed % QUIESCENT_EVERY === QUIESCENT_EVERY - 1;
  return isQuiescent ? simulateQuiescence(seed, options) : simulateCluster(seed, options);
}

/** One run after the other. */
export async function runSeeds({
  from,
  count,
  stopAfter = Number.MAX_SAFE_INTEGER,
  onResult,
}: SeedsRequest): Promise<SeedsSummary> {
  const faults = noFaultsYet();
  let seeds = 0;
  let violations = 0;
  let virtualMillis = 0;
  while (seeds < count && violations < stopAfter) {
    const result = await simulate(from + seeds);
    seeds += 1;
    if (result.violations.length > 0) violations += 1;
    virtualMillis += result.virtualMillis;
    for (const kind of FAULT_KINDS) faults[kind] += result.faults[kind];
    onResult?.(result);
  }
  return { seeds, violations, faults, virtualMillis };
}
