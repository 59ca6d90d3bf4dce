import type { AllocationID, JobID } from "../../common/ids.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { ResourceManagerId } from "../resourcemanager/resource-manager-id.ts";
import type { ResourceProfile } from "./slots.ts";

/** ResourceManager -> TaskExecutor: give this slot to that job (SCH-28; the same allocation again is idempotent, SCH-29). */
export interface SlotRequest {
  readonly slotIndex: number;
  readonly jobId: JobID;
  readonly allocationId: AllocationID;
  readonly profile: ResourceProfile;
  readonly jobMasterAddress: string;
  /** A higher one than the connected JobMaster's makes the TaskExecutor drop the old connection and its tasks (HB-04). */
  readonly jobMasterId: JobMasterId;
  readonly resourceManagerId: ResourceManagerId;
}
