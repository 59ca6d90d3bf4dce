/** Timing of heartbeats (Flink `HeartbeatManagerOptions`). */
export interface HeartbeatOptions {
  /** Time between two rounds of a sender. */
  readonly intervalMillis: number;
  /** Silence after which a target counts as lost. */
  readonly timeoutMillis: number;
  /** Failed deliveries in a row after which a target counts as unreachable; {@link RPC_FAILURES_IGNORED} switches it off. */
  readonly failedRpcThreshold: number;
}

/** Threshold that makes failed deliveries count for nothing (H16). */
export const RPC_FAILURES_IGNORED = -1;

/** Flink's defaults (H1, HB-01). */
export const DEFAULT_HEARTBEAT_OPTIONS: HeartbeatOptions = {
  intervalMillis: 10_000,
  timeoutMillis: 50_000,
  failedRpcThreshold: 2,
};
