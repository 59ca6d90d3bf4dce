import { seconds } from "../../common/duration.ts";
import { ask, defineGateway, type GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { ClusterInfo, ClusterSettings } from "../messages/cluster-info.ts";

/** The clusters of a deployment. There is one registry, which no cluster's jobs depend on. */
export const ClusterRegistryGateway = defineGateway("ClusterRegistry", {
  version: 1,
  turns: "sync",
  methods: {
    /**
     * Acknowledged when the cluster takes jobs. Again with the same place gives the same cluster, with the quotas of the
     * last call; with another place it is a CONFLICT. What fails leaves nothing behind.
     */
    createCluster: ask<(name: string, settings: ClusterSettings) => ClusterInfo>({
      timeout: seconds(30),
      idempotent: true,
    }),
    /**
     * Acknowledged when it is decided and stored: the cluster takes nothing new, its jobs are cancelled, everything of it
     * is removed. @returns `undefined` if there is no such cluster (any more).
     */
    deleteCluster: ask<(name: string) => ClusterInfo | undefined>({ idempotent: true }),
    requestCluster: ask<(name: string) => ClusterInfo | undefined>({ readOnly: true }),
    /** `default`, then the others by name. */
    listClusters: ask<() => readonly ClusterInfo[]>({ readOnly: true }),
  },
});
export type ClusterRegistryGateway = GatewayOf<typeof ClusterRegistryGateway>;
