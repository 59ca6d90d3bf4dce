import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskMetrics } from "../messages/task-metrics.ts";
import type { RecordedFailure } from "./exception-history.ts";
import type { AdoptedAttempt, SlotAssignment } from "./execution.ts";
import type { RestartCounts } from "./restart-counts.ts";

/**
 * Everything that changes an execution graph, as plain data: the graph at any moment is its job graph plus the events
 * so far.
 */
export type ExecutionGraphEvent =
  | {
      readonly kind: "job-status-changed";
      readonly status: JobStatus;
      readonly nowMillis: number;
      /** With FAILING and FAILED. */
      readonly failure?: SerializedThrowable;
    }
  | {
      /** The same step for several attempts at once. */
      readonly kind: "executions-changed";
      readonly attemptIds: readonly ExecutionAttemptID[];
      readonly state: ExecutionState;
      readonly nowMillis: number;
      readonly failure?: SerializedThrowable;
      readonly metrics?: TaskMetrics;
    }
  | {
      readonly kind: "slots-assigned";
      readonly attemptIds: readonly ExecutionAttemptID[];
      readonly slots: SlotAssignment;
    }
  | { readonly kind: "deployment-acknowledged"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | { readonly kind: "metrics-reported"; readonly attemptId: ExecutionAttemptID; readonly metrics: TaskMetrics }
  | { readonly kind: "end-of-data"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | {
      /** New attempts for some subtasks, in the place of ended ones. */
      readonly kind: "executions-reset";
      readonly attemptIds: readonly ExecutionAttemptID[];
      /** Of a subtask's first attempt; a later one's is one more than that of the one before. */
      readonly attemptNumber: number;
      readonly nowMillis: number;
    }
  | {
      /** Attempts of an earlier life take the places of ones that were not deployed. */
      readonly kind: "executions-adopted";
      readonly attempts: readonly AdoptedAttempt[];
      readonly nowMillis: number;
    }
  | {
      readonly kind: "failure-recorded";
      readonly failure: RecordedFailure;
      /** Whether it fell into the newest failover instead of beginning one. */
      readonly concurrent: boolean;
    }
  | {
      readonly kind: "restart-decided";
      /** The restart counted in. */
      readonly restarts: RestartCounts;
    }
  /** The job got further than before, so free restarts are counted anew. */
  | { readonly kind: "progress-made" };
