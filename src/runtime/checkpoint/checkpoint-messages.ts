import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { Random } from "../../common/random.ts";
import type { AcknowledgeCheckpoint, CheckpointOptions, DeclineCheckpoint } from "../messages/checkpoint-messages.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { CheckpointFailureReason } from "./checkpoint-failure-reason.ts";
import type { CheckpointPlan, CheckpointPlanResult } from "./checkpoint-plan.ts";
import type { AwaitedRequest, CheckpointRequest } from "./checkpoint-request.ts";
import type { CompletedCheckpoint, StoredCheckpoint } from "./completed-checkpoint.ts";

export type CheckpointInput =
  /** The job and all its tasks run (CP-02). */
  | { readonly kind: "activate" }
  /** They do not any more (CP-03). */
  | { readonly kind: "deactivate" }
  /** All sources have emitted all their data; repeats are ignored. */
  | { readonly kind: "end-of-data" }
  /** Nothing happens in the job any more: a checkpoint is due for what has happened since the last one. */
  | { readonly kind: "idle" }
  /** Somebody asks for a checkpoint or a savepoint; answered by a `request-settled` effect. */
  | { readonly kind: "request"; readonly request: AwaitedRequest }
  /** Time has passed: at the time `nextWakeMillis` said, or at any other. */
  | { readonly kind: "tick" }
  | {
      readonly kind: "acknowledged";
      readonly checkpointId: number;
      readonly acknowledgements: readonly AcknowledgeCheckpoint[];
    }
  | { readonly kind: "declined"; readonly decline: DeclineCheckpoint }
  | { readonly kind: "trigger-failed"; readonly checkpointId: number; readonly detail: string }
  | {
      readonly kind: "metadata-written";
      readonly checkpointId: number;
      readonly pointer: string;
      readonly etag: string;
    }
  | { readonly kind: "metadata-failed"; readonly checkpointId: number; readonly detail: string }
  /** Attempts ended; a checkpoint that still waits for one of them cannot become complete. */
  | { readonly kind: "tasks-ended"; readonly attemptIds: readonly ExecutionAttemptID[] }
  /** The job starts again from the latest completed checkpoint, if there is one. */
  | { readonly kind: "restore" };

/** What the coordinator decided, as plain data: its state and the statistics are folds of these. */
export type CheckpointEvent =
  | { readonly kind: "activated" }
  | { readonly kind: "deactivated" }
  | { readonly kind: "end-of-data-reached" }
  | { readonly kind: "trigger-scheduled"; readonly atMillis: number | undefined }
  | { readonly kind: "request-queued"; readonly request: CheckpointRequest }
  | { readonly kind: "request-taken"; readonly request: CheckpointRequest }
  /** Nothing is begun by itself, while the job is about to end with a savepoint (SVP-05). */
  | { readonly kind: "scheduling-paused" }
  | { readonly kind: "scheduling-resumed" }
  /** Ids up to and including `upTo` are this JobMaster's; a later life begins above. */
  | { readonly kind: "ids-reserved"; readonly upTo: number }
  | {
      readonly kind: "trigger-refused";
      readonly request: CheckpointRequest;
      readonly reason: CheckpointFailureReason;
      readonly nowMillis: number;
    }
  | {
      readonly kind: "triggered";
      readonly checkpointId: number;
      readonly request: CheckpointRequest;
      readonly plan: CheckpointPlan;
      readonly nowMillis: number;
    }
  | {
      readonly kind: "acknowledged";
      readonly checkpointId: number;
      readonly acknowledgement: AcknowledgeCheckpoint;
      readonly nowMillis: number;
    }
  /** Fully acknowledged: the metadata of `checkpoint` is being written. */
  | { readonly kind: "finalizing"; readonly checkpoint: CompletedCheckpoint }
  | {
      readonly kind: "completed";
      readonly checkpoint: StoredCheckpoint;
      /** Completed checkpoints that are retained no longer. */
      readonly dropped: readonly number[];
      readonly nowMillis: number;
    }
  /** It stands by itself: not retained, and no job's recovery starts from it (SVP-03). */
  | { readonly kind: "savepoint-completed"; readonly checkpoint: StoredCheckpoint; readonly nowMillis: number }
  | {
      readonly kind: "aborted";
      readonly checkpointId: number;
      /** Whether it counts against the tolerable failures (CP-23, CP-24). */
      readonly counted: boolean;
      readonly reason: CheckpointFailureReason;
      readonly message: string;
      readonly nowMillis: number;
    }
  /** More failures in a row than the job tolerates; counted anew from here. */
  | { readonly kind: "failures-exceeded" }
  | { readonly kind: "restored"; readonly checkpoint: StoredCheckpoint; readonly nowMillis: number };

export type CheckpointEffect =
  | {
      readonly kind: "trigger-tasks";
      readonly checkpointId: number;
      readonly timestampMillis: number;
      readonly options: CheckpointOptions;
      readonly attemptIds: readonly ExecutionAttemptID[];
    }
  /** Into `directory` for a savepoint, with copies of the objects that lie elsewhere. */
  | { readonly kind: "write-metadata"; readonly checkpoint: CompletedCheckpoint; readonly directory?: string }
  /** Best effort (CP-19). */
  | { readonly kind: "notify-complete"; readonly checkpointId: number; readonly timestampMillis: number }
  | { readonly kind: "notify-aborted"; readonly checkpointId: number; readonly latestCompletedId: number }
  | { readonly kind: "request-settled"; readonly request: AwaitedRequest; readonly outcome: RequestOutcome }
  | { readonly kind: "discard"; readonly stateKeys: readonly string[]; readonly pointers: readonly string[] }
  | { readonly kind: "fail-job"; readonly failure: SerializedThrowable };

/** How a request ended. */
export type RequestOutcome =
  | { readonly kind: "completed"; readonly checkpoint: StoredCheckpoint }
  | { readonly kind: "failed"; readonly failure: SerializedThrowable };

export interface CheckpointDecision {
  readonly events: readonly CheckpointEvent[];
  readonly effects: readonly CheckpointEffect[];
}

export const NOTHING: CheckpointDecision = { events: [], effects: [] };

/** What a decision may use beside the state. */
export interface CheckpointEnvironment {
  readonly nowMillis: number;
  readonly random: Random;
  readonly plan: () => CheckpointPlanResult;
  /** Whether the attempt is INITIALIZING or RUNNING. */
  readonly isRunning: (attemptId: ExecutionAttemptID) => boolean;
}
