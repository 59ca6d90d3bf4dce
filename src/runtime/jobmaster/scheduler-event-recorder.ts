import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { SchedulerEvent } from "../scheduler/scheduler-messages.ts";
import type { SchedulerState } from "../scheduler/scheduler-state.ts";
import type { JobMasterStorage } from "./job-master-storage.ts";

/**
 * Stores what must outlive the JobMaster's memory of an event that `state` has just taken; part of the turn that
 * decided it.
 */
export function recordSchedulerEvent(event: SchedulerEvent, state: SchedulerState, storage: JobMasterStorage): void {
  const { graph } = state;
  switch (event.kind) {
    case "executions-changed":
      if (event.state === "DEPLOYING") recordDeployment(event.attemptIds, state, storage);
      return;
    case "executions-reset":
      return storage.putAttemptNumber(
        event.attemptIds.reduce(
          (highest, attemptId) => Math.max(highest, graph.execution(attemptId)?.attemptNumber ?? 0),
          storage.attemptNumber,
        ),
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

function recordDeployment(
  attemptIds: readonly ExecutionAttemptID[],
  { graph, regions }: SchedulerState,
  storage: JobMasterStorage,
): void {
  const { deployedAttempts } = storage;
  const numbers = Array.from({ length: regions.count }, (_, region) => deployedAttempts[region] ?? -1);
  for (const attemptId of attemptIds) {
    const execution = graph.execution(attemptId);
    if (execution !== undefined) numbers[regions.of(execution)] = execution.attemptNumber;
  }
  storage.putDeployedAttempts(numbers);
}
