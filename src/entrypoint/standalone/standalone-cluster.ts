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
import type { JobModuleInspector } from "../../runtime/jobgraph/job-module-inspector.ts";
import { clusterRegistryAddress, dispatcherAddress, resourceManagerAddress } from "../../runtime/object-name.ts";
import { ResourceManager } from "../../runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../../runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutor } from "../../runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../../runtime/taskexecutor/task-executor-gateway.ts";
import { FileObjectStore } from "./file-object-store.ts";
import type { StandaloneEndpoint } from "./hosted-object.ts";
import { InProcessJobModules, REFUSED_JOB_MODULES } from "./in-process-job-modules.ts";
import { inProcessTasks } from "./in-process-tasks.ts";
import { JobModuleLoader } from "./job-module-loader.ts";
import { SandboxedJobModules } from "./sandbox/sandboxed-job-modules.ts";
import { startSandboxed } from "./sandbox/sandboxed-tasks.ts";
import { openHostStore, StandaloneHost } from "./standalone-host.ts";
import { StandaloneTaskHosts } from "./standalone-task-hosts.ts";
import type { StandaloneTaskHostsOptions } from "./standalone-task-hosts.ts";

export interface StandaloneClusterOptions {
  readonly folder: string;
  readonly access: AccessPolicy;
  /** Domain whose subdomains name clusters. */
  readonly clusterDomain?: string | undefined;
  /** `trusted`: uploaded modules run in this process, with all its rights. `sandboxed`: under Deno alone. */
  readonly jobs: "trusted" | "sandboxed" | "refused";
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
    const { folder, access, clusterDomain, jobs, onFatal, ...ports } = options;
    const store = openHostStore(folder, onFatal);
    const objects = new FileObjectStore({ folder: join(folder, "contents"), store, ...ports });
    const { modules, start } = jobRunner(jobs, join(folder, "loading"), ports);
    const taskHosts = new StandaloneTaskHosts({ objects, start });
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
      modules,
      access,
    });
    this.fetch = (request) => answerFirstLook(request) ?? app.fetch(request);
  }

  /** Ends everything without notice to it, as a crash would, but with all files closed. */
  close(): Promise<void> {
    return this.#host.close();
  }
}

/** Who looks at uploaded modules, and who runs them. */
function jobRunner(
  jobs: StandaloneClusterOptions["jobs"],
  loading: string,
  { ids, clock }: Pick<StandaloneClusterOptions, "ids" | "clock">,
): { readonly modules: JobModuleInspector; readonly start: StandaloneTaskHostsOptions["start"] } {
  if (jobs === "sandboxed") return { modules: new SandboxedJobModules(clock), start: startSandboxed };
  const loader = new JobModuleLoader(loading, ids);
  const modules = jobs === "trusted" ? new InProcessJobModules(loader) : REFUSED_JOB_MODULES;
  return { modules, start: inProcessTasks(loader, clock) };
}
