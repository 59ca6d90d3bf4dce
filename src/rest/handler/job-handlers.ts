import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { JobDetails } from "../../runtime/messages/execution-graph-info.ts";
import { JobDetailsHeaders } from "../messages/job-details-messages.ts";
import {
  JobCancellationHeaders,
  JobConfigHeaders,
  JobExceptionsHeaders,
  JobExecutionResultHeaders,
  JobIdsWithStatusesOverviewHeaders,
  JobPlanHeaders,
  JobsOverviewHeaders,
  JobStatusInfoHeaders,
  YarnCancelJobHeaders,
} from "../messages/job-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { failureCause } from "../view/failure-cause.ts";
import { describeRestartStrategy, maskSecrets } from "../view/job-config.ts";
import { jobDetailsInfo } from "../view/job-details-info.ts";
import { jobExceptions } from "../view/job-exceptions.ts";
import { jobPlan } from "../view/job-plan.ts";
import { queryJob, requestJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

/** Flink `JobExceptionsHandler`. */
const DEFAULT_MAX_EXCEPTIONS = 20;

export const JOB_ROUTES: readonly RestRoute[] = [
  route(JobIdsWithStatusesOverviewHeaders, async ({ services }) => {
    const jobs = await services.dispatcher.requestMultipleJobDetails();
    return { jobs: jobs.map(({ jobId, status }) => ({ id: jobId, status })) };
  }),

  route(JobsOverviewHeaders, async ({ services }) => {
    const jobs = await services.dispatcher.requestMultipleJobDetails();
    const now = services.clock.now();
    return {
      jobs: jobs
        .toSorted((left, right) => right.startTimeMillis - left.startTimeMillis || (left.jobId < right.jobId ? -1 : 1))
        .map((job) => overviewEntry(job, now)),
    };
  }),

  route(JobDetailsHeaders, async ({ path, services }) =>
    jobDetailsInfo(await requestJob(services, path.jobid), services.clock.now()),
  ),

  route(JobStatusInfoHeaders, async ({ path, services }) => ({
    status: await queryJob(path.jobid, (jobId) => services.dispatcher.requestJobStatus(jobId)),
  })),

  route(JobPlanHeaders, async ({ path, services }) => ({ plan: jobPlan(await requestJob(services, path.jobid)) })),

  route(JobConfigHeaders, async ({ path, services }) => {
    const { jobId, name, configuration } = await requestJob(services, path.jobid);
    return {
      jid: jobId,
      name,
      "execution-config": {
        "restart-strategy": describeRestartStrategy(configuration.restartStrategy),
        "job-parallelism": configuration.parallelism,
        "object-reuse-mode": false,
        "user-config": maskSecrets(configuration.userConfiguration),
        "execution-mode": "PIPELINED",
      },
    };
  }),

  route(JobExceptionsHeaders, async ({ path, query, services }) =>
    jobExceptions(await requestJob(services, path.jobid), {
      maxExceptions: query.maxExceptions ?? DEFAULT_MAX_EXCEPTIONS,
      labels: parseLabels(query.failureLabelFilter ?? ""),
    }),
  ),

  route(JobExecutionResultHeaders, async ({ path, services }) => {
    const result = await queryJob(path.jobid, (jobId) => services.dispatcher.requestJobResult(jobId));
    if (result === undefined) return { status: { id: "IN_PROGRESS" as const } };
    return {
      status: { id: "COMPLETED" as const },
      "job-execution-result": {
        id: result.jobId,
        name: result.name,
        "application-status": result.applicationStatus,
        "accumulator-results": {},
        "net-runtime": Math.max(0, result.netRuntimeMillis),
        "start-time": result.startTimeMillis,
        "end-time": result.endTimeMillis,
        "application-id": result.jobId,
        ...(result.failure === undefined ? {} : { "failure-cause": failureCause(result.failure) }),
      },
    };
  }),

  route(JobCancellationHeaders, async ({ path, query, services }) => {
    if (query.mode === "stop") {
      throw new RestHandlerException(
        308,
        `The termination mode "stop" has been removed. Please use '/jobs/${path.jobid}/stop' instead.`,
      );
    }
    await cancelJob(services, path.jobid);
    return {};
  }),

  route(YarnCancelJobHeaders, async ({ path, services }) => {
    await cancelJob(services, path.jobid);
    return {};
  }),
];

/** Contract: rest-v1 6.1, the rows of cancel. */
async function cancelJob(services: ClusterServices, jobId: JobID): Promise<void> {
  try {
    await services.dispatcher.cancelJob(jobId);
  } catch (error) {
    if (SluiceException.is(error, "JOB_NOT_FOUND")) {
      throw new RestHandlerException(404, "Job could not be found.", { cause: error });
    }
    if (SluiceException.is(error, "TIMEOUT")) {
      throw new RestHandlerException(408, "Job cancellation timed out.", { cause: error });
    }
    if (!SluiceException.is(error, "TERMINATED_WITHOUT_CANCELLATION")) throw error;
    const status = await services.dispatcher.requestJobStatus(jobId);
    throw new RestHandlerException(
      409,
      `Job cancellation failed because the job has already reached another terminal state (${status}).`,
      { cause: error },
    );
  }
}

function overviewEntry(job: JobDetails, now: number) {
  const tasks = Object.entries(job.tasksPerState).map(([state, count]) => [state.toLowerCase(), count] as const);
  return {
    jid: job.jobId,
    name: job.name,
    jobType: job.jobType,
    schedulerType: "Default" as const,
    "start-time": job.startTimeMillis,
    "end-time": job.endTimeMillis,
    duration: Math.max(0, (job.endTimeMillis > 0 ? job.endTimeMillis : now) - job.startTimeMillis),
    state: job.status,
    "last-modification": job.lastModificationMillis,
    tasks: { total: tasks.reduce((total, [, count]) => total + count, 0), ...Object.fromEntries(tasks) },
    "pending-operators": 0,
  };
}

/** `key:value,key:value`. */
function parseLabels(filter: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const label of filter.split(",").filter((part) => part !== "")) {
    const colon = label.indexOf(":");
    if (colon <= 0 || colon === label.length - 1) {
      throw new RestHandlerException(
        400,
        `Bad request, could not parse parameters: Cannot resolve query parameter (failureLabelFilter) from value "${filter}". Expected key:value pairs separated by commas.`,
      );
    }
    labels.set(label.slice(0, colon), label.slice(colon + 1));
  }
  return labels;
}
