import { SluiceException } from "../../common/exceptions.ts";
import { SnapshotLocation } from "../../runtime/checkpoint/snapshot-location.ts";
import {
  SavepointDisposalStatusHeaders,
  SavepointDisposalTriggerHeaders,
  SavepointStatusHeaders,
  SavepointTriggerHeaders,
  StopWithSavepointHeaders,
} from "../messages/savepoint-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { failureCause } from "../view/failure-cause.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

const IN_PROGRESS = { status: { id: "IN_PROGRESS" as const }, operation: null };
const COMPLETED = { id: "COMPLETED" as const };

export const SAVEPOINT_ROUTES: readonly RestRoute[] = [
  route(SavepointTriggerHeaders, async ({ path, body, services }) => {
    const triggerId = body.triggerId ?? services.ids.hex();
    const targetDirectory = targetDirectoryOf(services, "target-directory", body["target-directory"]);
    const cancelJob = body["cancel-job"] ?? false;
    await services.dispatcher.triggerSavepoint(path.jobid, triggerId, { targetDirectory, cancelJob });
    return { "request-id": triggerId };
  }),

  route(StopWithSavepointHeaders, async ({ path, body, services }) => {
    const triggerId = body.triggerId ?? services.ids.hex();
    const targetDirectory = targetDirectoryOf(services, "targetDirectory", body.targetDirectory);
    const drain = body.drain ?? false;
    await services.dispatcher.stopWithSavepoint(path.jobid, triggerId, { targetDirectory, drain });
    return { "request-id": triggerId };
  }),

  route(SavepointStatusHeaders, async ({ path, services }) => {
    const status = await services.dispatcher.getTriggeredSavepointStatus(path.jobid, path.triggerid);
    if (status === undefined) {
      throw new RestHandlerException(
        404,
        `There is no savepoint operation with triggerId=${path.triggerid} for job ${path.jobid}.`,
      );
    }
    if (status.kind === "in-progress") return IN_PROGRESS;
    return {
      status: COMPLETED,
      operation:
        status.kind === "completed" ? { location: status.location } : { "failure-cause": failureCause(status.failure) },
    };
  }),

  route(SavepointDisposalTriggerHeaders, async ({ body, services }) => {
    const savepointPath = body["savepoint-path"];
    if (savepointPath === undefined)
      throw new RestHandlerException(400, "savepoint-path: expected a text, got nothing");
    namingField("savepoint-path", () => SnapshotLocation.parse(savepointPath));
    const triggerId = services.ids.hex();
    await services.dispatcher.disposeSavepoint(triggerId, savepointPath);
    return { "request-id": triggerId };
  }),

  route(SavepointDisposalStatusHeaders, async ({ path, services }) => {
    const status = await services.dispatcher.getSavepointDisposalStatus(path.triggerid);
    if (status === undefined) throw new RestHandlerException(404, `Operation not found under key: ${path.triggerid}`);
    if (status.kind === "in-progress") return IN_PROGRESS;
    return {
      status: COMPLETED,
      operation: status.kind === "completed" ? {} : { "failure-cause": failureCause(status.failure) },
    };
  }),
];

/** @throws RestHandlerException 400 in Flink's words if there is none (contract: rest-v1 6.1). */
function targetDirectoryOf(services: ClusterServices, field: string, directory: string | undefined): string {
  const target = directory ?? services.savepointDirectory;
  if (target === undefined) {
    throw new RestHandlerException(
      400,
      `Config key [execution.checkpointing.savepoint-dir] is not set. Property [${field}] must be provided.`,
    );
  }
  namingField(field, () => SnapshotLocation.newSavepoint(target, "savepoint"));
  return target;
}

/** Runs a check of a field. @throws RestHandlerException 400 naming the field. */
export function namingField<T>(field: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!SluiceException.is(error, "INVALID_ARGUMENT")) throw error;
    throw new RestHandlerException(400, `${field}: ${error.message}`, { cause: error });
  }
}
