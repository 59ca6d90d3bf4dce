import type { ClusterInfo } from "../../runtime/messages/cluster-info.ts";
import type { ClusterQuotas } from "../../runtime/messages/cluster-quotas.ts";
import {
  ClusterDeleteHeaders,
  ClusterGetHeaders,
  ClusterListHeaders,
  ClusterPutHeaders,
} from "../messages/sluice-cluster-messages.ts";
import type { ClusterInfoBody } from "../messages/sluice-cluster-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";

/** The clusters themselves; which cluster the request is for does not matter. */
export const SLUICE_CLUSTER_ROUTES: readonly RestRoute[] = [
  route(ClusterListHeaders, async ({ services }) => ({
    clusters: (await services.clusters.listClusters()).map(clusterInfoBody),
  })),

  route(ClusterGetHeaders, async ({ path, services }) => {
    const info = await services.clusters.requestCluster(path.cluster);
    if (info === undefined) throw new RestHandlerException(404, `Cluster ${path.cluster} does not exist.`);
    return clusterInfoBody(info);
  }),

  route(ClusterPutHeaders, async ({ path, body, services }) => {
    const { jurisdiction, locationHint } = body;
    const info = await services.clusters.createCluster(path.cluster, {
      ...(jurisdiction === undefined ? {} : { jurisdiction }),
      ...(locationHint === undefined ? {} : { locationHint }),
      quotas: givenQuotas(body.quotas ?? {}),
    });
    return clusterInfoBody(info);
  }),

  route(ClusterDeleteHeaders, async ({ path, services }) => {
    const info = await services.clusters.deleteCluster(path.cluster);
    if (info !== undefined) return clusterInfoBody(info);
    const nothing = { jurisdiction: null, locationHint: null, quotas: null, created: -1 };
    return { name: path.cluster, state: "DELETED" as const, ...nothing };
  }),
];

function clusterInfoBody({
  name,
  state,
  jurisdiction,
  locationHint,
  quotas,
  createdMillis,
}: ClusterInfo): ClusterInfoBody {
  return {
    name,
    state,
    jurisdiction: jurisdiction ?? null,
    locationHint: locationHint ?? null,
    quotas,
    created: createdMillis,
  };
}

function givenQuotas(asked: { readonly [Name in keyof ClusterQuotas]?: number | undefined }): Partial<ClusterQuotas> {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}
