import type { Acknowledge } from "../../common/acknowledge.ts";
import { seconds } from "../../common/duration.ts";
import type { JobID, JobVertexID } from "../../common/ids.ts";
import { ask, defineGateway, type GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { CheckpointStatsSnapshot, SubtaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import type { ClusterQuotas } from "../messages/cluster-quotas.ts";
import type { CommitNews } from "../messages/commit-news.ts";
import type { ExecutionGraphInfo, JobDetails, JobResult } from "../messages/execution-graph-info.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type {
  ClusterOverview,
  IdempotencyLookup,
  JobSubmission,
  JobSubmissionResult,
  UploadedModule,
} from "../messages/job-submission.ts";
import type { PushedRecords, PushOutcome } from "../messages/pushed-records.ts";
import type { SavepointDisposalStatus, SnapshotOperationStatus } from "../messages/snapshot-operations.ts";

/**
 * The cluster's front door (Flink `DispatcherGateway` with `RestfulGateway`; contract: rpc-semantics 2.1). Unknown jobs
 * are `JOB_NOT_FOUND`; a job whose JobMaster is not up yet answers from what is stored.
 */
export const DispatcherGateway = defineGateway("Dispatcher", {
  version: 1,
  turns: "sync",
  fenced: true,
  methods: {
    /** Acknowledged after the graph is stored and the JobMaster has started (SUB-01); repeats give the same answer. */
    submitJob: ask<(submission: JobSubmission) => JobSubmissionResult>({ timeout: seconds(60), idempotent: true }),
    /** Whether a submission under this key is known; asked before the graph is extracted. */
    lookupIdempotencyKey: ask<(key: string, requestHash: string) => IdempotencyLookup>({ readOnly: true }),
    /** CAN-01..CAN-04: acknowledged at once; already CANCELED acknowledges again. */
    cancelJob: ask<(jobId: JobID) => Acknowledge>({ idempotent: true }),
    listJobs: ask<() => readonly JobID[]>({ readOnly: true }),
    requestMultipleJobDetails: ask<() => readonly JobDetails[]>({ readOnly: true }),
    requestJob: ask<(jobId: JobID) => ExecutionGraphInfo>({ readOnly: true }),
    requestJobStatus: ask<(jobId: JobID) => JobStatus>({ readOnly: true }),
    /** Answers when the job's sinks have committed more than `known`, when the job has ended, or after a while. */
    awaitCommit: ask<(jobId: JobID, known: number) => CommitNews>({ readOnly: true, timeout: seconds(40) }),
    /** `undefined`: the job has no checkpointing. */
    requestCheckpointStats: ask<(jobId: JobID) => CheckpointStatsSnapshot | undefined>({ readOnly: true }),
    /** Of one vertex; `undefined` for a checkpoint that is not among the newest. */
    requestCheckpointSubtasks: ask<
      (
        jobId: JobID,
        checkpoint: { readonly checkpointId: number; readonly vertexId: JobVertexID },
      ) => readonly SubtaskCheckpointStats[] | undefined
    >({ readOnly: true }),
    /**
     * SVP-10: acknowledged for any job, as its outcome is asked for by the trigger id; the same id again is the same
     * operation. Checkpoints and savepoints have separate ids.
     */
    triggerCheckpoint: ask<(jobId: JobID, triggerId: string) => Acknowledge>({ idempotent: true }),
    triggerSavepoint: ask<
      (
        jobId: JobID,
        triggerId: string,
        savepoint: { readonly targetDirectory: string; readonly cancelJob: boolean },
      ) => Acknowledge
    >({ idempotent: true }),
    stopWithSavepoint: ask<
      (
        jobId: JobID,
        triggerId: string,
        savepoint: { readonly targetDirectory: string; readonly drain: boolean },
      ) => Acknowledge
    >({ idempotent: true }),
    /** `undefined`: no such operation, or it ended more than five minutes ago. */
    getTriggeredCheckpointStatus: ask<(jobId: JobID, triggerId: string) => SnapshotOperationStatus | undefined>({
      idempotent: true,
    }),
    getTriggeredSavepointStatus: ask<(jobId: JobID, triggerId: string) => SnapshotOperationStatus | undefined>({
      idempotent: true,
    }),
    /** SVP-09; its outcome is asked for by the trigger id. */
    disposeSavepoint: ask<(triggerId: string, savepointPath: string) => Acknowledge>({ idempotent: true }),
    getSavepointDisposalStatus: ask<(triggerId: string) => SavepointDisposalStatus | undefined>({ idempotent: true }),
    /** As `JobMaster.pushRecords`; CONFLICT for a job that has ended. */
    pushRecords: ask<(jobId: JobID, source: string, push: PushedRecords) => PushOutcome>(),
    /** `undefined` while the job is not terminal. */
    requestJobResult: ask<(jobId: JobID) => JobResult | undefined>({ readOnly: true }),
    requestClusterOverview: ask<() => ClusterOverview>({ readOnly: true }),
    /** From the JobMaster, repeated until acknowledged (HA-07): dirty result stored, cleanup, clean mark. */
    jobReachedTerminalState: ask<(jobMasterId: JobMasterId, info: ExecutionGraphInfo) => Acknowledge>({
      idempotent: true,
    }),
    registerModule: ask<(module: UploadedModule) => Acknowledge>({ idempotent: true }),
    /** Newest first. */
    listModules: ask<() => readonly UploadedModule[]>({ readOnly: true }),
    /** @returns whether it existed. */
    deleteModule: ask<(id: string) => boolean>(),
    /** From the cluster registry: the cluster exists and has these quotas. `default` exists without. */
    openCluster: ask<(quotas: ClusterQuotas) => Acknowledge>({ idempotent: true }),
    /**
     * From the cluster registry, repeated until it answers 0: nothing new is accepted, every job is cancelled. @returns the jobs
     * that are still there; with none left everything stored is gone, and the cluster does not exist here.
     */
    closeCluster: ask<() => number>({ idempotent: true }),
    /** NOT_FOUND if the cluster does not exist. */
    requestClusterQuotas: ask<() => ClusterQuotas>({ readOnly: true }),
  },
});
export type DispatcherGateway = GatewayOf<typeof DispatcherGateway>;
