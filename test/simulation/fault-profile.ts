import type { SeededRandom } from "../../src/testing/seeded-random.ts";
import { DISRUPTIONS } from "../../src/testing/simulation/faults.ts";
import type { FaultRates, IncidentalFault } from "../../src/testing/simulation/faults.ts";

/** The rate of each incidental fault in a run that has it. */
const RATES: Readonly<Record<IncidentalFault, number>> = {
  "turn-lost": 0.01,
  "alarm-late": 0.05,
  "alarm-retried": 0,
  "alarm-duplicated": 0.05,
  "link-broken": 0.01,
  "request-lost": 0.01,
  "reply-lost": 0.01,
  "message-delayed": 0.02,
  "message-duplicated": 0.03,
  "storage-slow": 0.01,
  "put-failed": 0.06,
  "put-in-doubt": 0.08,
  "get-failed": 0.3,
  "object-store-slow": 0.05,
  "exchange-broken": 0.08,
};
const INCLUDED = 0.5;
const DISRUPTION_MILLIS = [1_500, 12_000] as const;

/**
 * What goes wrong in one run: some kinds of fault and not others, since faults that come all together hide what each of them could
 * show.
 */
export function faultProfile(random: SeededRandom): FaultRates {
  const kinds = Object.entries(RATES).filter(() => random.chance(INCLUDED));
  return {
    incidental: Object.fromEntries(kinds.map(([kind, rate]) => [kind, rate * (0.5 + random.next())])),
    disruptions: DISRUPTIONS.filter(() => random.chance(INCLUDED)),
    disruptionMillis: random.between(...DISRUPTION_MILLIS),
  };
}
