import type { JobID } from "../../common/ids.ts";
import type { JobGraph, JobModuleReference } from "../jobgraph/job-graph.ts";

/** A run request, validated and with its graph extracted. */
export interface JobSubmission {
  readonly jobGraph: JobGraph;
  /** Names the submission: N submissions with one key are one job (the job id names it where no key is given). */
  readonly idempotencyKey?: string;
  /** SHA-256 of the request; the same key with another hash is a conflict. */
  readonly requestHash: string;
}

export interface JobSubmissionResult {
  readonly jobId: JobID;
}

/** What is known of an idempotency key. */
export type IdempotencyLookup =
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly jobId: JobID }
  | { readonly kind: "conflict" };

/** An uploaded job module (Flink: an uploaded jar). */
export interface UploadedModule {
  /** `<uuid>_<name>`, the last segment of the upload's `filename`. */
  readonly id: string;
  readonly name: string;
  readonly uploadedMillis: number;
  readonly size: number;
  readonly module: JobModuleReference;
  /** Name of the job the module defines. */
  readonly jobName: string;
}

export interface ClusterOverview {
  readonly taskManagers: number;
  readonly slotsTotal: number;
  readonly slotsAvailable: number;
  readonly jobsRunning: number;
  readonly jobsFinished: number;
  readonly jobsCancelled: number;
  readonly jobsFailed: number;
}
