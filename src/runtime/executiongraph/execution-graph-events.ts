import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskMetrics } from "../messages/task-metrics.ts";
import type { RecordedFailure } from "./exception-history.ts";
import type { AssignedSlot } from "./execution.ts";

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
      /** Subtask i of every vertex goes to slot i. */
      readonly kind: "slots-assigned";
      readonly slots: readonly AssignedSlot[];
    }
  | { readonly kind: "deployment-acknowledged"; readonly attemptId: ExecutionAttemptID }
  | { readonly kind: "metrics-reported"; readonly attemptId: ExecutionAttemptID; readonly metrics: TaskMetrics }
  | { readonly kind: "end-of-data"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | {
      /** New attempts for every subtask; per vertex the ids by subtask index. */
      readonly kind: "executions-reset";
      readonly attemptNumber: number;
      readonly attemptIds: readonly (readonly ExecutionAttemptID[])[];
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
      /** Whether the restart strategy pays for it; the infrastructure's failures are free. */
      readonly charged: boolean;
      readonly nowMillis: number;
    }
  /** The job got further than before, so free restarts are counted anew. */
  | { readonly kind: "progress-made" };
