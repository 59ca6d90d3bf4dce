import type { Acknowledge } from "../../common/acknowledge.ts";
import type { AllocationID, ExecutionAttemptID, JobID } from "../../common/ids.ts";
import { ask, defineGateway, tell, type GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { CheckpointOptions } from "../messages/checkpoint-messages.ts";
import type { AllocatedSlotReport } from "../messages/heartbeat-payloads.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SlotRequest } from "../messages/slot-request.ts";
import type { TaskDeploymentBatch, TaskRefusal } from "../messages/task-deployment-batch.ts";
import type { TaskDeploymentDescriptor } from "../messages/task-deployment-descriptor.ts";
import type { ResourceManagerId } from "../resourcemanager/resource-manager-id.ts";

/** What the ResourceManager tells a worker it brings to life. */
export interface TaskExecutorStart {
  readonly jobId: JobID;
  readonly resourceManagerAddress: string;
  readonly resourceManagerId: ResourceManagerId;
  readonly slots: number;
  /** What its tasks will run. */
  readonly module?: JobModuleReference;
}

/**
 * A worker of one job (Flink `TaskExecutorGateway`; contract: rpc-semantics 2.4). Not fenced by an epoch of its own: calls
 * carry the caller's epoch, and a lower one than the highest seen is refused (over P11).
 */
export const TaskExecutorGateway = defineGateway("TaskExecutor", {
  version: 1,
  turns: "sync",
  methods: {
    /** From the ResourceManager; the TaskExecutor then registers with it. The same start again acknowledges. */
    startTaskExecutor: ask<(start: TaskExecutorStart) => Acknowledge>({ idempotent: true }),
    requestSlot: ask<(request: SlotRequest) => Acknowledge>({ idempotent: true }),
    freeSlot: ask<(allocationId: AllocationID, cause: SerializedThrowable) => Acknowledge>({ idempotent: true }),
    submitTask: ask<(descriptor: TaskDeploymentDescriptor, jobMasterId: JobMasterId) => Acknowledge>(),
    /** Several at once, each as by `submitTask`. @returns the ones that it refuses. */
    submitTasks: ask<(batch: TaskDeploymentBatch, jobMasterId: JobMasterId) => readonly TaskRefusal[]>(),
    cancelTask: ask<(attemptId: ExecutionAttemptID, jobMasterId: JobMasterId) => Acknowledge>({ idempotent: true }),
    /** For all attempts of this TaskExecutor that trigger: sources. An unknown attempt is a CHECKPOINT exception. */
    triggerCheckpoint: ask<
      (
        attemptIds: readonly ExecutionAttemptID[],
        checkpoint: {
          readonly checkpointId: number;
          readonly timestampMillis: number;
          readonly options: CheckpointOptions;
        },
        jobMasterId: JobMasterId,
      ) => Acknowledge
    >(),
    /** CP-19: best effort, repeats are harmless. */
    confirmCheckpoint: tell<(checkpointId: number, timestampMillis: number, jobMasterId: JobMasterId) => undefined>(),
    abortCheckpoint: tell<(checkpointId: number, latestCompletedId: number, jobMasterId: JobMasterId) => undefined>(),
    /** H9: answered by `JobMaster.heartbeatFromTaskManager`. */
    heartbeatFromJobManager: tell<(jobMasterId: JobMasterId, report: AllocatedSlotReport) => undefined>({
      control: true,
    }),
    /** Answered by `ResourceManager.heartbeatFromTaskManager`. */
    heartbeatFromResourceManager: tell<(resourceManagerId: ResourceManagerId) => undefined>({ control: true }),
    /** The job's tasks here end and its slots are freed. */
    disconnectJobManager: tell<(jobId: JobID, jobMasterId: JobMasterId, cause: SerializedThrowable) => undefined>(),
    disconnectResourceManager: tell<(resourceManagerId: ResourceManagerId, cause: SerializedThrowable) => undefined>(),
    /** From the ResourceManager: end all tasks, free everything, forget everything stored; no alarm stays behind. */
    releaseTaskExecutor: ask<(resourceManagerId: ResourceManagerId) => Acknowledge>({ idempotent: true }),
  },
});
export type TaskExecutorGateway = GatewayOf<typeof TaskExecutorGateway>;
