/** Everything that can go wrong; each is counted when it happens. */
export const FAULT_KINDS = [
  "crash", "turn-lost", "eviction", "deploy-reset", "superseded",
  "alarm-late", "alarm-retried", "alarm-duplicated",
  "link-broken", "request-lost", "reply-lost", "message-delayed", "message-duplicated", "message-reordered",
  "partition", "slow-peer", "storage-slow",
  "put-failed", "put-in-doubt", "get-failed", "object-store-slow",
  "task-host-lost", "exchange-broken",
] as const; // prettier-ignore
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Faults that strike an object or the platform at a moment of their own, by `ChaosSchedule`. */
export const DISRUPTIONS = [
  "crash",
  "eviction",
  "deploy-reset",
  "superseded",
  "partition",
  "slow-peer",
  "task-host-lost",
] as const satisfies readonly FaultKind[];
export type Disruption = (typeof DISRUPTIONS)[number];

/** Faults that strike a message, an alarm, a write (`turn-lost`: the object crashes before it is durable) or a request to the object store, each with a probability. */
export type IncidentalFault = Exclude<FaultKind, Disruption | "message-reordered">;

/** How often what goes wrong; a kind that is not named never does. */
export interface FaultRates {
  readonly incidental: Partial<Readonly<Record<IncidentalFault, number>>>;
  /** Kinds to choose from, and the mean time between two of them. */
  readonly disruptions: readonly Disruption[];
  readonly disruptionMillis: number;
}

export const NO_FAULTS: FaultRates = { incidental: {}, disruptions: [], disruptionMillis: Number.MAX_SAFE_INTEGER };

export type FaultCounts = Record<FaultKind, number>;

export function noFaultsYet(): FaultCounts {
  // Every kind is a key.
  return Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as FaultCounts;
}
