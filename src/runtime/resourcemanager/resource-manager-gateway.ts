import type { Acknowledge } from "../../common/acknowledge.ts";
import type { AllocationID, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import { ask, defineGateway, tell, type GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { ClusterQuotas } from "../messages/cluster-quotas.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type {
  RegistrationResponse,
  ResourceRequirements,
  SlotReport,
  TaskExecutorRegistration,
} from "../messages/slots.ts";
import type { ResourceOverview, TaskManagerInfo } from "../messages/task-manager-info.ts";
import type { ResourceManagerId } from "./resource-manager-id.ts";

/** The cluster's quotas and workers (Flink `ResourceManagerGateway`; contract: rpc-semantics 2.2). */
export const ResourceManagerGateway = defineGateway("ResourceManager", {
  version: 1,
  turns: "sync",
  fenced: true,
  methods: {
    /** HB-08: a higher JobMasterId replaces the old connection, a lower one is refused. */
    registerJobMaster: ask<
      (
        jobMasterId: JobMasterId,
        jobMasterAddress: string,
        jobId: JobID,
      ) => RegistrationResponse<{ readonly resourceManagerId: ResourceManagerId }>
    >({ idempotent: true }),
    /** The job's whole need, never a delta (SCH-19). */
    declareRequiredResources: ask<(jobMasterId: JobMasterId, requirements: ResourceRequirements) => Acknowledge>({
      idempotent: true,
    }),
    registerTaskExecutor: ask<
      (
        registration: TaskExecutorRegistration,
      ) => RegistrationResponse<{ readonly instanceId: InstanceID; readonly resourceManagerId: ResourceManagerId }>
    >({ idempotent: true }),
    sendSlotReport: ask<(resourceId: ResourceID, instanceId: InstanceID, report: SlotReport) => Acknowledge>({
      idempotent: true,
    }),
    /**
     * From a TaskExecutor that must give up a slot (draining, a facet that will not load): one more slot for this job,
     * asked before the old one is freed (design 4). JobMasters declare their whole requirement instead.
     */
    requestSlot: ask<(resourceId: ResourceID, jobId: JobID, replaced: AllocationID) => Acknowledge>({
      idempotent: true,
    }),
    notifySlotAvailable: tell<(instanceId: InstanceID, slotIndex: number, allocationId: AllocationID) => undefined>(),
    heartbeatFromTaskManager: tell<(resourceId: ResourceID, report: SlotReport) => undefined>({ control: true }),
    heartbeatFromJobManager: tell<(jobId: JobID) => undefined>({ control: true }),
    disconnectTaskManager: tell<(resourceId: ResourceID, cause: SerializedThrowable) => undefined>(),
    /** A terminal status removes the job, its requirements and its workers at once (HB-07). */
    disconnectJobManager: ask<(jobId: JobID, jobMasterId: JobMasterId, status: JobStatus) => Acknowledge>({
      idempotent: true,
    }),
    /**
     * The job sleeps: its workers are released and nothing is watched until its JobMaster declares a need again. Of a sleep
     * that is over already, as {@link ResourceRequirements.sleeps} tells, nothing is done.
     *
     * @param sleep which of the job's sleeps it is, from 1.
     */
    suspendJob: ask<(jobId: JobID, jobMasterId: JobMasterId, sleep: number) => Acknowledge>({ idempotent: true }),
    requestTaskManagerInfo: ask<() => readonly TaskManagerInfo[]>({ readOnly: true }),
    requestTaskManagerDetailsInfo: ask<(resourceId: ResourceID) => TaskManagerInfo | undefined>({ readOnly: true }),
    requestResourceOverview: ask<() => ResourceOverview>({ readOnly: true }),
    /** From the cluster registry: the cluster has these quotas. */
    openCluster: ask<(quotas: ClusterQuotas) => Acknowledge>({ idempotent: true }),
    /**
     * From the cluster registry when all jobs are gone, repeated until it answers 0: @returns the workers that have not
     * acknowledged their release; with none left everything stored is gone.
     */
    closeCluster: ask<() => number>({ idempotent: true }),
  },
});
export type ResourceManagerGateway = GatewayOf<typeof ResourceManagerGateway>;
