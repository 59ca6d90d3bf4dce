import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import type { JobStatus } from "../messages/job-status.ts";
import { storedValue } from "../stored-value.ts";

/** The end of a job, without its picture. */
export interface JobResultEntry {
  readonly jobId: JobID;
  readonly status: JobStatus;
  readonly jobMasterId: JobMasterId;
  readonly storedMillis: number;
  /** `dirty` until everything the job left behind is cleaned up. */
  readonly state: "dirty" | "clean";
  /** Cleanups that failed. */
  readonly failedCleanups: number;
}

const ENTRY_PREFIX = "result/";
const INFO_PREFIX = "result-info/";
const ENTRY = storedValue<JobResultEntry>();
const INFO = storedValue<ExecutionGraphInfo>();
/** `jobstore.expiration-time`: how long a result is kept. */
export const RESULT_EXPIRATION_MILLIS = 3_600_000;

/**
 * Results of jobs that reached a globally terminal state (Flink `JobResultStore`; contract HA-09). An entry is dirty first,
 * clean later. A clean one expires lazily: it is not found any more, and stays stored until {@link remove}.
 */
export class JobResultStore {
  readonly #storage: Pick<EndpointStorage, "get" | "put" | "delete" | "list">;
  readonly #now: () => number;

  constructor(storage: Pick<EndpointStorage, "get" | "put" | "delete" | "list">, now: () => number) {
    this.#storage = storage;
    this.#now = now;
  }

  /** @throws SluiceException ILLEGAL_STATE if the job has a result already, dirty or clean. */
  createDirty(info: ExecutionGraphInfo, jobMasterId: JobMasterId): void {
    const { jobId, status } = info;
    if (this.has(jobId)) throw new SluiceException("ILLEGAL_STATE", `job ${jobId} has a result already`);
    this.#put({ jobId, status, jobMasterId, storedMillis: this.#now(), state: "dirty", failedCleanups: 0 });
    this.#storage.put(INFO_PREFIX + jobId, info);
  }

  /** Again is fine. @throws SluiceException NOT_FOUND for a job without a result. */
  markClean(jobId: JobID): void {
    this.#put({ ...this.#require(jobId), state: "clean" });
  }

  /** @returns how often the cleanup has failed by now. */
  countFailedCleanup(jobId: JobID): number {
    const entry = this.#require(jobId);
    this.#put({ ...entry, failedCleanups: entry.failedCleanups + 1 });
    return entry.failedCleanups + 1;
  }

  get(jobId: JobID): JobResultEntry | undefined {
    const entry = this.#storage.get(ENTRY_PREFIX + jobId, ENTRY);
    return entry === undefined || this.#isExpired(entry) ? undefined : entry;
  }

  /** The job's last picture. */
  getInfo(jobId: JobID): ExecutionGraphInfo | undefined {
    return this.has(jobId) ? this.#storage.get(INFO_PREFIX + jobId, INFO) : undefined;
  }

  /** The same, though it may have expired. */
  lastInfo(jobId: JobID): ExecutionGraphInfo | undefined {
    return this.#storage.get(INFO_PREFIX + jobId, INFO);
  }

  has(jobId: JobID): boolean {
    return this.get(jobId) !== undefined;
  }

  /** Jobs whose cleanup is not done. */
  dirty(): readonly JobID[] {
    return this.#entries().flatMap(({ jobId, state }) => (state === "dirty" ? [jobId] : []));
  }

  /** Jobs whose results are past their time and still stored. */
  expired(): readonly JobID[] {
    return this.#entries().flatMap((entry) => (this.#isExpired(entry) ? [entry.jobId] : []));
  }

  isExpired(jobId: JobID): boolean {
    const entry = this.#storage.get(ENTRY_PREFIX + jobId, ENTRY);
    return entry !== undefined && this.#isExpired(entry);
  }

  remove(jobId: JobID): void {
    this.#storage.delete(ENTRY_PREFIX + jobId);
    this.#storage.delete(INFO_PREFIX + jobId);
  }

  #entries(): readonly JobResultEntry[] {
    return this.#storage.list(ENTRY_PREFIX, ENTRY).map(([, entry]) => entry);
  }

  #isExpired({ state, storedMillis }: JobResultEntry): boolean {
    return state === "clean" && this.#now() - storedMillis >= RESULT_EXPIRATION_MILLIS;
  }

  #require(jobId: JobID): JobResultEntry {
    const entry = this.get(jobId);
    if (entry === undefined) throw new SluiceException("NOT_FOUND", `job ${jobId} has no result`);
    return entry;
  }

  #put(entry: JobResultEntry): void {
    this.#storage.put(ENTRY_PREFIX + entry.jobId, entry);
  }
}
