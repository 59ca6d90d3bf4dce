import type { CheckpointOptions } from "../messages/checkpoint-messages.ts";

/** Why a snapshot is to be taken. */
export type CheckpointRequest =
  | { readonly kind: "periodic" }
  /** All sources are past their end of data: it commits the tail of a bounded job (CP-29). */
  | { readonly kind: "final" }
  /** Somebody asked for it; a checkpoint like any other. */
  | { readonly kind: "manual"; readonly requestId: string }
  | SavepointRequest;

export interface SavepointRequest {
  readonly kind: "savepoint";
  readonly requestId: string;
  /** Logical prefix of its objects, `savepoints/<path>/`. */
  readonly directory: string;
  /** What the job does when it is complete. Unless it goes on, no other checkpoint is begun until this one has failed. */
  readonly afterwards: "go-on" | "cancel" | "suspend" | "drain";
}

/** A request that somebody waits for. */
export type AwaitedRequest = Extract<CheckpointRequest, { readonly requestId: string }>;

/** Requests that wait for a place; more are refused (CP-05). */
export const MAX_QUEUED_REQUESTS = 1_000;

/** The first is served first: savepoints, then what is not periodic, each in order of arrival (CP-05). */
export function rankOf({ kind }: CheckpointRequest): number {
  if (kind === "savepoint") return 0;
  return kind === "periodic" ? 2 : 1;
}

export function isAwaited(request: CheckpointRequest): request is AwaitedRequest {
  return request.kind === "manual" || request.kind === "savepoint";
}

/** Whether the tasks end with it, so that all of them have to hear of its completion (SVP-05). */
export function stopsTasks(
  request: CheckpointRequest,
): request is SavepointRequest & { afterwards: "suspend" | "drain" } {
  return request.kind === "savepoint" && (request.afterwards === "suspend" || request.afterwards === "drain");
}

export function optionsOf(request: CheckpointRequest): CheckpointOptions {
  if (request.kind !== "savepoint") return { kind: "checkpoint" };
  const { directory } = request;
  return stopsTasks(request)
    ? { kind: "stop-with-savepoint", directory, drain: request.afterwards === "drain" }
    : { kind: "savepoint", directory };
}
