import type { SeededRandom } from "../seeded-random.ts";
import { noFaultsYet } from "./faults.ts";
import type { FaultCounts, FaultKind, FaultRates, IncidentalFault } from "./faults.ts";

/** Decides by one seeded generator what goes wrong, and counts it. */
export class FaultSource {
  readonly rates: FaultRates;
  readonly random: SeededRandom;
  readonly counts: FaultCounts = noFaultsYet();
  readonly #onFault: (kind: FaultKind, detail: string) => void;
  /** While false nothing goes wrong any more. */
  active = true;

  constructor(rates: FaultRates, random: SeededRandom, onFault: (kind: FaultKind, detail: string) => void) {
    this.rates = rates;
    this.random = random;
    this.#onFault = onFault;
  }

  /** Whether this fault strikes now; counted if it does. */
  strikes(kind: IncidentalFault, detail: string): boolean {
    if (!this.active) return false;
    const rate = this.rates.incidental[kind];
    if (rate === undefined || !this.random.chance(rate)) return false;
    this.happened(kind, detail);
    return true;
  }

  happened(kind: FaultKind, detail: string): void {
    this.counts[kind] += 1;
    this.#onFault(kind, detail);
  }
}
