import type { Branded } from "../../common/ids.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";

/** Fencing token of a cluster's ResourceManager. */
export type ResourceManagerId = Branded<Epoch, "ResourceManagerId">;
