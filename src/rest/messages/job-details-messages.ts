import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import { Plan } from "./job-plan-info.ts";
import { JobIdParameter, JobVertexIdParameter, SubtaskIndexParameter } from "./parameters.ts";
import {
  Count,
  ExecutionStateInfo,
  HexId,
  JobStatusInfo,
  JobTypeInfo,
  SchedulerTypeInfo,
  Timestamp,
} from "./states.ts";

/** A `-complete` flag of false means that some of the counters have not been reported. */
export const IOMetricsInfo = z.object({
  "read-bytes": z.int(),
  "read-bytes-complete": z.boolean(),
  "write-bytes": z.int(),
  "write-bytes-complete": z.boolean(),
  "read-records": z.int(),
  "read-records-complete": z.boolean(),
  "write-records": z.int(),
  "write-records-complete": z.boolean(),
  "accumulated-backpressured-time": z.int(),
  "accumulated-idle-time": z.int(),
  "accumulated-busy-time": z.number(),
});

/** Keys of `tasks`: all ten execution states in upper case. */
export const JobDetailsVertexInfo = z.object({
  id: HexId,
  slotSharingGroupId: HexId,
  name: z.string(),
  maxParallelism: z.int(),
  parallelism: z.int(),
  status: ExecutionStateInfo,
  "start-time": Timestamp,
  "end-time": Timestamp,
  duration: z.int(),
  tasks: z.record(z.string(), Count),
  metrics: IOMetricsInfo,
});

export const JobDetailsInfo = z.object({
  jid: HexId,
  "application-id": HexId,
  name: z.string(),
  isStoppable: z.boolean(),
  state: JobStatusInfo,
  "job-type": JobTypeInfo,
  schedulerType: SchedulerTypeInfo,
  "start-time": Timestamp,
  "end-time": Timestamp,
  duration: z.int(),
  maxParallelism: z.int(),
  now: Timestamp,
  /** When each of the eleven states was entered; 0 if never. */
  timestamps: z.record(z.string(), Timestamp),
  vertices: z.array(JobDetailsVertexInfo),
  /** Number of vertices, not of subtasks, per state. */
  "status-counts": z.record(z.string(), Count),
  plan: Plan,
  "pending-operators": Count,
});

export const JobDetailsHeaders = defineHeaders({
  name: "JobDetailsHeaders",
  method: "GET",
  url: "/jobs/:jobid",
  description: "A job with its plan and vertices.",
  scope: "read",
  path: { jobid: JobIdParameter },
  response: JobDetailsInfo,
});

/** `start_time` and `host` repeat what other versions call `start-time` and `endpoint`. */
export const SubtaskExecutionAttemptDetailsInfo = z.object({
  subtask: z.int(),
  status: ExecutionStateInfo,
  attempt: z.int(),
  endpoint: z.string(),
  host: z.string(),
  "start-time": Timestamp,
  start_time: Timestamp,
  "end-time": Timestamp,
  duration: z.int(),
  metrics: IOMetricsInfo,
  "taskmanager-id": z.string(),
  "status-duration": z.record(z.string(), z.int()),
});

const VERTEX_PATH = { jobid: JobIdParameter, vertexid: JobVertexIdParameter };

const Aggregates = z.record(z.string(), z.record(z.string(), z.int()));
/** Complete or absent: the dashboard throws over a missing key. Values: min, max, avg, sum, median, p25, p75, p95. */
export const AggregatedTaskDetailsInfo = z.object({ metrics: Aggregates, "status-duration": Aggregates });

export const JobVertexDetailsHeaders = defineHeaders({
  name: "JobVertexDetailsHeaders",
  method: "GET",
  url: "/jobs/:jobid/vertices/:vertexid",
  description: "A vertex with the current attempt of each of its subtasks.",
  scope: "read",
  path: VERTEX_PATH,
  response: z.object({
    id: HexId,
    name: z.string(),
    parallelism: z.int(),
    maxParallelism: z.int(),
    now: Timestamp,
    subtasks: z.array(SubtaskExecutionAttemptDetailsInfo),
    aggregated: AggregatedTaskDetailsInfo,
  }),
});

export const SubtaskCurrentAttemptDetailsHeaders = defineHeaders({
  name: "SubtaskCurrentAttemptDetailsHeaders",
  method: "GET",
  url: "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex",
  description: "The current attempt of one subtask.",
  scope: "read",
  path: { ...VERTEX_PATH, subtaskindex: SubtaskIndexParameter },
  response: SubtaskExecutionAttemptDetailsInfo,
});

export const SubtasksTimesHeaders = defineHeaders({
  name: "SubtasksTimesHeaders",
  method: "GET",
  url: "/jobs/:jobid/vertices/:vertexid/subtasktimes",
  description: "When each subtask entered its states.",
  scope: "read",
  path: VERTEX_PATH,
  response: z.object({
    id: HexId,
    name: z.string(),
    now: Timestamp,
    subtasks: z.array(
      z.object({
        subtask: z.int(),
        endpoint: z.string(),
        host: z.string(),
        duration: z.int(),
        timestamps: z.record(z.string(), Timestamp),
      }),
    ),
  }),
});

export const JobVertexTaskManagersHeaders = defineHeaders({
  name: "JobVertexTaskManagersHeaders",
  method: "GET",
  url: "/jobs/:jobid/vertices/:vertexid/taskmanagers",
  description: "A vertex, its subtasks grouped by the task manager they run on.",
  scope: "read",
  path: VERTEX_PATH,
  response: z.object({
    id: HexId,
    name: z.string(),
    now: Timestamp,
    taskmanagers: z.array(
      z.object({
        endpoint: z.string(),
        host: z.string(),
        "taskmanager-id": z.string(),
        status: ExecutionStateInfo,
        "start-time": Timestamp,
        "end-time": Timestamp,
        duration: z.int(),
        metrics: IOMetricsInfo,
        "status-counts": z.record(z.string(), Count),
        aggregated: AggregatedTaskDetailsInfo,
      }),
    ),
  }),
});
