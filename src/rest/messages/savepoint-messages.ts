import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import {
  BooleanField,
  enumField,
  JobIdParameter,
  TextField,
  TriggerIdField,
  TriggerIdParameter,
} from "./parameters.ts";
import { HexId } from "./states.ts";

/** Names the operation; its outcome is asked for under it. */
export const TriggerResponse = z.object({ "request-id": HexId });

/** What Flink's client reads of a failure is the last field alone. */
export const FailureCause = z.object({
  class: z.string(),
  "stack-trace": z.string(),
  "serialized-throwable": z.string(),
});

/** An asynchronous operation: COMPLETED also for one that failed, which `operation` then says. */
export function asynchronousOperationResult<Operation extends z.ZodType>(operation: Operation) {
  return z.object({
    status: z.object({ id: z.enum(["IN_PROGRESS", "COMPLETED"]) }),
    operation: operation.nullable(),
  });
}

export const SavepointInfo = z.object({ location: z.string().optional(), "failure-cause": FailureCause.optional() });

/** There is one format, whatever it is called. */
const SavepointFormatField = enumField(["CANONICAL", "NATIVE"]);

const JOB_PATH = { jobid: JobIdParameter };

export const SavepointTriggerHeaders = defineHeaders({
  name: "SavepointTriggerHeaders",
  method: "POST",
  url: "/jobs/:jobid/savepoints",
  status: 202,
  description:
    "Takes a savepoint, and cancels the job then if `cancel-job`. The same `triggerId` again is the same operation. The savepoint " +
    "gets a directory of its own in `target-directory`.",
  scope: "submit",
  path: JOB_PATH,
  requestName: "SavepointTriggerRequestBody",
  request: z.object({
    "target-directory": TextField,
    "cancel-job": BooleanField,
    triggerId: TriggerIdField,
    formatType: SavepointFormatField,
  }),
  response: TriggerResponse,
});

export const StopWithSavepointHeaders = defineHeaders({
  name: "StopWithSavepointTriggerHeaders",
  method: "POST",
  url: "/jobs/:jobid/stop",
  status: 202,
  description:
    "Ends the job with a savepoint; `drain` ends its input first, so that all timers fire. Its outcome is that of a savepoint.",
  scope: "submit",
  path: JOB_PATH,
  requestName: "StopWithSavepointRequestBody",
  request: z.object({
    targetDirectory: TextField,
    drain: BooleanField,
    triggerId: TriggerIdField,
    formatType: SavepointFormatField,
  }),
  response: TriggerResponse,
});

export const SavepointStatusHeaders = defineHeaders({
  name: "SavepointStatusHeaders",
  method: "GET",
  url: "/jobs/:jobid/savepoints/:triggerid",
  description: "How a savepoint, or a stop with one, stands. Kept for five minutes after its end.",
  scope: "read",
  path: { ...JOB_PATH, triggerid: TriggerIdParameter },
  response: asynchronousOperationResult(SavepointInfo),
});

export const SavepointDisposalTriggerHeaders = defineHeaders({
  name: "SavepointDisposalTriggerHeaders",
  method: "POST",
  url: "/savepoint-disposal",
  description: "Deletes a savepoint with everything in its directory.",
  scope: "submit",
  requestName: "SavepointDisposalRequest",
  request: z.object({ "savepoint-path": TextField }),
  response: TriggerResponse,
});

export const SavepointDisposalStatusHeaders = defineHeaders({
  name: "SavepointDisposalStatusHeaders",
  method: "GET",
  url: "/savepoint-disposal/:triggerid",
  description: "How the deletion of a savepoint stands. Kept for five minutes after its end.",
  scope: "read",
  path: { triggerid: TriggerIdParameter },
  response: asynchronousOperationResult(z.object({ "failure-cause": FailureCause.optional() })),
});
