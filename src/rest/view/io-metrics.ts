import type { z } from "zod";
import type { ExecutionInfo } from "../../runtime/messages/execution-graph-info.ts";
import type { TaskMetrics } from "../../runtime/messages/task-metrics.ts";
import type { IOMetricsInfo } from "../messages/job-details-messages.ts";

/** Sum of the counters of some attempts. Incomplete while one of them has not begun to run. */
export function ioMetrics(executions: readonly ExecutionInfo[]): z.output<typeof IOMetricsInfo> {
  const sum = (counter: (metrics: TaskMetrics) => number): number =>
    executions.reduce((total, { metrics }) => total + counter(metrics), 0);
  const complete = executions.every(({ stateTimestamps }) => stateTimestamps.RUNNING > 0);
  return {
    "read-bytes": sum(({ bytesIn }) => bytesIn),
    "read-bytes-complete": complete,
    "write-bytes": sum(({ bytesOut }) => bytesOut),
    "write-bytes-complete": complete,
    "read-records": sum(({ recordsIn }) => recordsIn),
    "read-records-complete": complete,
    "write-records": sum(({ recordsOut }) => recordsOut),
    "write-records-complete": complete,
    "accumulated-backpressured-time": Math.round(sum(({ backPressuredMillis }) => backPressuredMillis)),
    "accumulated-idle-time": Math.round(sum(({ idleMillis }) => idleMillis)),
    "accumulated-busy-time": sum(({ busyMillis }) => busyMillis),
  };
}
