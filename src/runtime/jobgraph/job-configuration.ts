/** Settings of one job, resolved: defaults filled in, overrides of the run request applied. Times in milliseconds. */
export interface JobConfiguration {
  readonly parallelism: number;
  /** `undefined`: no periodic checkpoints. */
  readonly checkpointing?: CheckpointConfiguration;
  readonly restartStrategy: RestartStrategyConfiguration;
  /** Global job parameters shown in the dashboard. */
  readonly userConfiguration: Readonly<Record<string, string>>;
}

export interface CheckpointConfiguration {
  readonly intervalMillis: number;
  readonly timeoutMillis: number;
  readonly minPauseMillis: number;
  readonly maxConcurrent: number;
  readonly tolerableFailed: number;
  readonly retained: number;
  /** Absent: NO_EXTERNALIZED_CHECKPOINTS. */
  readonly externalizedRetention?: ExternalizedCheckpointRetention;
}

/** Whether checkpoints outlive their job; those of a job that FINISHED never do (CP-26). */
export const EXTERNALIZED_CHECKPOINT_RETENTIONS = [
  "NO_EXTERNALIZED_CHECKPOINTS",
  /** Kept if the job FAILED. */
  "DELETE_ON_CANCELLATION",
  /** Kept if the job FAILED or was CANCELED. */
  "RETAIN_ON_CANCELLATION",
] as const;
export type ExternalizedCheckpointRetention = (typeof EXTERNALIZED_CHECKPOINT_RETENTIONS)[number];

/** When a job that failed starts again (contract FO-15 to FO-17). */
export type RestartStrategyConfiguration =
  | { readonly kind: "none" }
  | { readonly kind: "fixed-delay"; readonly attempts: number; readonly delayMillis: number }
  | {
      readonly kind: "failure-rate";
      /** More failures than this within the interval end the job. */
      readonly maxFailuresPerInterval: number;
      readonly intervalMillis: number;
      readonly delayMillis: number;
    }
  | ExponentialDelayConfiguration;

export interface ExponentialDelayConfiguration {
  readonly kind: "exponential-delay";
  readonly initialBackoffMillis: number;
  readonly maxBackoffMillis: number;
  readonly backoffMultiplier: number;
  /** Largest part of a backoff that chance adds or takes away; from 0 to 1. */
  readonly jitterFactor: number;
  /** A job that ran so long since its last restart begins with the initial backoff again. */
  readonly resetBackoffThresholdMillis: number;
  /** Restarts in a row, without such a reset between them, after which the job fails. */
  readonly attemptsBeforeResetBackoff: number;
}

/** Flink's defaults where Flink has one (contract: runtime-semantics section 3). */
export const CHECKPOINT_DEFAULTS: Omit<CheckpointConfiguration, "intervalMillis"> = {
  timeoutMillis: 600_000,
  minPauseMillis: 0,
  maxConcurrent: 1,
  tolerableFailed: 0,
  retained: 1,
};

/**
 * Of a job that says nothing, with checkpoints or without. Flink's default would restart a job with checkpoints for ever
 * and one without never (FO-14); a job that fails at the same record each time is to end, and say why.
 */
export const DEFAULT_RESTART_STRATEGY: RestartStrategyConfiguration = {
  kind: "fixed-delay",
  attempts: 3,
  delayMillis: 1_000,
};

/** Bounds of a job's parallelism; above it a submission is refused. */
export const MAX_PARALLELISM = 128;
export const DEFAULT_PARALLELISM = 4;
/** Slots of one TaskExecutor. */
export const SLOTS_PER_TASK_EXECUTOR = 2;
