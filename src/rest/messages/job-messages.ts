import * as z from "zod";
import { defineHeaders, EmptyResponseBody } from "./define-headers.ts";
import { JobPlanInfo } from "./job-plan-info.ts";
import { JobIdParameter, MaxExceptionsParameter, TextParameter } from "./parameters.ts";
import { Count, HexId, JobStatusInfo, JobTypeInfo, SchedulerTypeInfo, Timestamp } from "./states.ts";

const JOB_PATH = { jobid: JobIdParameter };

export const JobIdsWithStatusesOverviewHeaders = defineHeaders({
  name: "JobIdsWithStatusesOverviewHeaders",
  method: "GET",
  url: "/jobs",
  description: "Ids and states of all jobs.",
  scope: "read",
  response: z.object({ jobs: z.array(z.object({ id: HexId, status: JobStatusInfo })) }),
});

/** Short form of a job; `end-time` is -1 while it runs. Keys of `tasks`: `total` and the states in lower case. */
export const JobDetails = z.object({
  jid: HexId,
  name: z.string(),
  jobType: JobTypeInfo,
  schedulerType: SchedulerTypeInfo,
  "start-time": Timestamp,
  "end-time": Timestamp,
  duration: z.int(),
  state: JobStatusInfo,
  "last-modification": Timestamp,
  tasks: z.record(z.string(), Count),
  "pending-operators": Count,
});

export const JobsOverviewHeaders = defineHeaders({
  name: "JobsOverviewHeaders",
  method: "GET",
  url: "/jobs/overview",
  description: "All jobs, running and ended, youngest first.",
  scope: "read",
  response: z.object({ jobs: z.array(JobDetails) }),
});

export const JobStatusInfoHeaders = defineHeaders({
  name: "JobStatusInfoHeaders",
  method: "GET",
  url: "/jobs/:jobid/status",
  description: "State of a job.",
  scope: "read",
  path: JOB_PATH,
  response: z.object({ status: JobStatusInfo }),
});

export const JobPlanHeaders = defineHeaders({
  name: "JobPlanHeaders",
  method: "GET",
  url: "/jobs/:jobid/plan",
  description: "Dataflow plan of a job.",
  scope: "read",
  path: JOB_PATH,
  response: JobPlanInfo,
});

const JobConfigInfo = z.object({
  jid: HexId,
  name: z.string(),
  "execution-config": z.object({
    "restart-strategy": z.string(),
    "job-parallelism": z.int(),
    "object-reuse-mode": z.boolean(),
    "user-config": z.record(z.string(), z.string()),
    "execution-mode": z.string(),
  }),
});

export const JobConfigHeaders = defineHeaders({
  name: "JobConfigHeaders",
  method: "GET",
  url: "/jobs/:jobid/config",
  description: "Configuration of a job; values of keys that look like secrets are masked.",
  scope: "read",
  path: JOB_PATH,
  response: JobConfigInfo,
});

const ExceptionInfo = z.object({
  exceptionName: z.string(),
  stacktrace: z.string(),
  timestamp: Timestamp,
  failureLabels: z.record(z.string(), z.string()),
  /** Task, endpoint and task manager are null for a global failure. */
  taskName: z.string().nullable(),
  endpoint: z.string().nullable(),
  location: z.string().nullable(),
  taskManagerId: z.string().nullable(),
});
const RootExceptionInfo = ExceptionInfo.extend({ concurrentExceptions: z.array(ExceptionInfo) });

/** The fields beside `exceptionHistory` are the ones that 1.20 reads. */
export const JobExceptionsInfoWithHistory = z.object({
  "root-exception": z.string().nullable(),
  timestamp: Timestamp.nullable(),
  "all-exceptions": z.array(
    z.object({
      exception: z.string(),
      task: z.string(),
      location: z.string(),
      endpoint: z.string(),
      timestamp: Timestamp,
      taskManagerId: z.string(),
    }),
  ),
  truncated: z.boolean(),
  exceptionHistory: z.object({ entries: z.array(RootExceptionInfo), truncated: z.boolean() }),
});

export const JobExceptionsHeaders = defineHeaders({
  name: "JobExceptionsHeaders",
  method: "GET",
  url: "/jobs/:jobid/exceptions",
  description:
    "Failures of a job, newest first; `maxExceptions` bounds them (default 20), `failureLabelFilter` (comma list of key:value) " +
    "keeps entries that carry all the labels.",
  scope: "read",
  path: JOB_PATH,
  query: { maxExceptions: MaxExceptionsParameter, failureLabelFilter: TextParameter },
  response: JobExceptionsInfoWithHistory,
});

/** Only flat values beside `accumulator-results`: the Java client's parser does not skip nested ones. */
const JobResult = z.object({
  id: HexId,
  name: z.string(),
  "application-status": z.enum(["SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"]),
  "accumulator-results": z.record(z.string(), z.never()),
  "net-runtime": z.int().min(0),
  "start-time": Timestamp,
  "end-time": Timestamp,
  "application-id": HexId,
  "failure-cause": z
    .object({ class: z.string(), "stack-trace": z.string(), "serialized-throwable": z.string() })
    .optional(),
});

export const JobExecutionResultHeaders = defineHeaders({
  name: "JobExecutionResultHeaders",
  method: "GET",
  url: "/jobs/:jobid/execution-result",
  description: "How a job ended; IN_PROGRESS without a result until it has.",
  scope: "read",
  path: JOB_PATH,
  response: z.object({
    status: z.object({ id: z.enum(["IN_PROGRESS", "COMPLETED"]) }),
    "job-execution-result": JobResult.optional(),
  }),
});

/** `mode=stop` is a value of its own: it is refused with 308, anything unknown with 400. */
export const TerminationModeParameter = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(["cancel", "stop"], "expected cancel or stop"))
  .optional();

export const JobCancellationHeaders = defineHeaders({
  name: "JobCancellationHeaders",
  method: "PATCH",
  url: "/jobs/:jobid",
  status: 202,
  description: "Cancels a job. Canceling a CANCELED job succeeds again; a job that ended otherwise is 409.",
  scope: "submit",
  path: JOB_PATH,
  query: { mode: TerminationModeParameter },
  response: EmptyResponseBody,
});

export const YarnCancelJobHeaders = defineHeaders({
  name: "YarnCancelJobHeaders",
  method: "GET",
  url: "/jobs/:jobid/yarn-cancel",
  status: 202,
  description: "The same as PATCH, for the dashboard, which cancels by GET.",
  scope: "submit",
  path: JOB_PATH,
  response: EmptyResponseBody,
});
