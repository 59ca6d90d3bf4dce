import type { SerializedThrowable } from "./serialized-throwable.ts";

/** A checkpoint or savepoint that somebody asks for, or the end of a job with one. */
export type SnapshotOperation =
  | { readonly kind: "checkpoint" }
  | {
      readonly kind: "savepoint";
      /** Where its own directory is created, `savepoints/<path>` or `<path>`. */
      readonly targetDirectory: string;
      readonly afterwards: "go-on" | "cancel" | "suspend" | "drain";
    };

/** How an operation stands. The caller names it by a trigger id; the same id again is the same operation (SVP-10). */
export type SnapshotOperationStatus =
  | { readonly kind: "in-progress" }
  | {
      readonly kind: "completed";
      readonly checkpointId: number;
      /** As users name it: `savepoints/<path>` or `jobs/<job id>/chk-<n>`. */
      readonly location: string;
      readonly endedMillis: number;
    }
  | { readonly kind: "failed"; readonly failure: SerializedThrowable; readonly endedMillis: number };

/** How the deletion of a savepoint stands. */
export type SavepointDisposalStatus =
  | { readonly kind: "in-progress" }
  | { readonly kind: "completed"; readonly endedMillis: number }
  | { readonly kind: "failed"; readonly failure: SerializedThrowable; readonly endedMillis: number };

/** An operation of a job, as the job leaves it behind at its end. */
export interface SnapshotOperationInfo {
  readonly triggerId: string;
  readonly status: SnapshotOperationStatus;
}

/** How long the outcome of an operation can be asked for (`rest.async.store-duration`); it expires when it is read. */
export const OPERATION_RETENTION_MILLIS = 300_000;

export function isExpired(status: SnapshotOperationStatus | SavepointDisposalStatus, nowMillis: number): boolean {
  return status.kind !== "in-progress" && nowMillis - status.endedMillis >= OPERATION_RETENTION_MILLIS;
}
