import type { JobID } from "../../common/ids.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import { storedValue } from "../stored-value.ts";

/** A job whose JobMaster is or was registered, with its declared need. */
export interface RegisteredJob {
  readonly jobId: JobID;
  readonly jobMasterAddress: string;
  readonly jobMasterId: JobMasterId;
  readonly requiredSlots: number;
  readonly module?: JobModuleReference;
  /** The JobMaster that declared {@link requiredSlots}; until the current one has, nothing is allocated for it. */
  readonly declaredBy?: JobMasterId;
  /** Index of the job's next worker: no index is used twice. */
  readonly nextWorkerIndex: number;
  /** The job's sleeps that are over. */
  readonly sleeps?: number;
  /** The job sleeps: it has no workers, and nobody is to be heard of. */
  readonly suspended?: boolean;
  /** Since when no JobMaster is heard of; absent while one is (HB-07). */
  readonly lostSinceMillis?: number;
}

const JOB_PREFIX = "job/";
const JOB = storedValue<RegisteredJob>();

/** The jobs known to the ResourceManager; every change is stored in the turn that makes it. */
export class JobRegistry {
  readonly #storage: EndpointStorage;
  readonly #jobs = new Map<JobID, RegisteredJob>();

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
    for (const [, job] of storage.list(JOB_PREFIX, JOB)) this.#jobs.set(job.jobId, job);
  }

  /** Whether any job is awake. */
  get anyAwake(): boolean {
    return this.all().some(({ suspended }) => suspended !== true);
  }

  all(): readonly RegisteredJob[] {
    return [...this.#jobs.values()];
  }

  get(jobId: JobID): RegisteredJob | undefined {
    return this.#jobs.get(jobId);
  }

  put(job: RegisteredJob): void {
    this.#storage.put(JOB_PREFIX + job.jobId, job);
    this.#jobs.set(job.jobId, job);
  }

  remove(jobId: JobID): void {
    this.#storage.delete(JOB_PREFIX + jobId);
    this.#jobs.delete(jobId);
  }
}
