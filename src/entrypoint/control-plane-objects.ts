import { consoleLogger } from "../common/console-logger.ts";
import { systemClock } from "../common/clock.ts";
import { systemIds } from "../common/ids.ts";
import { ClusterRegistry } from "../runtime/cluster/cluster-registry.ts";
import type { ClusterPlacement } from "../runtime/cluster/cluster-registry.ts";
import { ClusterRegistryGateway } from "../runtime/cluster/cluster-registry-gateway.ts";
import { Dispatcher } from "../runtime/dispatcher/dispatcher.ts";
import { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import { JobMaster } from "../runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../runtime/jobmaster/job-master-gateway.ts";
import { ResourceManager } from "../runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import { dispatcherAddress, resourceManagerAddress } from "../runtime/object-name.ts";
import { DurableObjectRpcService } from "../transport/durable-object/durable-object-rpc-service.ts";
import { durableObject, namespacesOf } from "./durable-object.ts";
import type { Environment } from "./environment.ts";
import { R2ObjectStore } from "./r2-object-store.ts";

export const ClusterRegistryObject = durableObject(
  (context, env: Environment) =>
    new ClusterRegistry(context, { objects: new R2ObjectStore(env.OBJECTS), placement: placementOf(env) }),
  [ClusterRegistryGateway],
);

export const DispatcherObject = durableObject(
  (context, env: Environment) => new Dispatcher(context, { objects: new R2ObjectStore(env.OBJECTS) }),
  [DispatcherGateway],
);

export const ResourceManagerObject = durableObject((context) => new ResourceManager(context), [ResourceManagerGateway]);

export const JobMasterObject = durableObject(
  (context, env: Environment) => new JobMaster(context, { objects: new R2ObjectStore(env.OBJECTS) }),
  [JobMasterGateway],
);

/** An object comes to life where its first call asks for; later ones find it there. */
function placementOf(env: Environment): ClusterPlacement {
  return {
    place: async (cluster, locationHint) => {
      const ports = { clock: systemClock, ids: systemIds, log: consoleLogger() };
      const service = new DurableObjectRpcService({ ...ports, namespaceOf: namespacesOf(env), locationHint });
      await Promise.all([
        service.connect(DispatcherGateway, dispatcherAddress(cluster)),
        service.connect(ResourceManagerGateway, resourceManagerAddress(cluster)),
      ]);
    },
  };
}
