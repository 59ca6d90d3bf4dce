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
}

export type RestartStrategyConfiguration =
  | { readonly kind: "none" }
  | { readonly kind: "fixed-delay"; readonly attempts: number; readonly delayMillis: number };

/** Flink's defaults where Flink has one (contract: runtime-semantics section 3). */
export const CHECKPOINT_DEFAULTS: Omit<CheckpointConfiguration, "intervalMillis"> = {
  timeoutMillis: 600_000,
  minPauseMillis: 0,
  maxConcurrent: 1,
  tolerableFailed: 0,
  retained: 1,
};

/** The first slice restarts the whole job at most three times, a second after each failure. */
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
