import type { JobGraph, JobModuleReference } from "../../runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest, JobModuleInspector } from "../../runtime/jobgraph/job-module-inspector.ts";
import { RestHandlerException } from "../../rest/rest-handler-exception.ts";
import { generateJobGraph } from "../../streaming/graph/job-graph-generator.ts";
import type { JobModuleLoader } from "./job-module-loader.ts";

/** Looks at users' modules by loading them here: see {@link JobModuleLoader}. */
export class InProcessJobModules implements JobModuleInspector {
  readonly #loader: JobModuleLoader;

  constructor(loader: JobModuleLoader) {
    this.#loader = loader;
  }

  async inspect(text: string, name: string): Promise<{ readonly jobName: string }> {
    const definition = await this.#loader.load(text, name);
    return { jobName: definition.name };
  }

  async extractGraph(module: JobModuleReference, text: string, request: GraphExtractionRequest): Promise<JobGraph> {
    const definition = await this.#loader.load(text, module.name);
    const { jobGraph } = await generateJobGraph(definition, { ...request, module });
    return jobGraph;
  }
}

/** Refuses all: the host was started without `--trust-jobs`. */
export const REFUSED_JOB_MODULES: JobModuleInspector = {
  inspect: () => Promise.reject(refusal()),
  extractGraph: () => Promise.reject(refusal()),
};

function refusal(): RestHandlerException {
  return new RestHandlerException(
    403,
    "This host has no sandbox for uploaded code and was not told to trust it. Start it under Deno, which has one, or with --trust-jobs if you trust all who may upload.",
  );
}
