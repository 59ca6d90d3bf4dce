/** Delays of a registration; all grow by doubling up to their maximum and are jittered (over R6 to R8). */
export interface RetryingRegistrationConfiguration {
  /** How long the first attempt waits for its answer. */
  readonly initialTimeoutMillis: number;
  readonly maxTimeoutMillis: number;
  /** Pause after an attempt that failed. */
  readonly initialErrorDelayMillis: number;
  readonly maxErrorDelayMillis: number;
  /** Pause after the peer answered with a failure. */
  readonly initialRefusedDelayMillis: number;
  readonly maxRefusedDelayMillis: number;
  /** Share of a pause that is random: 0.2 makes it 80 % to 120 %. */
  readonly jitter: number;
}

/** Flink's time-outs; its flat pauses of 10 s and 30 s are the maxima here. */
export const DEFAULT_REGISTRATION_CONFIGURATION: RetryingRegistrationConfiguration = {
  initialTimeoutMillis: 100,
  maxTimeoutMillis: 30_000,
  initialErrorDelayMillis: 250,
  maxErrorDelayMillis: 10_000,
  initialRefusedDelayMillis: 500,
  maxRefusedDelayMillis: 30_000,
  jitter: 0.2,
};
