import { fromErrorData, SluiceException } from "../common/exceptions.ts";
import type { JobGraph, JobModuleReference } from "../runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest, JobModuleInspector } from "../runtime/jobgraph/job-module-inspector.ts";
import { jobIsolate } from "./job-isolate.ts";
import type { GraphExtractor } from "./task-host/graph-extractor.ts";
import type { Outcome } from "./task-host/task-host-facet.ts";

/** Loads users' modules in throw-away isolates through the Worker Loader; nothing of them stays. */
export class WorkerLoaderJobModules implements JobModuleInspector {
  readonly #loader: WorkerLoader;

  constructor(loader: WorkerLoader) {
    this.#loader = loader;
  }

  async inspect(text: string, name: string): Promise<{ readonly jobName: string }> {
    return this.#inIsolate(text, name, (extractor) => extractor.inspect());
  }

  async extractGraph(module: JobModuleReference, text: string, request: GraphExtractionRequest): Promise<JobGraph> {
    return this.#inIsolate(text, module.name, (extractor) => extractor.extractGraph(module, request));
  }

  async #inIsolate<T>(
    text: string,
    name: string,
    call: (extractor: GraphExtractor) => Promise<Outcome<T>>,
  ): Promise<T> {
    let outcome: Outcome<T>;
    try {
      const isolate = this.#loader.get(null, async () => jobIsolate(text));
      // The loader's types cannot know the class that the module exports.
      const extractor = isolate.getEntrypoint("GraphExtractor") as unknown as GraphExtractor;
      outcome = await call(extractor);
    } catch (error) {
      // The isolate itself did not start: the module does not parse, an import is unknown, or its top level threw.
      const message = error instanceof Error ? error.message : String(error);
      throw new SluiceException("INVALID_PROGRAM", `${name}: the module could not be loaded: ${explain(message)}`, {
        cause: error,
      });
    }
    if (outcome.kind === "failure") throw fromErrorData(outcome.error);
    return outcome.value;
  }
}

/** Says what to do about the two faults newcomers meet. */
function explain(message: string): string {
  if (/does not provide an export named 'default'/.test(message)) {
    return `it has no default export. A job module ends with: export default defineJob({ name: "…" }, (env) => { … })`;
  }
  if (/No such module/.test(message)) {
    return `${message}. A job module may import "sluice" only; bundle everything else into it (npm run submit does).`;
  }
  return message;
}
