import type { ExecutionGraphInfo, JobDetails, JobResult } from "../messages/execution-graph-info.ts";
import type { CheckpointStatsSnapshot } from "../messages/checkpoint-stats.ts";
import { EXECUTION_STATES } from "../messages/execution-state.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import { isGloballyTerminal, JOB_STATUSES } from "../messages/job-status.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import type { AcceptedJob } from "./job-store.ts";

const NOT_REACHED = -1;

/** What can be said of a job whose JobMaster does not answer yet: its graph, and that it initialises (SUB-08, SUB-09). */
export function initializingJob(job: AcceptedJob, graph: JobGraph): ExecutionGraphInfo {
  const status: JobStatus = statusBeforeStart(job);
  return {
    jobId: job.jobId,
    name: graph.name,
    jobType: graph.jobType,
    status,
    statusTimestamps: { ...zeroes(JOB_STATUSES), INITIALIZING: job.submittedMillis },
    configuration: graph.configuration,
    vertices: graph.vertices.map(({ id, name, parallelism, maxParallelism, slotSharingGroup, inputs }) => ({
      id,
      name,
      parallelism,
      maxParallelism,
      slotSharingGroup,
      inputs,
      executions: [],
    })),
    exceptionHistory: [],
    restarts: 0,
    ...checkpointsOf(graph),
  };
}

/** CAN-05: a cancel that waits for the JobMaster shows at once. */
export function statusBeforeStart(job: AcceptedJob): JobStatus {
  return job.cancelRequested ? "CANCELLING" : "INITIALIZING";
}

function checkpointsOf(graph: JobGraph): { readonly checkpoints?: CheckpointStatsSnapshot } {
  const configuration = graph.configuration.checkpointing;
  if (configuration === undefined) return {};
  const counts = { restored: 0, total: 0, inProgress: 0, completed: 0, failed: 0 };
  return { checkpoints: { configuration, counts, history: [] } };
}

/** The short form of a full picture. */
export function detailsOf(info: ExecutionGraphInfo): JobDetails {
  const executions = info.vertices.flatMap((vertex) => vertex.executions);
  const tasksPerState = zeroes(EXECUTION_STATES);
  for (const { state } of executions) tasksPerState[state] += 1;
  return {
    jobId: info.jobId,
    name: info.name,
    jobType: info.jobType,
    status: info.status,
    startTimeMillis: info.statusTimestamps.INITIALIZING,
    endTimeMillis: endOf(info),
    lastModificationMillis: Math.max(
      ...Object.values(info.statusTimestamps),
      ...executions.map(({ state, stateTimestamps }) => stateTimestamps[state]),
    ),
    tasksPerState,
  };
}

/** How a job ended (OBS-04). */
export function resultOf(info: ExecutionGraphInfo): JobResult {
  const startTimeMillis = info.statusTimestamps.INITIALIZING;
  const endTimeMillis = endOf(info);
  return {
    jobId: info.jobId,
    name: info.name,
    applicationStatus: applicationStatusOf(info.status),
    netRuntimeMillis: Math.max(0, endTimeMillis - startTimeMillis),
    startTimeMillis,
    endTimeMillis,
    ...(info.failure === undefined ? {} : { failure: info.failure }),
  };
}

function endOf({ status, statusTimestamps }: ExecutionGraphInfo): number {
  return isGloballyTerminal(status) ? statusTimestamps[status] : NOT_REACHED;
}

function applicationStatusOf(status: JobStatus): JobResult["applicationStatus"] {
  switch (status) {
    case "FINISHED":
      return "SUCCEEDED";
    case "FAILED":
    case "CANCELED":
      return status;
    default:
      return "UNKNOWN";
  }
}

function zeroes<K extends JobStatus | ExecutionState>(keys: readonly K[]): Record<K, number> {
  // Object.fromEntries forgets the keys' type; the list is the whole of K.
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
