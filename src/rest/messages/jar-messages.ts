import * as z from "zod";
import { defineHeaders, EmptyResponseBody } from "./define-headers.ts";
import { JobPlanInfo } from "./job-plan-info.ts";
import {
  BooleanField,
  BooleanParameter,
  enumField,
  FreeTextParameter,
  integerField,
  JobIdField,
  PARALLELISM_LIMIT,
  ParallelismParameter,
  TextField,
  TextListField,
  TextMapField,
  TextParameter,
} from "./parameters.ts";
import { HexId, Timestamp } from "./states.ts";

/** Largest job module. */
export const MODULE_SIZE_LIMIT_BYTES = 10 * 1024 * 1024;

export const JarListInfo = z.object({
  address: z.string(),
  files: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      uploaded: Timestamp,
      entry: z.array(z.object({ name: z.string(), description: z.string().nullable() })),
    }),
  ),
});

export const JarListHeaders = defineHeaders({
  name: "JarListHeaders",
  method: "GET",
  url: "/jars",
  description: "Uploaded job modules, newest first.",
  scope: "read",
  response: JarListInfo,
});

export const JarUploadHeaders = defineHeaders({
  name: "JarUploadHeaders",
  method: "POST",
  url: "/jars/upload",
  description:
    "Uploads a job module (.js, .mjs; at most 10 MiB): multipart with exactly one file, or the bare text with `?filename=`. " +
    "The module is loaded once; its faults are 400.",
  scope: "submit",
  requestKind: "file",
  query: { filename: TextParameter },
  response: z.object({ filename: z.string(), status: z.literal("success") }),
});

const JAR_PATH = { jarid: FreeTextParameter };

export const JarDeleteHeaders = defineHeaders({
  name: "JarDeleteHeaders",
  method: "DELETE",
  url: "/jars/:jarid",
  description: "Removes an uploaded module from the list. Jobs that run it keep it.",
  scope: "submit",
  path: JAR_PATH,
  response: EmptyResponseBody,
});

const JarPlanRequestBody = z.object({
  entryClass: TextField,
  programArgsList: TextListField,
  programArgs: TextField,
  parallelism: integerField(1, PARALLELISM_LIMIT),
  jobId: JobIdField,
  flinkConfiguration: TextMapField,
});

const JAR_PLAN_QUERY = {
  programArg: TextParameter,
  "program-args": TextParameter,
  "entry-class": TextParameter,
  parallelism: ParallelismParameter,
  strict: BooleanParameter,
};

const JAR_PLAN = {
  url: "/jars/:jarid/plan",
  scope: "submit",
  path: JAR_PATH,
  query: JAR_PLAN_QUERY,
  requestName: "JarPlanRequestBody",
  request: JarPlanRequestBody,
  response: JobPlanInfo,
} as const;

export const JarPlanGetHeaders = defineHeaders({
  ...JAR_PLAN,
  name: "JarPlanGetHeaders",
  method: "GET",
  description: "The plan of the job that a module defines, without running it.",
});

export const JarPlanPostHeaders = defineHeaders({
  ...JAR_PLAN,
  name: "JarPlanPostHeaders",
  method: "POST",
  description: "The same with the parameters in the body, which wins over the query.",
});

/** The same list as the control plane's (a test compares them). */
export const RECOVERY_CLAIM_MODES = ["CLAIM", "NO_CLAIM", "LEGACY"] as const;
export type RecoveryClaimModeInfo = (typeof RECOVERY_CLAIM_MODES)[number];

export const JarRunRequestBody = JarPlanRequestBody.extend({
  allowNonRestoredState: BooleanField,
  savepointPath: TextField,
  restoreMode: enumField(RECOVERY_CLAIM_MODES),
  claimMode: enumField(RECOVERY_CLAIM_MODES),
});

export const JarRunHeaders = defineHeaders({
  name: "JarRunHeaders",
  method: "POST",
  url: "/jars/:jarid/run",
  description:
    "Runs a module. Body fields win over query parameters. The header Idempotency-Key names the submission: the same key and " +
    "request is the same job, the same key with another request is 409. `strict` turns warnings about the graph into faults.",
  scope: "submit",
  path: JAR_PATH,
  query: { ...JAR_PLAN_QUERY, allowNonRestoredState: BooleanParameter, savepointPath: TextParameter },
  requestName: "JarRunRequestBody",
  request: JarRunRequestBody,
  response: z.object({ jobid: HexId, applicationId: HexId }),
});
