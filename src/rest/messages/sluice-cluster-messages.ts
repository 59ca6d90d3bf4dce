import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import { integerField, TextField } from "./parameters.ts";
import { Count, Timestamp } from "./states.ts";

/** Path parameter; what a new cluster may be called is the control plane's to say. */
const ClusterNameParameter = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, 'expected letters, digits, "-" and "_"');

const QuotaField = integerField(1, Number.MAX_SAFE_INTEGER);

const ClusterQuotasField = z
  .strictObject({
    jobs: QuotaField,
    slots: QuotaField,
    taskExecutors: QuotaField,
    moduleBytes: QuotaField,
    stateBytes: QuotaField,
  })
  .partial()
  .optional();

const ClusterInfo = z.object({
  name: z.string(),
  state: z.enum(["CREATING", "ACTIVE", "DELETING", "DELETED"]),
  jurisdiction: z.string().nullable(),
  locationHint: z.string().nullable(),
  /** Null for a cluster that does not exist. */
  quotas: z
    .object({ jobs: Count, slots: Count, taskExecutors: Count, moduleBytes: Count, stateBytes: Count })
    .nullable(),
  /** 0 for `default`, which exists always. */
  created: Timestamp,
});
export type ClusterInfoBody = z.output<typeof ClusterInfo>;

const CLUSTER_PATH = { cluster: ClusterNameParameter };

export const ClusterListHeaders = defineHeaders({
  name: "ClusterListHeaders",
  method: "GET",
  url: "/sluice/clusters",
  description: "All clusters: `default`, then the others by name.",
  scope: "read",
  response: z.object({ clusters: z.array(ClusterInfo) }),
});

export const ClusterGetHeaders = defineHeaders({
  name: "ClusterGetHeaders",
  method: "GET",
  url: "/sluice/clusters/:cluster",
  description: "One cluster, with its quotas.",
  scope: "read",
  path: CLUSTER_PATH,
  response: ClusterInfo,
});

export const ClusterPutHeaders = defineHeaders({
  name: "ClusterPutHeaders",
  method: "PUT",
  url: "/sluice/clusters/:cluster",
  description:
    "Creates a cluster, or sets the quotas of one that exists (absent ones to their defaults). Jurisdiction and location hint " +
    "are fixed at the creation.",
  scope: "submit",
  path: CLUSTER_PATH,
  requestName: "ClusterSettings",
  request: z.object({ jurisdiction: TextField, locationHint: TextField, quotas: ClusterQuotasField }),
  response: ClusterInfo,
});

export const ClusterDeleteHeaders = defineHeaders({
  name: "ClusterDeleteHeaders",
  method: "DELETE",
  url: "/sluice/clusters/:cluster",
  description:
    "Deletes a cluster: cancels its jobs and removes everything of it. The answer says DELETING until all is gone, and DELETED for " +
    "a cluster that does not exist.",
  scope: "submit",
  status: 202,
  path: CLUSTER_PATH,
  response: ClusterInfo,
});
