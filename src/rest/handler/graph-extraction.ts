import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import { parseJobGraph } from "../../runtime/jobgraph/job-graph-schema.ts";
import type { JobGraph, JobVertex } from "../../runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest } from "../../runtime/jobgraph/job-module-inspector.ts";
import type { UploadedModule } from "../../runtime/messages/job-submission.ts";
import { readModule } from "./job-modules.ts";
import type { ClusterServices } from "./rest-handler.ts";
import type { RunParameters } from "./run-request.ts";

/**
 * The module's graph for this request, extracted twice and found equal. Both come from isolates that ran user code, so nothing
 * in them is believed: they are validated, and id and module are set here.
 *
 * @throws SluiceException INVALID_PROGRAM naming the fault.
 */
export async function extractJobGraph(
  services: ClusterServices,
  uploaded: UploadedModule,
  { jobId, parallelism, restartStrategy, strict, savepoint }: RunParameters & { readonly jobId: JobID },
): Promise<JobGraph> {
  const text = await readModule(services, uploaded);
  const request: GraphExtractionRequest = {
    jobId,
    strict,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(restartStrategy === undefined ? {} : { restartStrategy }),
  };
  const extract = async (): Promise<JobGraph> => {
    const extracted = await services.modules.extractGraph(uploaded.module, text, request);
    const { savepointRestoreSettings: _, ...graph } = parseJobGraph(extracted);
    const settings = savepoint === undefined ? {} : { savepointRestoreSettings: savepoint };
    return { ...graph, jobId, module: uploaded.module, ...settings };
  };
  const first = await extract();
  const second = await extract();
  if (first.hash !== second.hash) {
    throw new SluiceException(
      "INVALID_PROGRAM",
      `${uploaded.name}: the job is not deterministic: built twice, its graph differs ${firstDifference(first, second)}. Take names, ` +
        "uids and settings from constants, never from the time, random numbers or counters that outlive a build.",
    );
  }
  return first;
}

function firstDifference(first: JobGraph, second: JobGraph): string {
  if (first.name !== second.name) return `in its name ("${first.name}", then "${second.name}")`;
  if (first.vertices.length !== second.vertices.length) {
    return `in the number of its vertices (${first.vertices.length}, then ${second.vertices.length})`;
  }
  for (const [index, vertex] of first.vertices.entries()) {
    const other = second.vertices[index];
    if (other !== undefined && !sameVertex(vertex, other)) {
      return vertex.name === other.name ? `at "${vertex.name}"` : `at "${vertex.name}", then "${other.name}"`;
    }
  }
  return "in its settings";
}

function sameVertex(left: JobVertex, right: JobVertex): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
