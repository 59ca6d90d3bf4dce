import type { JobID, JobVertexID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionGraphInfo, ExecutionJobVertexInfo } from "../../runtime/messages/execution-graph-info.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import type { ClusterServices } from "./rest-handler.ts";

/** Runs a query about one job. @throws RestHandlerException 404 in Flink's words if the job is unknown. */
export async function queryJob<T>(jobId: JobID, query: (jobId: JobID) => Promise<T>): Promise<T> {
  try {
    return await query(jobId);
  } catch (error) {
    if (!SluiceException.is(error, "JOB_NOT_FOUND")) throw error;
    throw new RestHandlerException(404, `Job ${jobId} not found`, { cause: error });
  }
}

export function requestJob(services: ClusterServices, jobId: JobID): Promise<ExecutionGraphInfo> {
  return queryJob(jobId, (id) => services.dispatcher.requestJob(id));
}

/** @throws RestHandlerException 404 for an unknown job or vertex. */
export async function requestVertex(
  services: ClusterServices,
  path: { readonly jobid: JobID; readonly vertexid: JobVertexID },
): Promise<ExecutionJobVertexInfo> {
  const job = await requestJob(services, path.jobid);
  const vertex = job.vertices.find(({ id }) => id === path.vertexid);
  if (vertex === undefined) throw new RestHandlerException(404, `No vertex with ID '${path.vertexid}' exists.`);
  return vertex;
}
