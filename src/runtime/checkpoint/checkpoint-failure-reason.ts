import { SluiceException } from "../../common/exceptions.ts";
import type { TaskCheckpointFailureReason } from "../messages/checkpoint-messages.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";

/** Why a checkpoint did not come to be (Flink `CheckpointFailureReason`). */
export type CheckpointFailureReason =
  | TaskCheckpointFailureReason
  | "CHECKPOINT_COORDINATOR_SUSPEND"
  | "CHECKPOINT_EXPIRED"
  | "CHECKPOINT_SUBSUMED"
  | "FINALIZE_CHECKPOINT_FAILURE"
  | "MINIMUM_TIME_BETWEEN_CHECKPOINTS"
  | "NOT_ALL_REQUIRED_TASKS_RUNNING"
  | "TOO_MANY_CHECKPOINT_REQUESTS"
  | "TRIGGER_CHECKPOINT_FAILURE";

const DESCRIPTIONS: Readonly<Record<CheckpointFailureReason, string>> = {
  CHECKPOINT_DECLINED: "a task declined the checkpoint",
  CHECKPOINT_DECLINED_TASK_NOT_READY: "a task was not ready for the checkpoint",
  CHECKPOINT_DECLINED_TASK_CLOSING: "a task ended before it reached the checkpoint",
  CHECKPOINT_ASYNC_EXCEPTION: "a task could not write its state",
  TASK_CHECKPOINT_FAILURE: "a task could not begin the checkpoint",
  CHECKPOINT_COORDINATOR_SUSPEND: "the job stopped running",
  CHECKPOINT_EXPIRED: "the checkpoint was not complete within its timeout",
  CHECKPOINT_SUBSUMED: "a later checkpoint was completed first",
  FINALIZE_CHECKPOINT_FAILURE: "the checkpoint's metadata could not be stored",
  MINIMUM_TIME_BETWEEN_CHECKPOINTS: "the pause between two checkpoints has not passed",
  NOT_ALL_REQUIRED_TASKS_RUNNING: "not all tasks are running",
  TOO_MANY_CHECKPOINT_REQUESTS: "too many requests for checkpoints are waiting",
  TRIGGER_CHECKPOINT_FAILURE: "the checkpoint could not be triggered",
};

/** Reasons that count against the tolerable failures (contract CP-23). */
const COUNTED: ReadonlySet<CheckpointFailureReason> = new Set([
  "CHECKPOINT_DECLINED",
  "CHECKPOINT_ASYNC_EXCEPTION",
  "CHECKPOINT_EXPIRED",
  "FINALIZE_CHECKPOINT_FAILURE",
]);

export function isCountedFailure(reason: CheckpointFailureReason): boolean {
  return COUNTED.has(reason);
}

/** What someone is told who asked for the checkpoint. */
export function requestFailure(reason: CheckpointFailureReason, message: string): SerializedThrowable {
  return serializeThrowable(new SluiceException("CHECKPOINT", `${reason}: ${message}`));
}

/** The reason in words, with what the task said if it said something. */
export function describeFailure(reason: CheckpointFailureReason, detail: string | undefined): string {
  return detail === undefined || detail === "" ? DESCRIPTIONS[reason] : `${DESCRIPTIONS[reason]}: ${detail}`;
}
