import type { CheckpointStatsSnapshot } from "../messages/checkpoint-stats.ts";
import type { ExecutionGraphInfo, ExecutionInfo, JobDetails } from "../messages/execution-graph-info.ts";
import { isGloballyTerminal } from "../messages/job-status.ts";
import { zeroPerState, type Execution } from "./execution.ts";
import type { ExecutionGraph } from "./execution-graph.ts";

/** What REST answers are made of, as of now; shares nothing that changes later. */
export function snapshotExecutionGraph(
  graph: ExecutionGraph,
  checkpoints: CheckpointStatsSnapshot | undefined,
): ExecutionGraphInfo {
  const { jobId, name, jobType, configuration } = graph.jobGraph;
  return {
    jobId,
    name,
    jobType,
    status: graph.status,
    statusTimestamps: { ...graph.statusTimestamps },
    configuration,
    vertices: graph.vertices.map(({ jobVertex, executions }) => ({
      id: jobVertex.id,
      name: jobVertex.name,
      parallelism: jobVertex.parallelism,
      maxParallelism: jobVertex.maxParallelism,
      slotSharingGroup: jobVertex.slotSharingGroup,
      inputs: jobVertex.inputs,
      executions: executions.map((execution) => snapshotExecution(graph, execution)),
    })),
    ...(graph.failure === undefined ? {} : { failure: graph.failure }),
    exceptionHistory: graph.exceptionHistory,
    restarts: graph.restarts.total,
    ...(checkpoints === undefined ? {} : { checkpoints }),
  };
}

function snapshotExecution(graph: ExecutionGraph, execution: Execution): ExecutionInfo {
  return {
    attemptId: execution.attemptId,
    attemptNumber: execution.attemptNumber,
    subtaskIndex: execution.subtaskIndex,
    state: execution.state,
    stateTimestamps: graph.stateTimestampsOf(execution),
    metrics: execution.metrics,
    ...(execution.slot === undefined ? {} : { location: execution.slot.location }),
    ...(execution.failure === undefined ? {} : { failure: execution.failure }),
  };
}

/** The short form for lists. */
export function jobDetailsOf(info: ExecutionGraphInfo): JobDetails {
  const { jobId, name, jobType, status, statusTimestamps } = info;
  const tasksPerState = zeroPerState();
  for (const { executions } of info.vertices) for (const { state } of executions) tasksPerState[state] += 1;
  return {
    jobId,
    name,
    jobType,
    status,
    startTimeMillis: statusTimestamps.INITIALIZING,
    endTimeMillis: isGloballyTerminal(status) ? statusTimestamps[status] : -1,
    lastModificationMillis: Math.max(...Object.values(statusTimestamps)),
    tasksPerState,
  };
}
