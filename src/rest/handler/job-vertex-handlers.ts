import {
  JobVertexDetailsHeaders,
  JobVertexTaskManagersHeaders,
  SubtaskCurrentAttemptDetailsHeaders,
  SubtasksTimesHeaders,
} from "../messages/job-details-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { aggregateState, countStates } from "../view/execution-state-counts.ts";
import { commonTimes, executionTimes } from "../view/execution-times.ts";
import { ioMetrics } from "../view/io-metrics.ts";
import { aggregatedTaskDetails, endpointOf, executionsByEndpoint, subtaskInfo } from "../view/job-vertex-info.ts";
import { requestVertex } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";

export const JOB_VERTEX_ROUTES: readonly RestRoute[] = [
  route(JobVertexDetailsHeaders, async ({ path, services }) => {
    const vertex = await requestVertex(services, path);
    const now = services.clock.now();
    return {
      id: vertex.id,
      name: vertex.name,
      parallelism: vertex.parallelism,
      maxParallelism: vertex.maxParallelism,
      now,
      subtasks: vertex.executions.map((execution) => subtaskInfo(execution, now)),
      aggregated: aggregatedTaskDetails(vertex.executions, now),
    };
  }),

  route(SubtaskCurrentAttemptDetailsHeaders, async ({ path, services }) => {
    const vertex = await requestVertex(services, path);
    const execution = vertex.executions[path.subtaskindex];
    if (execution === undefined) {
      throw new RestHandlerException(404, `Invalid subtask index for vertex ${path.vertexid}`);
    }
    return subtaskInfo(execution, services.clock.now());
  }),

  route(SubtasksTimesHeaders, async ({ path, services }) => {
    const vertex = await requestVertex(services, path);
    const now = services.clock.now();
    return {
      id: vertex.id,
      name: vertex.name,
      now,
      subtasks: vertex.executions.map((execution) => ({
        subtask: execution.subtaskIndex,
        endpoint: endpointOf(execution),
        host: endpointOf(execution),
        duration: executionTimes(execution, now).duration,
        timestamps: { ...execution.stateTimestamps },
      })),
    };
  }),

  route(JobVertexTaskManagersHeaders, async ({ path, services }) => {
    const vertex = await requestVertex(services, path);
    const now = services.clock.now();
    return {
      id: vertex.id,
      name: vertex.name,
      now,
      taskmanagers: [...executionsByEndpoint(vertex)].map(([endpoint, executions]) => {
        const states = executions.map(({ state }) => state);
        const times = commonTimes(executions, now);
        return {
          endpoint,
          host: endpoint,
          "taskmanager-id": endpoint,
          status: aggregateState(states),
          "start-time": times.start,
          "end-time": times.end,
          duration: times.duration,
          metrics: ioMetrics(executions),
          "status-counts": countStates(states),
          aggregated: aggregatedTaskDetails(executions, now),
        };
      }),
    };
  }),
];
