import type {
  ExecutionGraphInfo,
  ExecutionInfo,
  ExecutionJobVertexInfo,
} from "../../runtime/messages/execution-graph-info.ts";
import type { SluiceJobInfo } from "../messages/sluice-messages.ts";
import { jobTimes } from "./execution-times.ts";

/** A job at a glance. Positions count from the job's first start, over all restarts. */
export function sluiceJobInfo(info: ExecutionGraphInfo, now: number): SluiceJobInfo {
  const { checkpoints } = info;
  const times = jobTimes(info, now);
  const consumed = new Set(info.vertices.flatMap(({ inputs }) => inputs.map(({ source }) => source)));
  const tasks = info.vertices.flatMap((vertex) => vertex.executions.map((execution) => taskInfo(vertex, execution)));
  const restored = checkpoints?.latestRestored;
  const sources = info.vertices.filter(({ inputs }) => inputs.length === 0);
  const sinks = info.vertices.filter(({ id }) => !consumed.has(id));
  return {
    id: info.jobId,
    name: info.name,
    state: info.status,
    startTime: times.start,
    endTime: times.end,
    duration: times.duration,
    restarts: info.restarts,
    restoredCheckpointId: restored?.checkpointId ?? null,
    restoredPosition: restored?.sourcePosition ?? null,
    checkpoints: checkpoints?.counts.completed ?? 0,
    latestCheckpointId: checkpoints?.latestCompleted?.checkpointId ?? null,
    recordsIn: (restored?.sourcePosition ?? 0) + sumOf(sources, ({ recordsIn }) => recordsIn),
    recordsOut: sumOf(sinks, ({ recordsOut }) => recordsOut),
    tasksRunning: tasks.filter(({ state }) => state === "RUNNING").length,
    tasksTotal: tasks.length,
    tasks,
    failure: info.failure === undefined ? null : `${info.failure.name}: ${info.failure.message}`,
  };
}

function sumOf(
  vertices: readonly ExecutionJobVertexInfo[],
  counter: (metrics: ExecutionInfo["metrics"]) => number,
): number {
  return vertices.flatMap(({ executions }) => executions).reduce((sum, { metrics }) => sum + counter(metrics), 0);
}

function taskInfo(vertex: ExecutionJobVertexInfo, execution: ExecutionInfo): SluiceJobInfo["tasks"][number] {
  const { metrics } = execution;
  return {
    vertexId: vertex.id,
    vertex: vertex.name,
    subtask: execution.subtaskIndex,
    attempt: execution.attemptNumber,
    state: execution.state,
    taskExecutor: execution.location ?? null,
    recordsIn: metrics.recordsIn,
    recordsOut: metrics.recordsOut,
    bytesIn: metrics.bytesIn,
    bytesOut: metrics.bytesOut,
    remoteRecordsOut: metrics.remoteRecordsOut,
    peakChannelBytes: metrics.peakChannelBytes,
    channelCreditBytes: metrics.channelCreditBytes,
    currentInputWatermark: metrics.currentInputWatermark ?? null,
  };
}
