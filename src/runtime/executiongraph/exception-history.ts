import type { ExceptionHistoryEntry } from "../messages/execution-graph-info.ts";

/** Newest entries kept (contract OBS-01). */
export const EXCEPTION_HISTORY_SIZE = 16;

/** One failure, before it is known which failover it belongs to. */
export type RecordedFailure = Omit<ExceptionHistoryEntry, "concurrent">;

/** The last failovers of a job, oldest first; a failure that falls into the newest one joins it. */
export class ExceptionHistory {
  #entries: ExceptionHistoryEntry[];

  constructor(entries: readonly ExceptionHistoryEntry[] = []) {
    this.#entries = entries.slice(-EXCEPTION_HISTORY_SIZE);
  }

  get entries(): readonly ExceptionHistoryEntry[] {
    return this.#entries;
  }

  /** A failure that began a failover, or that ended the job. */
  addRoot(failure: RecordedFailure): void {
    this.#entries = [...this.#entries, { ...failure, concurrent: [] }].slice(-EXCEPTION_HISTORY_SIZE);
  }

  /** A failure while the newest failover was under way. Without one it becomes a root itself. */
  addConcurrent(failure: RecordedFailure): void {
    const newest = this.#entries.at(-1);
    if (newest === undefined) return this.addRoot(failure);
    const concurrent = [...newest.concurrent, failure].slice(-EXCEPTION_HISTORY_SIZE);
    this.#entries = [...this.#entries.slice(0, -1), { ...newest, concurrent }];
  }
}
