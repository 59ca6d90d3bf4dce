/** How often a job was restarted, over all lives of its JobMaster, and what its restart strategy remembers of it. */
export interface RestartCounts {
  /** All restarts, whatever caused them. */
  readonly total: number;
  /** The ones the restart strategy paid for. */
  readonly charged: number;
  /** Free ones since the job last made progress. */
  readonly freeWithoutProgress: number;
  /** When the last one was decided. */
  readonly lastMillis: number;
  /** Of failure-rate: when the newest failures came, oldest first. */
  readonly failureTimestamps?: readonly number[];
  /** Of exponential-delay. */
  readonly backoff?: Backoff;
}

export interface Backoff {
  /** Restarts since the backoff was last the initial one. */
  readonly attempts: number;
  /** When the newest restart was or is due. */
  readonly nextMillis: number;
}

export const NO_RESTARTS: RestartCounts = { total: 0, charged: 0, freeWithoutProgress: 0, lastMillis: 0 };

/** A job that lived so long since its last restart has made progress, with checkpoints or without. */
export const PROGRESS_MILLIS = 600_000;

/** Free restarts in a row, as of now. */
export function freeRestartsWithoutProgress(counts: RestartCounts, nowMillis: number): number {
  return nowMillis - counts.lastMillis >= PROGRESS_MILLIS ? 0 : counts.freeWithoutProgress;
}

export function countRestart(counts: RestartCounts, charged: boolean, nowMillis: number): RestartCounts {
  return {
    ...counts,
    total: counts.total + 1,
    charged: counts.charged + (charged ? 1 : 0),
    freeWithoutProgress: freeRestartsWithoutProgress(counts, nowMillis) + (charged ? 0 : 1),
    lastMillis: nowMillis,
  };
}
