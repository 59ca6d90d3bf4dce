import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { answerFirstLook } from "../../dashboard/first-look-page.ts";
import type { AccessPolicy } from "../../rest/access-policy.ts";
import { DEFAULT_SAVEPOINT_DIRECTORY } from "../../runtime/checkpoint/snapshot-location.ts";
import { createRestEndpoint } from "../../rest/rest-endpoint.ts";
import { ClusterRegistry } from "../../runtime/cluster/cluster-registry.ts";
import { ClusterRegistryGateway } from "../../runtime/cluster/cluster-registry-gateway.ts";
import { Dispatcher } from "../../runtime/dispatcher/dispatcher.ts";
import { DispatcherGateway } from "../../runtime/dispatcher/dispatcher-gateway.ts";
import { JobMaster } from "../../runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../../runtime/jobmaster/job-master-gateway.ts";
import { clusterRegistryAddress, dispatcherAddress, resourceManagerAddress } from "../../runtime/object-name.ts";
import { ResourceManager } from "../../runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../../runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutor } from "../../runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../../runtime/taskexecutor/task-executor-gateway.ts";
import { FileObjectStore } from "./file-object-store.ts";
import type { StandaloneEndpoint } from "./hosted-object.ts";
import { InProcessJobModules, REFUSED_JOB_MODULES } from "./in-process-job-modules.ts";
import { InProcessTaskHosts } from "./in-process-task-hosts.ts";
import { JobModuleLoader } from "./job-module-loader.ts";
import { openHostStore, StandaloneHost } from "./standalone-host.ts";

export interface StandaloneClusterOptions {
  readonly folder: string;
  readonly access: AccessPolicy;
  /** Domain whose subdomains name clusters. */
  readonly clusterDomain?: string | undefined;
  /** Uploaded modules run in this process, with all its rights. */
  readonly trustJobs: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly onFatal: (error: unknown) => void;
}

/** The whole product in one process: control plane, task hosts, object store and REST API on one data folder. */
export class StandaloneCluster {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly #host: StandaloneHost;

  /** @throws SluiceException `CONFLICT` if another process uses the folder. */
  constructor(options: StandaloneClusterOptions) {
    const { folder, access, clusterDomain, trustJobs, onFatal, ...ports } = options;
    const store = openHostStore(folder, onFatal);
    const objects = new FileObjectStore({ folder: join(folder, "contents"), store, ...ports });
    const loader = new JobModuleLoader(join(folder, "loading"), ports.ids);
    const taskHosts = new InProcessTaskHosts({ objects, loader, clock: ports.clock });
    const endpoints: Readonly<Record<string, StandaloneEndpoint>> = {
      "cluster-registry": {
        gateways: [ClusterRegistryGateway],
        // All places are this one.
        factory: (context) => new ClusterRegistry(context, { objects, placement: { place: async () => undefined } }),
      },
      dispatcher: { gateways: [DispatcherGateway], factory: (context) => new Dispatcher(context, { objects }) },
      "resource-manager": { gateways: [ResourceManagerGateway], factory: (context) => new ResourceManager(context) },
      "job-master": { gateways: [JobMasterGateway], factory: (context) => new JobMaster(context, { objects }) },
      "task-executor": {
        gateways: [TaskExecutorGateway],
        factory: (context) => new TaskExecutor(context, { hosts: taskHosts.forActivation(context.address) }),
      },
    };
    this.#host = new StandaloneHost({ folder, store, endpoints, onFatal, ...ports });
    const { rpcService } = this.#host;
    const app = createRestEndpoint({
      ...ports,
      dispatcher: (cluster) => rpcService.gateway(DispatcherGateway, dispatcherAddress(cluster)),
      resourceManager: (cluster) => rpcService.gateway(ResourceManagerGateway, resourceManagerAddress(cluster)),
      clusters: () => rpcService.gateway(ClusterRegistryGateway, clusterRegistryAddress()),
      clusterLocations: new Map(),
      clusterDomain,
      objects: () => objects,
      savepointDirectory: DEFAULT_SAVEPOINT_DIRECTORY,
      modules: trustJobs ? new InProcessJobModules(loader) : REFUSED_JOB_MODULES,
      access,
    });
    this.fetch = (request) => answerFirstLook(request) ?? app.fetch(request);
  }

  /** Ends everything without notice to it, as a crash would, but with all files closed. */
  close(): Promise<void> {
    return this.#host.close();
  }
}
