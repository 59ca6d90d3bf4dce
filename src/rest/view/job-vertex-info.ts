import type { z } from "zod";
import type { ExecutionInfo, ExecutionJobVertexInfo } from "../../runtime/messages/execution-graph-info.ts";
import type {
  AggregatedTaskDetailsInfo,
  SubtaskExecutionAttemptDetailsInfo,
} from "../messages/job-details-messages.ts";
import { executionTimes, stateDurations } from "./execution-times.ts";
import { ioMetrics } from "./io-metrics.ts";
import { subtaskAggregate } from "./statistics-summary.ts";

/** What Flink shows for a subtask that has no slot. */
const UNASSIGNED = "(unassigned)";

export function endpointOf(execution: ExecutionInfo): string {
  return execution.location ?? UNASSIGNED;
}

export function subtaskInfo(
  execution: ExecutionInfo,
  now: number,
): z.output<typeof SubtaskExecutionAttemptDetailsInfo> {
  const times = executionTimes(execution, now);
  return {
    subtask: execution.subtaskIndex,
    status: execution.state,
    attempt: execution.attemptNumber,
    endpoint: endpointOf(execution),
    host: endpointOf(execution),
    "start-time": times.start,
    start_time: times.start,
    "end-time": times.end,
    duration: times.duration,
    metrics: ioMetrics([execution]),
    "taskmanager-id": endpointOf(execution),
    "status-duration": stateDurations(execution, now),
  };
}

const AGGREGATED_METRICS = [
  "read-bytes",
  "read-records",
  "write-bytes",
  "write-records",
  "accumulated-backpressured-time",
  "accumulated-busy-time",
  "accumulated-idle-time",
] as const;

/** Every key of it is needed: the dashboard indexes them without a guard. */
export function aggregatedTaskDetails(
  executions: readonly ExecutionInfo[],
  now: number,
): z.output<typeof AggregatedTaskDetailsInfo> {
  const metrics = executions.map((execution) => ioMetrics([execution]));
  const durations = executions.map((execution) => stateDurations(execution, now));
  return {
    metrics: Object.fromEntries(
      AGGREGATED_METRICS.map((name) => [name, subtaskAggregate(metrics.map((each) => Math.round(each[name])))]),
    ),
    "status-duration": Object.fromEntries(
      (["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"] as const).map((state) => [
        state,
        subtaskAggregate(durations.map((each) => each[state])),
      ]),
    ),
  };
}

/** The vertex's executions by the TaskExecutor they run on, in order of their first subtask. */
export function executionsByEndpoint(vertex: ExecutionJobVertexInfo): ReadonlyMap<string, readonly ExecutionInfo[]> {
  return Map.groupBy(vertex.executions, endpointOf);
}
