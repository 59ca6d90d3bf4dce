/** What a cluster may have at once, and how large its things may be. What exceeds it is refused: QUOTA_EXCEEDED. */
export interface ClusterQuotas {
  /** Jobs that have not ended. */
  readonly jobs: number;
  /** Slots that those jobs need together. */
  readonly slots: number;
  /** TaskExecutors that those jobs need together. */
  readonly taskExecutors: number;
  /** Bytes of one uploaded module. */
  readonly moduleBytes: number;
  /** Bytes of state in one checkpoint of one job; a job that exceeds it fails. */
  readonly stateBytes: number;
}

/** Those that a job's own JobMaster sees to. */
export type JobQuotas = Pick<ClusterQuotas, "stateBytes">;

export const CLUSTER_QUOTA_NAMES = ["jobs", "slots", "taskExecutors", "moduleBytes", "stateBytes"] as const;

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;

/** Quotas of a cluster for which nothing else was said. */
export const DEFAULT_CLUSTER_QUOTAS: ClusterQuotas = {
  jobs: 100,
  slots: 2_000,
  taskExecutors: 1_000,
  moduleBytes: 10 * MEBIBYTE,
  stateBytes: GIBIBYTE,
};

/** The most that a cluster can be given. */
export const MAX_CLUSTER_QUOTAS: ClusterQuotas = {
  jobs: 1_000,
  slots: 20_000,
  taskExecutors: 10_000,
  moduleBytes: 10 * MEBIBYTE,
  stateBytes: 100 * GIBIBYTE,
};

/** The same for every cluster. */
export const MAX_CLUSTERS = 100;
export const MAX_MODULES_PER_CLUSTER = 1_000;
export const MAX_TASK_EXECUTORS_PER_JOB = 100;
