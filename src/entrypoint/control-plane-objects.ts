import { Dispatcher } from "../runtime/dispatcher/dispatcher.ts";
import { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import { JobMaster } from "../runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../runtime/jobmaster/job-master-gateway.ts";
import { ResourceManager } from "../runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import { durableObject } from "./durable-object.ts";
import type { Environment } from "./environment.ts";
import { R2ObjectStore } from "./r2-object-store.ts";

export const DispatcherObject = durableObject(
  (context, env: Environment) => new Dispatcher(context, { objects: new R2ObjectStore(env.OBJECTS) }),
  [DispatcherGateway],
);

export const ResourceManagerObject = durableObject((context) => new ResourceManager(context), [ResourceManagerGateway]);

export const JobMasterObject = durableObject(
  (context, env: Environment) => new JobMaster(context, { objects: new R2ObjectStore(env.OBJECTS) }),
  [JobMasterGateway],
);
