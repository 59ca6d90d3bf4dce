import type { Acknowledge } from "../../common/acknowledge.ts";
import { seconds } from "../../common/duration.ts";
import type { AllocationID, ExecutionAttemptID, JobID, JobVertexID, ResourceID } from "../../common/ids.ts";
import { ask, defineGateway, tell, type GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { AcknowledgeCheckpoint, DeclineCheckpoint } from "../messages/checkpoint-messages.ts";
import type { CheckpointStatsSnapshot, SubtaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import type { JobQuotas } from "../messages/cluster-quotas.ts";
import type { CommitNews } from "../messages/commit-news.ts";
import type { ExecutionGraphInfo, JobDetails } from "../messages/execution-graph-info.ts";
import type { TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { PushedRecords, PushOutcome } from "../messages/pushed-records.ts";
import type { RunningTask } from "../messages/running-task.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { RegistrationResponse, SlotOffer, TaskExecutorRegistration } from "../messages/slots.ts";
import type { SnapshotOperationStatus } from "../messages/snapshot-operations.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import type { JobMasterId } from "./job-master-id.ts";

/** One job's master (Flink `JobMasterGateway`; contract: rpc-semantics 2.3). Fenced by its epoch, `JobMasterId`. */
export const JobMasterGateway = defineGateway("JobMaster", {
  version: 1,
  turns: "sync",
  fenced: true,
  methods: {
    /** From the Dispatcher: stores the graph and starts scheduling. The same job again acknowledges. */
    startJob: ask<(jobGraph: JobGraph, dispatcherAddress: string, quotas: JobQuotas) => Acknowledge>({
      idempotent: true,
    }),
    cancel: ask<() => Acknowledge>({ idempotent: true, control: true }),
    /**
     * Begins a checkpoint or a savepoint, or says how the operation of this id stands: asked again and again until it has
     * ended (SVP-10). It is failed by a loss of the JobMaster's memory.
     */
    triggerCheckpoint: ask<(triggerId: string) => SnapshotOperationStatus>({ idempotent: true }),
    triggerSavepoint: ask<(triggerId: string, targetDirectory: string, cancelJob: boolean) => SnapshotOperationStatus>({
      idempotent: true,
    }),
    /** Completed when the savepoint is and all tasks have finished (SVP-06). */
    stopWithSavepoint: ask<(triggerId: string, targetDirectory: string, drain: boolean) => SnapshotOperationStatus>({
      idempotent: true,
    }),
    /** `undefined`: no such operation, or long ended. */
    requestSnapshotOperation: ask<(triggerId: string) => SnapshotOperationStatus | undefined>({ readOnly: true }),
    /**
     * Records for a source of the job, stored before the answer; a job that sleeps wakes. NOT_FOUND if the job has no such
     * source, QUOTA_EXCEEDED (retryable) while it does not keep up.
     */
    pushRecords: ask<(source: string, push: PushedRecords) => PushOutcome>(),
    /** After the Dispatcher took over the result: drops everything stored. */
    releaseJob: ask<(jobId: JobID) => Acknowledge>({ idempotent: true }),
    /**
     * One list per report of a TaskExecutor. False where an attempt is unknown: the task then fails itself (DEP-07).
     */
    updateTaskExecutionState: ask<(states: readonly TaskExecutionState[]) => readonly boolean[]>({ idempotent: true }),
    /** Attempts that have emitted all their data; when all sources have, the final checkpoint starts (CP-29). */
    /** Sinks of the TaskExecutor have committed: rows that were staged can be read now. */
    notifyCommitted: tell<() => undefined>(),
    notifyEndOfData: tell<(attemptIds: readonly ExecutionAttemptID[]) => undefined>(),
    /** One call per TaskExecutor and checkpoint (CP-12..CP-14). */
    acknowledgeCheckpoint:
      tell<(jobId: JobID, checkpointId: number, acknowledgements: readonly AcknowledgeCheckpoint[]) => undefined>(),
    declineCheckpoint: tell<(jobId: JobID, decline: DeclineCheckpoint) => undefined>(),
    /**
     * C6; the reply says which epoch accepted, and the JobMaster calls back on a fresh stub before it counts on it.
     * `tasks` are of an earlier epoch: the JobMaster lets them run on, or cancels them.
     */
    registerTaskManager: ask<
      (
        jobId: JobID,
        registration: TaskExecutorRegistration,
        tasks: readonly RunningTask[],
      ) => RegistrationResponse<{ readonly jobMasterId: JobMasterId }>
    >({ idempotent: true }),
    /** @returns the accepted offers (SCH-20). */
    offerSlots: ask<(resourceId: ResourceID, offers: readonly SlotOffer[]) => readonly SlotOffer[]>({
      idempotent: true,
    }),
    failSlot: tell<(resourceId: ResourceID, allocationId: AllocationID, cause: SerializedThrowable) => undefined>(),
    disconnectTaskManager: ask<(resourceId: ResourceID, cause: SerializedThrowable) => Acknowledge>({
      idempotent: true,
    }),
    heartbeatFromTaskManager: tell<(resourceId: ResourceID, payload: TaskExecutorToJobMasterPayload) => undefined>({
      control: true,
    }),
    heartbeatFromResourceManager: tell<(resourceManagerAddress: string) => undefined>({ control: true }),
    notifyNotEnoughResourcesAvailable: tell<(acquiredSlots: number, reason: string) => undefined>(),
    /** Answers when `commits` is another one than `known`, when the job has ended, or after a while. */
    awaitCommit: ask<(known: number) => CommitNews>({ readOnly: true, timeout: seconds(30) }),
    requestJobDetails: ask<() => JobDetails>({ readOnly: true }),
    requestJobStatus: ask<() => JobStatus>({ readOnly: true }),
    requestJob: ask<() => ExecutionGraphInfo>({ readOnly: true }),
    requestCheckpointStats: ask<() => CheckpointStatsSnapshot | undefined>({ readOnly: true }),
    /** Acknowledgements of one vertex; `undefined` for a checkpoint that is not among the newest. */
    requestCheckpointSubtasks: ask<
      (checkpointId: number, vertexId: JobVertexID) => readonly SubtaskCheckpointStats[] | undefined
    >({ readOnly: true }),
  },
});
export type JobMasterGateway = GatewayOf<typeof JobMasterGateway>;
