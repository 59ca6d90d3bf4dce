import { SluiceException } from "../common/exceptions.ts";
import type { ClusterRegistryGateway } from "../runtime/cluster/cluster-registry-gateway.ts";
import { CLUSTER_LOCATION_MILLIS } from "../runtime/messages/cluster-info.ts";
import { clusterName, DEFAULT_CLUSTER, isClusterName } from "../runtime/object-name.ts";
import type { ClusterName } from "../runtime/object-name.ts";
import { RestHandlerException } from "./rest-handler-exception.ts";

/** Names the cluster of a request; without it the host name may, and otherwise it is `default`. */
export const CLUSTER_HEADER = "Sluice-Cluster";

/** Where clusters were found, and until when that may be believed. */
export type ClusterLocations = Map<string, { readonly cluster: ClusterName; readonly untilMillis: number }>;

const MAX_REMEMBERED = 1_000;

/**
 * Name of the request's cluster: the header, or the label that the host has before `domain`. Flink's clients can be relied on for
 * neither a header nor a path.
 *
 * @param domain such as `sluice.example.com`; `undefined`: hosts name no cluster.
 * @throws RestHandlerException 400 for a name that is none, and if header and host differ.
 */
export function requestedCluster(request: Request, domain: string | undefined): string {
  const header = request.headers.get(CLUSTER_HEADER);
  const host = domain === undefined ? undefined : subdomainOf(new URL(request.url).hostname, domain);
  if (header !== null && !isClusterName(header)) {
    throw new RestHandlerException(
      400,
      `${CLUSTER_HEADER}: expected letters, digits, "-" and "_", got ${JSON.stringify(header.slice(0, 200))}`,
    );
  }
  if (header !== null && host !== undefined && header !== host) {
    throw new RestHandlerException(400, `${CLUSTER_HEADER}: is "${header}", but the host names the cluster "${host}"`);
  }
  return header ?? host ?? DEFAULT_CLUSTER;
}

/** One label in front of the domain. */
function subdomainOf(hostname: string, domain: string): string | undefined {
  const suffix = `.${domain.toLowerCase()}`;
  const label = hostname.endsWith(suffix) ? hostname.slice(0, -suffix.length) : "";
  return isClusterName(label) ? label : undefined;
}

/**
 * Where a cluster's objects are. `default` is known; for any other the registry is asked, and its answer believed for a moment.
 *
 * @throws SluiceException NOT_FOUND, CONFLICT while it is being deleted, UNAVAILABLE while it is being created.
 */
export async function locateCluster(
  name: string,
  registry: Pick<ClusterRegistryGateway, "requestCluster">,
  memory: { readonly locations: ClusterLocations; readonly nowMillis: number },
): Promise<ClusterName> {
  if (name === DEFAULT_CLUSTER) return clusterName();
  const { locations, nowMillis } = memory;
  const known = locations.get(name);
  if (known !== undefined && nowMillis < known.untilMillis) return known.cluster;
  locations.delete(name);
  const info = await registry.requestCluster(name);
  if (info === undefined) {
    throw new SluiceException(
      "NOT_FOUND",
      `Cluster ${name} does not exist. Create it with PUT /v1/sluice/clusters/${name}.`,
    );
  }
  if (info.state === "DELETING") throw new SluiceException("CONFLICT", `Cluster ${name} is being deleted.`);
  if (info.state === "CREATING") {
    throw new SluiceException("UNAVAILABLE", `Cluster ${name} is being created.`, { retryable: true });
  }
  const { jurisdiction } = info;
  const cluster = jurisdiction === undefined ? clusterName(name) : { jurisdiction, cluster: name };
  if (locations.size >= MAX_REMEMBERED) locations.clear();
  locations.set(name, { cluster, untilMillis: nowMillis + CLUSTER_LOCATION_MILLIS });
  return cluster;
}
