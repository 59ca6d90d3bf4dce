import { WorkerEntrypoint } from "cloudflare:workers";
import { toErrorData } from "../../common/exceptions.ts";
import type { JobGraph, JobModuleReference } from "../../runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest } from "../../runtime/jobgraph/job-module-inspector.ts";
import { requireJobDefinition } from "../../streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../streaming/graph/job-graph-generator.ts";
import type { Outcome } from "./task-host-facet.ts";

/** What the throw-away isolate of an upload or a run answers. */
export interface GraphExtractor {
  inspect(): Promise<Outcome<{ readonly jobName: string }>>;
  extractGraph(module: JobModuleReference, request: GraphExtractionRequest): Promise<Outcome<JobGraph>>;
}

/** Entry point class of the isolate that holds `definition`, the default export of the user's module. */
export function createGraphExtractor(definition: unknown) {
  return class extends WorkerEntrypoint implements GraphExtractor {
    async inspect(): Promise<Outcome<{ readonly jobName: string }>> {
      return attempt(async () => ({ jobName: requireJobDefinition(definition).name }));
    }

    async extractGraph(module: JobModuleReference, request: GraphExtractionRequest): Promise<Outcome<JobGraph>> {
      return attempt(async () => {
        const { jobGraph } = await generateJobGraph(requireJobDefinition(definition), { ...request, module });
        return jobGraph;
      });
    }
  };
}

/** Errors leave the isolate as data. */
export async function attempt<T>(body: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "success", value: await body() };
  } catch (error) {
    return { kind: "failure", error: toErrorData(error) };
  }
}
