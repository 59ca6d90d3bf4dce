import { SluiceException } from "../common/exceptions.ts";
import { brandId, type JobID, type ResourceID } from "../common/ids.ts";
import type { JobModuleReference } from "../runtime/jobgraph/job-graph.ts";
import { clusterOf, jurisdictionOf, parseObjectName, taskExecutorAddress } from "../runtime/object-name.ts";
import { TaskExecutor } from "../runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../runtime/taskexecutor/task-executor-gateway.ts";
import type { ExchangeLink } from "../streaming/network/exchange-link.ts";
import { durableObject } from "./durable-object.ts";
import type { Environment } from "./environment.ts";
import { FacetTaskHostFactory, type FacetPlatform } from "./facet-task-host.ts";
import { jobIsolate, jobIsolateId } from "./job-isolate.ts";
import { R2ObjectStore } from "./r2-object-store.ts";
import type { TaskHostFacet } from "./task-host/task-host-facet.ts";

/** What a peer's TaskExecutor calls beside the gateway: the link into this one's facet, as a stub to hand on. */
interface ExchangeOpener {
  openExchange(module: JobModuleReference): Promise<ExchangeLink & Disposable>;
}

const EndpointObject = durableObject(
  (context, env: Environment, state) =>
    new TaskExecutor(context, { hosts: new FacetTaskHostFactory(facetPlatform(state, env)) }),
  [TaskExecutorGateway],
);

/** The object of a TaskExecutor. Its facet runs the job's tasks; peers reach the facet by {@link openExchange} only. */
export class TaskExecutorObject extends EndpointObject implements ExchangeOpener {
  /** @internal called by the objects of the same job's TaskExecutors; the caller disposes the link. */
  async openExchange(module: JobModuleReference): Promise<ExchangeLink & Disposable> {
    const { resourceId } = identityOf(this.ctx);
    const link = await facetPlatform(this.ctx, this.env).facet(module).openLink(resourceId);
    // What arrives from the facet is a stub, whatever the class behind it; stubs are disposable.
    return link as ExchangeLink & Disposable;
  }
}

/** Name of the one facet of a TaskExecutor. */
const FACET_NAME = "task-host";

function facetPlatform(state: DurableObjectState, env: Environment): FacetPlatform {
  const { jobId, cluster, address } = identityOf(state);
  const objects = new R2ObjectStore(env.OBJECTS);
  return {
    objects,
    cluster,
    jobId,
    facet: (module) => {
      const facet = state.facets.get(FACET_NAME, async () => {
        const text = await moduleText(objects, module);
        // Loaded inside this callback only: elsewhere it could reset a live facet.
        const isolate = env.LOADER.get(jobIsolateId(module.hash), async () => jobIsolate(text));
        return { class: isolate.getDurableObjectClass("TaskHost") };
      });
      // The loader's types cannot know the class that the module exports.
      return facet as unknown as TaskHostFacet;
    },
    abortFacet: (reason) => state.facets.abort(FACET_NAME, new Error(reason)),
    openExchange: (peer, module) => {
      const cluster = clusterOf(address);
      // The platform's list of jurisdictions grows; it refuses the ones that it does not know.
      const jurisdiction = jurisdictionOf(cluster) as DurableObjectJurisdiction | undefined;
      const { TASK_EXECUTOR: everywhere } = env;
      const stub = (jurisdiction === undefined ? everywhere : everywhere.jurisdiction(jurisdiction)).getByName(
        taskExecutorAddress(cluster, peer),
      );
      return (stub as unknown as ExchangeOpener).openExchange(module);
    },
  };
}

async function moduleText(objects: R2ObjectStore, module: JobModuleReference): Promise<string> {
  const stored = await objects.get(module.key);
  if (stored === undefined) {
    throw new SluiceException("NOT_FOUND", `module ${module.name} (${module.key}) is not in the object store any more`);
  }
  return new TextDecoder().decode(stored.bytes);
}

/** A TaskExecutor's object is named `v1/<jurisdiction>/<cluster>/task-executor/<job>-te-<n>`. */
function identityOf(state: DurableObjectState): {
  readonly address: string;
  readonly cluster: string;
  readonly jobId: JobID;
  readonly resourceId: ResourceID;
} {
  const address = state.id.name ?? "";
  const name = parseObjectName(address);
  const [jobId] = name?.id.split("-te-") ?? [];
  if (name === undefined || jobId === undefined) throw new TypeError(`no object name of a TaskExecutor: ${address}`);
  return { address, cluster: name.cluster, jobId: brandId<JobID>(jobId), resourceId: brandId<ResourceID>(name.id) };
}
