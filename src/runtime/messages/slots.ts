import type { AllocationID, InstanceID, JobID, ResourceID } from "../../common/ids.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";

/** What a slot has; every slot is alike until resources are declared per operator. */
export interface ResourceProfile {
  readonly cpuCores: number;
  readonly memoryMegabytes: number;
}

export interface SlotOffer {
  readonly allocationId: AllocationID;
  readonly slotIndex: number;
  readonly profile: ResourceProfile;
}

export type TaskExecutorSlotState = "FREE" | "ALLOCATED" | "ACTIVE" | "RELEASING";

export interface SlotStatus {
  readonly slotIndex: number;
  readonly state: TaskExecutorSlotState;
  readonly allocationId?: AllocationID;
  readonly jobId?: JobID;
}

export interface SlotReport {
  readonly slots: readonly SlotStatus[];
}

/** The whole of what a job needs, never a delta. */
export interface ResourceRequirements {
  readonly jobId: JobID;
  readonly jobMasterAddress: string;
  readonly slots: number;
  /** The job's sleeps that are over; absent: none. */
  readonly sleeps?: number;
  /** What the job's workers will run: they load it while they register. */
  readonly module?: JobModuleReference;
}

/** A TaskExecutor as the ResourceManager knows it. */
export interface TaskExecutorRegistration {
  readonly resourceId: ResourceID;
  readonly address: string;
  readonly instanceId: InstanceID;
  readonly jobId: JobID;
  readonly slots: number;
  /** Of the code it runs. */
  readonly runtimeVersion?: string;
}

export type { RegistrationResponse } from "../../rpc/registration/registration-response.ts";
