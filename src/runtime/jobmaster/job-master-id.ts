import type { Branded } from "../../common/ids.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";

/** Fencing token of a JobMaster: its epoch, fixed for one activation. */
export type JobMasterId = Branded<Epoch, "JobMasterId">;
