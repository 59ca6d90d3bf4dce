import type { AllocationID, ExecutionAttemptID, IdSource } from "../../common/ids.ts";
import type { Random } from "../../common/random.ts";
import type { ExecutionGraphEvent } from "../executiongraph/execution-graph-events.ts";
import type { AdoptedAttempt, SlotAssignment } from "../executiongraph/execution.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import type { TaskMetrics } from "../messages/task-metrics.ts";

/** What happens to a job's scheduler. */
export type SchedulerInput =
  /**
   * Creates the first attempts of this life; the job is CREATED.
   *
   * @param recovery why this is not the first life: one more without progress, which the job may not survive.
   */
  | { readonly kind: "create"; readonly attemptNumber: number; readonly recovery?: SerializedThrowable }
  /** The job begins to run. */
  | { readonly kind: "start" }
  | { readonly kind: "cancel" }
  /** An earlier life had decided that the job fails; only for a job that is CREATED. */
  | { readonly kind: "fail"; readonly failure: SerializedThrowable | undefined }
  /** The slots of one request, all at once (SCH-04). */
  | { readonly kind: "slots-fulfilled"; readonly slotRequestId: number; readonly slots: SlotAssignment }
  /**
   * Of an earlier life all tasks that the request was for are found running, in slots that the job holds: they go on,
   * instead of new attempts (over HA-06).
   */
  | { readonly kind: "tasks-adopted"; readonly slotRequestId: number; readonly attempts: readonly AdoptedAttempt[] }
  /** Not all tasks of the earlier life went on: its loss is a restart after all. */
  | { readonly kind: "recovery-restart"; readonly failure: SerializedThrowable }
  | { readonly kind: "slot-request-failed"; readonly slotRequestId: number; readonly failure: SerializedThrowable }
  /** Slots are gone with everything that ran in them. */
  | {
      readonly kind: "slots-lost";
      readonly allocationIds: ReadonlySet<AllocationID>;
      readonly failure: SerializedThrowable;
    }
  | { readonly kind: "deployment-acknowledged"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | { readonly kind: "task-updated"; readonly update: TaskExecutionState }
  /** The JobMaster gives an attempt up: its deployment failed, or it vanished (DEP-03, DEP-05). */
  | { readonly kind: "attempt-failed"; readonly attemptId: ExecutionAttemptID; readonly failure: SerializedThrowable }
  /** No cancel call got through (CAN-09). */
  | { readonly kind: "cancel-failed"; readonly attemptId: ExecutionAttemptID }
  | { readonly kind: "global-failure"; readonly failure: SerializedThrowable }
  /** The tasks are ending with a savepoint: from here on a failure ends the job, with `failure` (SVP-08). */
  | { readonly kind: "stopping"; readonly failure: SerializedThrowable }
  | { readonly kind: "restart-delay-elapsed"; readonly restartId: number }
  | { readonly kind: "end-of-data"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | { readonly kind: "metrics-reported"; readonly attemptId: ExecutionAttemptID; readonly metrics: TaskMetrics }
  | { readonly kind: "progress-made" };

/** What the scheduler decided, as plain data: its state is the fold of these. */
export type SchedulerEvent =
  | ExecutionGraphEvent
  | {
      readonly kind: "slots-requested";
      readonly slotRequestId: number;
      readonly attemptIds: readonly ExecutionAttemptID[];
    }
  | { readonly kind: "restart-scheduled"; readonly restartId: number; readonly regions: readonly number[] }
  | { readonly kind: "restart-delay-elapsed"; readonly restartId: number }
  | { readonly kind: "stopping"; readonly failure: SerializedThrowable };

/** What has to be done outside. */
export type SchedulerEffect =
  | { readonly kind: "request-slots"; readonly slotRequestId: number; readonly slots: number }
  /** In topological order; the attempts of a region know each other. */
  | { readonly kind: "deploy-tasks"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | { readonly kind: "cancel-tasks"; readonly attemptIds: readonly ExecutionAttemptID[] }
  | { readonly kind: "schedule-restart"; readonly restartId: number; readonly delayMillis: number }
  /** The attempts about to be scheduled start from the last completed checkpoint. */
  | { readonly kind: "restore-state" }
  | { readonly kind: "job-terminated" };

export interface SchedulerDecision {
  readonly events: readonly SchedulerEvent[];
  readonly effects: readonly SchedulerEffect[];
}

export const NOTHING: SchedulerDecision = { events: [], effects: [] };

/** What a decision may use beside the state. */
export interface SchedulerEnvironment {
  readonly nowMillis: number;
  readonly ids: IdSource;
  readonly random: Random;
}
