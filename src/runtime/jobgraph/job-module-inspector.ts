import type { JobID } from "../../common/ids.ts";
import type { RestartStrategyConfiguration } from "./job-configuration.ts";
import type { JobGraph, JobModuleReference } from "./job-graph.ts";

/**
 * Loads uploaded job modules in throw-away isolates, with no network and nothing to reach. Every fault of the module (not a
 * module, syntax error, no `defineJob` as default export, a throw while the graph is built) is `INVALID_PROGRAM` with a
 * message that names the fault and, for the user's own throw, carries the user's message.
 */
export interface JobModuleInspector {
  /**
   * Loads the module and checks that its default export is a job; builds no graph.
   *
   * @param name the file name, for messages.
   */
  inspect(text: string, name: string): Promise<InspectedModule>;

  /**
   * Builds the job's graph in an isolate of its own; never the same isolate twice, so that state left behind by one
   * extraction shows as a difference to the next.
   */
  extractGraph(module: JobModuleReference, text: string, request: GraphExtractionRequest): Promise<JobGraph>;
}

export interface InspectedModule {
  /** Name given to `defineJob`. */
  readonly jobName: string;
}

/** Overrides of a run request. */
export interface GraphExtractionRequest {
  readonly jobId: JobID;
  readonly parallelism?: number;
  /** For a job that sets none itself (FO-14). */
  readonly restartStrategy?: RestartStrategyConfiguration;
  /** What is a warning otherwise (a stateful operator without `uid()`) is a fault. */
  readonly strict?: boolean;
}
