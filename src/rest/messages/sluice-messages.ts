import * as z from "zod";
import { defineHeaders, EmptyResponseBody } from "./define-headers.ts";
import { BooleanParameter, JobIdParameter, SequenceParameter, TextParameter } from "./parameters.ts";
import { Count, ExecutionStateInfo, HexId, JobStatusInfo, Timestamp } from "./states.ts";

/** Largest object that one request may put: it is held in memory once. */
export const OBJECT_SIZE_LIMIT_BYTES = 32 * 1024 * 1024;
const OBJECT_KEY_LIMIT_BYTES = 512;
const OBJECT_KEY_EXPECTED =
  "expected a key of 1 to 512 bytes of UTF-8, its parts separated by single slashes, no part empty, . or .., no control characters";

/**
 * Key of a user's object, as the source reads it. A slash separates parts and has no other meaning; it may be sent as it is
 * or percent-encoded.
 */
export const ObjectKeyParameter = z.string().refine(isObjectKey, OBJECT_KEY_EXPECTED);

function isObjectKey(key: string): boolean {
  return (
    key.isWellFormed() &&
    new TextEncoder().encode(key).byteLength <= OBJECT_KEY_LIMIT_BYTES &&
    // eslint-disable-next-line no-control-regex -- control characters are what is refused
    !/[\u0000-\u001f\u007f\\]/.test(key) &&
    key.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

const ObjectInfo = z.object({ key: z.string(), size: z.int(), etag: z.string(), uploaded: Timestamp });
const OBJECT_PATH = { key: ObjectKeyParameter };

export const ObjectPutHeaders = defineHeaders({
  name: "ObjectPutHeaders",
  method: "PUT",
  url: "/sluice/objects/:key*",
  description: "Stores the body as an object for jobs to read (at most 32 MiB); an object of that key is replaced.",
  scope: "submit",
  path: OBJECT_PATH,
  requestKind: "bytes",
  response: ObjectInfo,
});

export const ObjectGetHeaders = defineHeaders({
  name: "ObjectGetHeaders",
  method: "GET",
  url: "/sluice/objects/:key*",
  description: "The bytes of an object.",
  scope: "data",
  path: OBJECT_PATH,
  responseKind: "bytes",
  response: EmptyResponseBody,
});

export const ObjectDeleteHeaders = defineHeaders({
  name: "ObjectDeleteHeaders",
  method: "DELETE",
  url: "/sluice/objects/:key*",
  description: "Deletes an object; deleting one that is absent succeeds.",
  scope: "submit",
  path: OBJECT_PATH,
  response: EmptyResponseBody,
});

export const ObjectListHeaders = defineHeaders({
  name: "ObjectListHeaders",
  method: "GET",
  url: "/sluice/objects",
  description: "Objects whose key begins with `prefix`, in order of their keys.",
  scope: "data",
  query: { prefix: TextParameter },
  response: z.object({ objects: z.array(ObjectInfo) }),
});

/** Counters of the current attempt of one subtask. */
const TaskInfo = z.object({
  vertexId: HexId,
  vertex: z.string(),
  subtask: Count,
  attempt: Count,
  state: ExecutionStateInfo,
  taskExecutor: z.string().nullable(),
  recordsIn: Count,
  recordsOut: Count,
  bytesIn: Count,
  bytesOut: Count,
  remoteRecordsOut: Count,
  peakChannelBytes: Count,
  channelCreditBytes: Count,
  currentInputWatermark: z.number().nullable(),
  lateRecordsDropped: Count,
});

export const SluiceJobInfo = z.object({
  id: HexId,
  name: z.string(),
  state: JobStatusInfo,
  startTime: Timestamp,
  endTime: Timestamp,
  duration: z.int(),
  /** Nothing happens in the job: it sleeps until it has something to do, and is RUNNING all the same. */
  quiescent: z.boolean(),
  /** Restarts over all lives of the job, whatever caused them; those of the infrastructure are not charged to its budget. */
  restarts: Count,
  restoredCheckpointId: z.int().nullable(),
  /** Records that all sources together had read as of the checkpoint restored last. */
  restoredPosition: z.int().nullable(),
  /** Checkpoints completed. */
  checkpoints: Count,
  latestCheckpointId: z.int().nullable(),
  /** Records read by the sources, those before the restored checkpoint included. */
  recordsIn: Count,
  /** Records given to the sinks since the last start of the job. */
  recordsOut: Count,
  /** Records dropped since the last start of the job because their windows had fired. */
  lateRecordsDropped: Count,
  tasksRunning: Count,
  tasksTotal: Count,
  tasks: z.array(TaskInfo),
  /** Name and message of the failure that the job did not recover from. */
  failure: z.string().nullable(),
});
export type SluiceJobInfo = z.output<typeof SluiceJobInfo>;

export const SluiceJobHeaders = defineHeaders({
  name: "SluiceJobHeaders",
  method: "GET",
  url: "/sluice/jobs/:jobid",
  description: "A job at a glance: progress, recovery, counters per task.",
  scope: "read",
  path: { jobid: JobIdParameter },
  response: SluiceJobInfo,
});

/** The names that a collect sink may have. */
const SinkNameParameter = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-"')
  .optional();

export const JobResultsHeaders = defineHeaders({
  name: "JobResultsHeaders",
  method: "GET",
  url: "/sluice/jobs/:jobid/results",
  description:
    "Rows that the job's collect sinks committed, one JSON value per line. Follows until the job is terminal; with `follow=false` " +
    "ends with what is committed now. `sink` picks one sink by name.",
  scope: "data",
  path: { jobid: JobIdParameter },
  query: { follow: BooleanParameter, sink: SinkNameParameter },
  responseKind: "ndjson",
  response: EmptyResponseBody,
});

/** Largest body of one push. */
export const PUSH_SIZE_LIMIT_BYTES = 1024 * 1024;

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;
const NAME_EXPECTED = 'expected up to 64 letters, digits, ".", "_" and "-"';

export const PushRecordsHeaders = defineHeaders({
  name: "PushRecordsHeaders",
  method: "POST",
  url: "/sluice/jobs/:jobid/sources/:source/records",
  description:
    "Sends records to a source of a running job, one JSON value per line (at most 1 MiB); they are stored before the answer, and a " +
    "job that sleeps wakes. If a line is no record of the source, nothing of the request is stored. With `producer` and `sequence`, " +
    "which rises with every request of the producer, a repeated request is stored once.",
  scope: "submit",
  path: { jobid: JobIdParameter, source: z.string().regex(NAME, NAME_EXPECTED) },
  query: { producer: z.string().regex(NAME, NAME_EXPECTED).optional(), sequence: SequenceParameter },
  requestKind: "bytes",
  response: z.object({ records: Count, duplicate: z.boolean() }),
});
