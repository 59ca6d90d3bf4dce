import { systemClock } from "../common/clock.ts";
import { consoleLogger } from "../common/console-logger.ts";
import { systemIds } from "../common/ids.ts";
import { answerFirstLook } from "../dashboard/first-look-page.ts";
import { accessPolicyOf } from "../rest/access-policy.ts";
import type { ClusterLocations } from "../rest/cluster-locator.ts";
import { DEFAULT_SAVEPOINT_DIRECTORY } from "../runtime/checkpoint/snapshot-location.ts";
import { createRestEndpoint } from "../rest/rest-endpoint.ts";
import { ClusterRegistryGateway } from "../runtime/cluster/cluster-registry-gateway.ts";
import { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import { clusterRegistryAddress, dispatcherAddress, resourceManagerAddress } from "../runtime/object-name.ts";
import { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import { rpcServiceOf } from "./durable-object-rpc.ts";
import type { Environment } from "./environment.ts";
import { R2ObjectStore } from "./r2-object-store.ts";
import { WorkerLoaderJobModules } from "./worker-loader-job-modules.ts";

/** Names only, no stubs: they may outlive the request that found them. */
const clusterLocations: ClusterLocations = new Map();

/** One HTTP request of the stateless worker. Stubs belong to the request that made them, so everything is made anew. */
export function handleRequest(request: Request, env: Environment): Response | Promise<Response> {
  const firstLook = answerFirstLook(request);
  if (firstLook !== undefined) return firstLook;
  const ports = { clock: systemClock, ids: systemIds, log: consoleLogger() };
  const rpcService = rpcServiceOf(env);
  const objects = new R2ObjectStore(env.OBJECTS);
  const app = createRestEndpoint({
    ...ports,
    dispatcher: (cluster) => rpcService.gateway(DispatcherGateway, dispatcherAddress(cluster)),
    resourceManager: (cluster) => rpcService.gateway(ResourceManagerGateway, resourceManagerAddress(cluster)),
    clusters: () => rpcService.gateway(ClusterRegistryGateway, clusterRegistryAddress()),
    clusterLocations,
    clusterDomain: env.SLUICE_CLUSTER_DOMAIN ?? (env.SLUICE_LOCAL === "1" ? "localhost" : undefined),
    objects: () => objects,
    savepointDirectory: DEFAULT_SAVEPOINT_DIRECTORY,
    modules: new WorkerLoaderJobModules(env.LOADER),
    access: accessPolicyOf(env),
  });
  return app.fetch(request);
}
