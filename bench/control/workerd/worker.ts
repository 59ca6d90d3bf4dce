import { DurableObject } from "cloudflare:workers";
import { SluiceException } from "../../../src/common/exceptions.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { Environment } from "../../../src/entrypoint/environment.ts";
import { rpcServiceOf } from "../../../src/entrypoint/durable-object-rpc.ts";
import { jobIsolate } from "../../../src/entrypoint/job-isolate.ts";
import { handleRequest } from "../../../src/entrypoint/rest-worker.ts";
import type { GraphExtractor } from "../../../src/entrypoint/task-host/graph-extractor.ts";
import type { TaskHostFacet } from "../../../src/entrypoint/task-host/task-host-facet.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { clusterName, dispatcherAddress, jobMasterAddress } from "../../../src/runtime/object-name.ts";

export {
  ClusterRegistryObject,
  DispatcherObject,
  JobMasterObject,
  ResourceManagerObject,
} from "../../../src/entrypoint/control-plane-objects.ts";
export { TaskExecutorObject } from "../../../src/entrypoint/task-executor-object.ts";

interface BenchEnvironment extends Environment {
  readonly BARE: DurableObjectNamespace<BareObject>;
}

/** An object that loads the isolate of a job as a facet, as a TaskExecutor's does, and nothing else. */
export class BareObject extends DurableObject<BenchEnvironment> {
  async load(text: string, id: string): Promise<void> {
    const facet = this.ctx.facets.get("task-host", () => {
      const isolate = this.env.LOADER.get(id, async () => jobIsolate(text));
      return { class: isolate.getDurableObjectClass("TaskHost") };
    });
    // The loader's types cannot know the class that the module exports.
    await (facet as unknown as TaskHostFacet).dispose();
    this.ctx.facets.abort("task-host", new Error("it was loaded"));
  }
}

/** The isolates that a run of a job loads: its graph's twice, one after the other, then one in each TaskExecutor. */
async function loadBare(env: BenchEnvironment, text: string, taskExecutors: number): Promise<void> {
  for (let extraction = 0; extraction < 2; extraction += 1) {
    const isolate = env.LOADER.get(null, async () => jobIsolate(text));
    const extractor = isolate.getEntrypoint("GraphExtractor") as unknown as GraphExtractor;
    await extractor.inspect();
  }
  const id = crypto.randomUUID();
  await Promise.all(
    Array.from({ length: taskExecutors }, (_, index) => env.BARE.getByName(`${id}-${index}`).load(text, id)),
  );
}

/** From the JobMaster as long as there is one; the Dispatcher, which knows how the job ended, repeats other answers for a second. */
async function detailsOf(
  env: BenchEnvironment,
  jobId: JobID,
): Promise<{ readonly status: string; readonly tasksPerState: Readonly<Record<string, number>> }> {
  const rpcService = rpcServiceOf(env);
  try {
    return await rpcService.gateway(JobMasterGateway, jobMasterAddress(clusterName(), jobId)).requestJobDetails();
  } catch (error) {
    if (!SluiceException.is(error, "JOB_NOT_FOUND")) throw error;
    const dispatcher = rpcService.gateway(DispatcherGateway, dispatcherAddress(clusterName()));
    return { status: await dispatcher.requestJobStatus(jobId), tasksPerState: {} };
  }
}

/** The product, with two routes beside it for the benchmark. */
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/bench/bare") {
      await loadBare(env, await request.text(), Number(url.searchParams.get("taskExecutors")));
      return new Response();
    }
    const jobId = /^\/bench\/jobs\/(?<id>\w+)$/.exec(url.pathname)?.groups?.["id"];
    if (jobId === undefined) return handleRequest(request, env);
    return Response.json(await detailsOf(env, brandId<JobID>(jobId)));
  },
} satisfies ExportedHandler<BenchEnvironment>;
