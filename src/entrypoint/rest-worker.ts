import { systemClock } from "../common/clock.ts";
import { consoleLogger } from "../common/console-logger.ts";
import { systemIds } from "../common/ids.ts";
import { accessPolicyOf } from "../rest/access-policy.ts";
import { createRestEndpoint } from "../rest/rest-endpoint.ts";
import { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import { clusterName, dispatcherAddress, resourceManagerAddress } from "../runtime/object-name.ts";
import { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import { rpcServiceOf } from "./durable-object-rpc.ts";
import type { Environment } from "./environment.ts";
import { R2ObjectStore } from "./r2-object-store.ts";
import { WorkerLoaderJobModules } from "./worker-loader-job-modules.ts";

/** One HTTP request of the stateless worker. Stubs belong to the request that made them, so everything is made anew. */
export function handleRequest(request: Request, env: Environment): Response | Promise<Response> {
  const ports = { clock: systemClock, ids: systemIds, log: consoleLogger() };
  const rpcService = rpcServiceOf(env);
  const objects = new R2ObjectStore(env.OBJECTS);
  const app = createRestEndpoint({
    ...ports,
    dispatcher: (cluster) => rpcService.gateway(DispatcherGateway, dispatcherAddress(clusterName(cluster))),
    resourceManager: (cluster) =>
      rpcService.gateway(ResourceManagerGateway, resourceManagerAddress(clusterName(cluster))),
    objects: () => objects,
    modules: new WorkerLoaderJobModules(env.LOADER),
    access: accessPolicyOf(env),
  });
  return app.fetch(request);
}
