import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { SchedulerEvent } from "../scheduler/scheduler-messages.ts";
import type { JobMasterStorage } from "./job-master-storage.ts";

/**
 * Stores what must outlive the JobMaster's memory of an event that `graph` has just taken; part of the turn that
 * decided it.
 */
export function recordSchedulerEvent(event: SchedulerEvent, graph: ExecutionGraph, storage: JobMasterStorage): void {
  switch (event.kind) {
    case "executions-reset":
      return storage.putAttemptNumber(
        event.attempts.reduce((highest, { attemptNumber }) => Math.max(highest, attemptNumber), storage.attemptNumber),
      );
    case "restart-decided":
    case "progress-made":
      return storage.putRestarts(graph.restarts);
    case "failure-recorded": {
      const newest = graph.exceptionHistory.at(-1);
      if (newest !== undefined) storage.putException(newest, event.concurrent);
      return;
    }
    case "job-status-changed":
      if (event.status === "CANCELLING") storage.putEnding({ kind: "cancel" });
      if (event.status === "FAILING") {
        storage.putEnding({ kind: "fail", ...(event.failure === undefined ? {} : { failure: event.failure }) });
      }
      return;
    default:
      return;
  }
}
