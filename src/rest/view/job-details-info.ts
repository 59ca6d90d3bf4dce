import type { z } from "zod";
import type { ExecutionGraphInfo, ExecutionJobVertexInfo } from "../../runtime/messages/execution-graph-info.ts";
import type { JobDetailsInfo, JobDetailsVertexInfo } from "../messages/job-details-messages.ts";
import { aggregateState, countStates } from "./execution-state-counts.ts";
import { commonTimes, jobTimes } from "./execution-times.ts";
import { ioMetrics } from "./io-metrics.ts";
import { jobPlan } from "./job-plan.ts";

const HEX_ID_DIGITS = 32;
const UNBOUNDED = -1;

/** Flink `JobDetailsInfo` of a job, while it runs and after. */
export function jobDetailsInfo(info: ExecutionGraphInfo, now: number): z.output<typeof JobDetailsInfo> {
  const times = jobTimes(info, now);
  const vertices = info.vertices.map((vertex) => vertexInfo(vertex, now));
  return {
    jid: info.jobId,
    // Flink wraps a lone job into an application of the same id.
    "application-id": info.jobId,
    name: info.name,
    isStoppable: false,
    state: info.status,
    "job-type": info.jobType,
    schedulerType: "Default",
    "start-time": times.start,
    "end-time": times.end,
    duration: times.duration,
    maxParallelism: info.vertices.reduce((most, vertex) => Math.max(most, vertex.maxParallelism), UNBOUNDED),
    now,
    timestamps: { ...info.statusTimestamps },
    vertices,
    "status-counts": countStates(vertices.map(({ status }) => status)),
    plan: jobPlan(info),
    "pending-operators": 0,
  };
}

function vertexInfo(vertex: ExecutionJobVertexInfo, now: number): z.output<typeof JobDetailsVertexInfo> {
  const states = vertex.executions.map(({ state }) => state);
  const times = commonTimes(vertex.executions, now);
  return {
    id: vertex.id,
    slotSharingGroupId: slotSharingGroupId(vertex.slotSharingGroup),
    name: vertex.name,
    maxParallelism: vertex.maxParallelism,
    parallelism: vertex.parallelism,
    status: aggregateState(states),
    "start-time": times.start,
    "end-time": times.end,
    duration: times.duration,
    tasks: countStates(states),
    metrics: ioMetrics(vertex.executions),
  };
}

/** Groups have names here and ids in Flink; the id is the name's bytes, folded to 16. */
function slotSharingGroupId(name: string): string {
  const folded = new Uint8Array(HEX_ID_DIGITS / 2);
  for (const [index, byte] of new TextEncoder().encode(name).entries()) {
    const slot = index % folded.length;
    folded[slot] = (folded[slot] ?? 0) ^ byte;
  }
  return [...folded].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
