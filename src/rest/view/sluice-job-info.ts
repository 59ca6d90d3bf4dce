import type {
  ExecutionGraphInfo,
  ExecutionInfo,
  ExecutionJobVertexInfo,
} from "../../runtime/messages/execution-graph-info.ts";
import type { TaskMetrics } from "../../runtime/messages/task-metrics.ts";
import type { SluiceJobInfo } from "../messages/sluice-messages.ts";
import { jobTimes } from "./execution-times.ts";

/** A job at a glance. Positions count from the job's first start, over all restarts. */
export function sluiceJobInfo(info: ExecutionGraphInfo, now: number): SluiceJobInfo {
  const { checkpoints } = info;
  const times = jobTimes(info, now);
  const tasks = info.vertices.flatMap((vertex) => vertex.executions.map((execution) => taskInfo(vertex, execution)));
  const restored = checkpoints?.latestRestored;
  return {
    id: info.jobId,
    name: info.name,
    state: info.status,
    startTime: times.start,
    endTime: times.end,
    duration: times.duration,
    quiescent: info.quiescent === true,
    restarts: info.restarts,
    restoredCheckpointId: restored?.checkpointId ?? null,
    restoredPosition: restored?.sourcePosition ?? null,
    checkpoints: checkpoints?.counts.completed ?? 0,
    latestCheckpointId: checkpoints?.latestCompleted?.checkpointId ?? null,
    // After a restart the attempts have reported nothing for a moment.
    recordsIn: Math.max(
      restored?.sourcePosition ?? 0,
      sumOf(info, ({ sourcePosition }) => sourcePosition),
    ),
    recordsOut: sumOf(info, ({ sinkRecords }) => sinkRecords),
    lateRecordsDropped: sumOf(info, ({ lateRecordsDropped }) => lateRecordsDropped),
    tasksRunning: tasks.filter(({ state }) => state === "RUNNING").length,
    tasksTotal: tasks.length,
    tasks,
    failure: describeFailure(info),
  };
}

/** What ended the job only says that it was not restarted again; the last failover says what went wrong. */
function describeFailure({ failure, exceptionHistory }: ExecutionGraphInfo): string | null {
  if (failure === undefined) return null;
  const { name, message } = exceptionHistory.at(-1)?.failure ?? failure;
  return `${name}: ${message}`;
}

function sumOf(info: ExecutionGraphInfo, counter: (metrics: TaskMetrics) => number | undefined): number {
  return info.vertices
    .flatMap(({ executions }) => executions)
    .reduce((sum, { metrics }) => sum + (counter(metrics) ?? 0), 0);
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
    lateRecordsDropped: metrics.lateRecordsDropped ?? 0,
  };
}
