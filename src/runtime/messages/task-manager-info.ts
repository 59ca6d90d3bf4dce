import type { JobID, ResourceID } from "../../common/ids.ts";

/** A TaskExecutor as REST shows it (Flink `TaskManagerInfo`). */
export interface TaskManagerInfo {
  readonly resourceId: ResourceID;
  readonly address: string;
  readonly jobId: JobID;
  readonly lastHeartbeatMillis: number;
  readonly slots: number;
  readonly freeSlots: number;
}

export interface ResourceOverview {
  readonly taskManagers: number;
  readonly slotsTotal: number;
  readonly slotsFree: number;
}
