import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import type { IdempotencyLookup, JobSubmission } from "../messages/job-submission.ts";
import { requiredSlots } from "../scheduler/slot-sharing.ts";
import { storedValue } from "../stored-value.ts";

/** A job the Dispatcher has accepted; kept until its result expires. */
export interface AcceptedJob {
  readonly jobId: JobID;
  readonly name: string;
  readonly submittedMillis: number;
  readonly requestHash: string;
  readonly idempotencyKey?: string;
  /** Whether the JobMaster has acknowledged its start. */
  readonly started: boolean;
  readonly cancelRequested: boolean;
  /** Slots it needs. */
  readonly slots: number;
  /** As they were when it was accepted. */
  readonly quotas: JobQuotas;
}

interface IdempotencyRecord {
  readonly jobId: JobID;
  readonly requestHash: string;
}

const JOB_PREFIX = "job/";
const GRAPH_PREFIX = "graph/";
const KEY_PREFIX = "idempotency/";
const JOB = storedValue<AcceptedJob>();
const GRAPH = storedValue<JobGraph>();
const IDEMPOTENCY = storedValue<IdempotencyRecord>();

/** Accepted jobs, their graphs and idempotency keys; changes belong to the turn that makes them. */
export class JobStore {
  readonly #storage: EndpointStorage;

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
  }

  get(jobId: JobID): AcceptedJob | undefined {
    return this.#storage.get(JOB_PREFIX + jobId, JOB);
  }

  /** Oldest first. */
  all(): readonly AcceptedJob[] {
    const jobs = this.#storage.list(JOB_PREFIX, JOB).map(([, job]) => job);
    return jobs.sort(
      (left, right) => left.submittedMillis - right.submittedMillis || (left.jobId < right.jobId ? -1 : 1),
    );
  }

  /** `undefined` once the job is cleaned up. */
  getGraph(jobId: JobID): JobGraph | undefined {
    return this.#storage.get(GRAPH_PREFIX + jobId, GRAPH);
  }

  /** The job that was submitted under this key. */
  jobOfKey(key: string): JobID | undefined {
    return this.#storage.get(KEY_PREFIX + key, IDEMPOTENCY)?.jobId;
  }

  /** What the key says of a request. */
  lookup(key: string, requestHash: string): IdempotencyLookup {
    const known = this.#storage.get(KEY_PREFIX + key, IDEMPOTENCY);
    if (known === undefined) return { kind: "unknown" };
    return known.requestHash === requestHash ? { kind: "known", jobId: known.jobId } : { kind: "conflict" };
  }

  /**
   * The job that this submission is a repetition of, if it is one (over SUB-02 to SUB-04).
   *
   * @throws SluiceException CONFLICT if its key was used for another request, DUPLICATE_JOB_SUBMISSION if its job id was.
   */
  findRepeated({ jobGraph, idempotencyKey, requestHash }: JobSubmission): AcceptedJob | undefined {
    if (idempotencyKey !== undefined) {
      const known = this.lookup(idempotencyKey, requestHash);
      if (known.kind === "conflict") {
        throw new SluiceException("CONFLICT", `Idempotency-Key ${idempotencyKey}: used before for another request`);
      }
      if (known.kind === "known") return this.get(known.jobId);
    }
    const job = this.get(jobGraph.jobId);
    if (job !== undefined && job.requestHash !== requestHash) {
      throw new SluiceException(
        "DUPLICATE_JOB_SUBMISSION",
        `job ${job.jobId} was submitted before with another request`,
      );
    }
    return job;
  }

  add(submission: JobSubmission, submittedMillis: number, { stateBytes }: JobQuotas): AcceptedJob {
    const { jobGraph, idempotencyKey, requestHash } = submission;
    const { jobId, name } = jobGraph;
    const job: AcceptedJob = {
      jobId,
      name,
      submittedMillis,
      requestHash,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      started: false,
      cancelRequested: false,
      slots: requiredSlots(jobGraph),
      quotas: { stateBytes },
    };
    this.#storage.put(JOB_PREFIX + jobId, job);
    this.#storage.put(GRAPH_PREFIX + jobId, jobGraph);
    if (idempotencyKey !== undefined) this.#storage.put(KEY_PREFIX + idempotencyKey, { jobId, requestHash });
    return job;
  }

  update(jobId: JobID, change: Partial<Pick<AcceptedJob, "started" | "cancelRequested">>): void {
    const job = this.get(jobId);
    if (job !== undefined) this.#storage.put(JOB_PREFIX + jobId, { ...job, ...change });
  }

  removeGraph(jobId: JobID): void {
    this.#storage.delete(GRAPH_PREFIX + jobId);
  }

  /** Everything of the job, its idempotency key included. */
  remove(jobId: JobID): void {
    const key = this.get(jobId)?.idempotencyKey;
    if (key !== undefined) this.#storage.delete(KEY_PREFIX + key);
    this.removeGraph(jobId);
    this.#storage.delete(JOB_PREFIX + jobId);
  }
}
