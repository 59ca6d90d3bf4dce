import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { brandId } from "../../../src/common/ids.ts";
import type { MessageHeaders } from "../../../src/rest/messages/message-headers.ts";
import {
  CheckpointConfigHeaders,
  CheckpointingStatisticsHeaders,
  CheckpointStatisticDetailsHeaders,
} from "../../../src/rest/messages/checkpoint-messages.ts";
import { ClusterOverviewHeaders, DashboardConfigurationHeaders } from "../../../src/rest/messages/cluster-messages.ts";
import {
  JobDetailsHeaders,
  JobVertexDetailsHeaders,
  JobVertexTaskManagersHeaders,
  SubtaskCurrentAttemptDetailsHeaders,
  SubtasksTimesHeaders,
} from "../../../src/rest/messages/job-details-messages.ts";
import {
  JobConfigHeaders,
  JobExceptionsHeaders,
  JobExecutionResultHeaders,
  JobIdsWithStatusesOverviewHeaders,
  JobPlanHeaders,
  JobsOverviewHeaders,
  JobStatusInfoHeaders,
} from "../../../src/rest/messages/job-messages.ts";
import { SluiceJobHeaders } from "../../../src/rest/messages/sluice-messages.ts";
import { TaskManagerDetailsHeaders, TaskManagersHeaders } from "../../../src/rest/messages/task-manager-messages.ts";
import type { ExceptionHistoryEntry } from "../../../src/runtime/messages/execution-graph-info.ts";
import type { SerializedThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { TaskManagerInfo } from "../../../src/runtime/messages/task-manager-info.ts";
import { execution, executionGraphInfo, JOB_ID, jobDetails, SINK_ID, SOURCE_ID, STARTED } from "../jobs.ts";
import {
  InMemoryCluster,
  NOW,
  restHarness,
  testingDispatcherGateway,
  testingResourceManagerGateway,
} from "../rest-harness.ts";
import type { RestHarness } from "../rest-harness.ts";

/** The answer, checked against what the headers promise: every field there, none of another type. */
async function get<H extends MessageHeaders>(
  harness: RestHarness,
  headers: H,
  path: string,
): Promise<z.output<H["response"]>> {
  const response = await harness.send(path);
  const body = await response.json();
  expect({ status: response.status, body }).toMatchObject({ status: headers.status });
  return headers.response.parse(body) as z.output<H["response"]>;
}

const harness = restHarness();
const job = `/v1/jobs/${JOB_ID}`;

function failure(message: string): SerializedThrowable {
  return { name: "Error", message, stack: `Error: ${message}\n    at job.ts:14` };
}

describe("cluster (contract: rest-v1 5.1, 5.2)", () => {
  it("config has what a dashboard needs to boot", async () => {
    const config = await get(harness, DashboardConfigurationHeaders, "/config");
    expect(config["refresh-interval"]).toBe(3000);
    expect(config.features).toEqual({
      "web-submit": true,
      "web-cancel": true,
      "web-rescale": false,
      "web-history": false,
    });
  });

  it("overview counts task managers, slots and jobs", async () => {
    expect(await get(harness, ClusterOverviewHeaders, "/overview")).toMatchObject({
      taskmanagers: 2,
      "slots-total": 4,
      "slots-available": 0,
      "jobs-running": 1,
      "jobs-finished": 2,
      "jobs-cancelled": 3,
      "jobs-failed": 4,
    });
  });
});

describe("lists of jobs (contract: rest-v1 5.3)", () => {
  it("ids with states", async () => {
    expect(await get(harness, JobIdsWithStatusesOverviewHeaders, "/jobs")).toEqual({
      jobs: [{ id: JOB_ID, status: "RUNNING" }],
    });
  });

  it("overview: tasks in lower case with their total, end -1 while it runs, positive duration (fact 48)", async () => {
    const [entry] = (await get(harness, JobsOverviewHeaders, "/jobs/overview")).jobs;
    expect(entry).toMatchObject({ jid: JOB_ID, "end-time": -1, duration: NOW - STARTED, "pending-operators": 0 });
    expect(entry?.tasks).toEqual({
      total: 8,
      created: 0,
      scheduled: 0,
      deploying: 0,
      initializing: 0,
      running: 8,
      finished: 0,
      canceling: 0,
      canceled: 0,
      failed: 0,
      reconciling: 0,
    });
  });

  it("overview: youngest first, then by id", async () => {
    const ids = ["1", "2", "3"].map((digit) => brandId<typeof JOB_ID>(digit.repeat(32)));
    const [first, second, third] = ids;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three ids");
    const sorted = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestMultipleJobDetails: async () => [
            jobDetails({ jobId: third, startTimeMillis: 5 }),
            jobDetails({ jobId: second, startTimeMillis: 5, endTimeMillis: 9, status: "FINISHED" }),
            jobDetails({ jobId: first, startTimeMillis: 7 }),
          ],
        }),
    });
    const { jobs } = await get(sorted, JobsOverviewHeaders, "/jobs/overview");
    expect(jobs.map(({ jid }) => jid)).toEqual([first, second, third]);
    expect(jobs[1]).toMatchObject({ "end-time": 9, duration: 4 });
  });
});

describe("one job (contract: rest-v1 5.4)", () => {
  it("details: plan and vertices joined by id, counters summed, all states there", async () => {
    const details = await get(harness, JobDetailsHeaders, job);
    expect(details).toMatchObject({
      jid: JOB_ID,
      "application-id": JOB_ID,
      state: "RUNNING",
      "start-time": STARTED,
      "end-time": -1,
      duration: NOW - STARTED,
      now: NOW,
      maxParallelism: 128,
    });
    expect(details.timestamps).toMatchObject({
      INITIALIZING: STARTED,
      RUNNING: STARTED + 2_000,
      FAILED: 0,
      SUSPENDED: 0,
    });
    expect(Object.keys(details.timestamps)).toHaveLength(11);
    expect(details.plan.jid).toBe(JOB_ID);
    expect(details.plan.nodes.map(({ id }) => id)).toEqual(details.vertices.map(({ id }) => id));
    expect(details.plan.nodes[0]).not.toHaveProperty("inputs");
    expect(details.plan.nodes[1]?.description).toBe("window -&gt; Sink: &lt;rows&gt;");
    expect(details["status-counts"]).toMatchObject({ RUNNING: 2, CREATED: 0 });
    expect(details.vertices[0]).toMatchObject({
      id: SOURCE_ID,
      status: "RUNNING",
      "start-time": STARTED + 2_000,
      "end-time": -1,
      tasks: { RUNNING: 4, CANCELING: 0 },
      metrics: {
        "read-records": 0,
        "write-records": 40,
        "write-bytes": 400,
        "read-records-complete": true,
        "accumulated-busy-time": 6,
      },
    });
  });

  it("details of a job that is only being initialized: no vertices, an empty plan", async () => {
    const young = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestJob: async (jobId) => executionGraphInfo(jobId, { status: "INITIALIZING", vertices: [] }),
        }),
    });
    const details = await get(young, JobDetailsHeaders, job);
    expect(details).toMatchObject({ state: "INITIALIZING", vertices: [], maxParallelism: -1, plan: { nodes: [] } });
  });

  it("status, plan and config; secrets are masked (facts 46, 47)", async () => {
    expect(await get(harness, JobStatusInfoHeaders, `${job}/status`)).toEqual({ status: "RUNNING" });
    expect((await get(harness, JobPlanHeaders, `${job}/plan`)).plan.nodes).toHaveLength(2);
    const response = await harness.send(`${job}/config`);
    const config = JobConfigHeaders.response.parse(await response.json());
    expect(config["execution-config"]).toEqual({
      "restart-strategy": "Restart with fixed delay (1000 ms). #3 restart attempts.",
      "job-parallelism": 4,
      "object-reuse-mode": false,
      "user-config": { region: "all", "api-key": "******" },
      "execution-mode": "PIPELINED",
    });
    expect(Object.keys(config)).toEqual(["jid", "name", "execution-config"]);
  });

  it.each([
    ["PATCH", job],
    ["PATCH", `${job}/?mode=cancel`],
    ["PATCH", `${job}?mode=CANCEL`],
    ["GET", `${job}/yarn-cancel`],
  ])("%s %s cancels: 202 and {} (facts 42, 43)", async (method, path) => {
    const canceled: string[] = [];
    const canceling = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          cancelJob: async (jobId) => {
            canceled.push(jobId);
            return "acknowledge";
          },
        }),
    });
    const response = await canceling.send(path, { method });
    expect(response.status).toBe(202);
    expect(await response.text()).toBe("{}");
    expect(canceled).toEqual([JOB_ID]);
  });
});

describe("execution-result (contract: rest-v1 4.3, fact 52)", () => {
  it("is IN_PROGRESS with no second key while the job runs", async () => {
    expect(await harness.json(`${job}/execution-result`)).toEqual({ status: { id: "IN_PROGRESS" } });
  });

  it.each([
    ["SUCCEEDED", undefined],
    ["FAILED", failure("boom")],
  ] as const)("of a job that ended: %s", async (applicationStatus, cause) => {
    const ended = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestJobResult: async (jobId) => ({
            jobId,
            name: "quakes",
            applicationStatus,
            netRuntimeMillis: 12,
            startTimeMillis: STARTED,
            endTimeMillis: STARTED + 12,
            ...(cause === undefined ? {} : { failure: cause }),
          }),
        }),
    });
    const answer = await get(ended, JobExecutionResultHeaders, `${job}/execution-result`);
    expect(answer).toMatchObject({
      status: { id: "COMPLETED" },
      "job-execution-result": {
        id: JOB_ID,
        "application-status": applicationStatus,
        "accumulator-results": {},
        "net-runtime": 12,
      },
    });
    const shown = answer["job-execution-result"]?.["failure-cause"];
    expect(shown?.class).toBe(cause?.name);
    expect(shown?.["stack-trace"]).toBe(cause?.stack);
  });
});

describe("exceptions (contract: rest-v1 5.8, facts 58-60)", () => {
  const entry = (timestampMillis: number, overrides: Partial<ExceptionHistoryEntry> = {}): ExceptionHistoryEntry => ({
    timestampMillis,
    failure: failure(`failure ${timestampMillis}`),
    taskName: "window (1/4)",
    location: brandId("te-0"),
    labels: { kind: "user" },
    concurrent: [],
    ...overrides,
  });
  const global: ExceptionHistoryEntry = {
    timestampMillis: 3,
    failure: failure("failure 3"),
    labels: {},
    concurrent: [],
  };
  const failing = restHarness({
    dispatcher: () =>
      testingDispatcherGateway({
        requestJob: async (jobId) =>
          executionGraphInfo(jobId, { exceptionHistory: [entry(1), entry(2, { concurrent: [entry(2)] }), global] }),
      }),
  });

  it("of a job without any: no entries", async () => {
    expect((await get(harness, JobExceptionsHeaders, `${job}/exceptions`)).exceptionHistory).toEqual({
      entries: [],
      truncated: false,
    });
  });

  it("newest first, a global one without task and place", async () => {
    const { exceptionHistory, ...old } = await get(failing, JobExceptionsHeaders, `${job}/exceptions`);
    expect(exceptionHistory.entries.map(({ timestamp }) => timestamp)).toEqual([3, 2, 1]);
    expect(exceptionHistory.entries[0]).toMatchObject({ taskName: null, endpoint: null, taskManagerId: null });
    expect(exceptionHistory.entries[1]).toMatchObject({
      exceptionName: "Error",
      stacktrace: expect.stringContaining("failure 2\n    at job.ts:14"),
      taskName: "window (1/4)",
      taskManagerId: "te-0",
      failureLabels: { kind: "user" },
      concurrentExceptions: [{ timestamp: 2 }],
    });
    expect(old).toMatchObject({
      "root-exception": expect.stringContaining("failure 3"),
      timestamp: 3,
      truncated: false,
    });
  });

  it("maxExceptions keeps the newest and says so", async () => {
    const { exceptionHistory } = await get(failing, JobExceptionsHeaders, `${job}/exceptions?maxExceptions=1`);
    expect(exceptionHistory.truncated).toBe(true);
    expect(exceptionHistory.entries.map(({ timestamp }) => timestamp)).toEqual([3]);
  });

  it("failureLabelFilter keeps what carries all labels", async () => {
    const { exceptionHistory } = await get(
      failing,
      JobExceptionsHeaders,
      `${job}/exceptions?failureLabelFilter=kind:user`,
    );
    expect(exceptionHistory.entries.map(({ timestamp }) => timestamp)).toEqual([2, 1]);
    const none = await get(failing, JobExceptionsHeaders, `${job}/exceptions?failureLabelFilter=kind:user,a:b`);
    expect(none.exceptionHistory.entries).toEqual([]);
  });
});

describe("vertices (contract: rest-v1 5.5, 5.6)", () => {
  const vertex = `${job}/vertices/${SOURCE_ID}`;

  it("subtasks in both spellings of their start, aggregates complete", async () => {
    const details = await get(harness, JobVertexDetailsHeaders, vertex);
    expect(details.subtasks).toHaveLength(4);
    expect(details.subtasks[3]).toMatchObject({
      subtask: 3,
      attempt: 1,
      "start-time": STARTED + 2_000,
      start_time: STARTED + 2_000,
      endpoint: `${JOB_ID}-te-1`,
      host: `${JOB_ID}-te-1`,
      "taskmanager-id": `${JOB_ID}-te-1`,
      "status-duration": {
        CREATED: 1_000,
        SCHEDULED: 1_000,
        DEPLOYING: 1_000,
        INITIALIZING: 1_000,
        RUNNING: NOW - STARTED - 4_000,
      },
    });
    expect(details.aggregated.metrics["write-records"]).toEqual({
      min: 10,
      max: 10,
      avg: 10,
      sum: 40,
      median: 10,
      p25: 10,
      p75: 10,
      p95: 10,
    });
    expect(Object.keys(details.aggregated.metrics)).toHaveLength(7);
    expect(Object.keys(details.aggregated["status-duration"])).toHaveLength(5);
  });

  it("one subtask, its times, and the task managers", async () => {
    expect(await get(harness, SubtaskCurrentAttemptDetailsHeaders, `${vertex}/subtasks/2`)).toMatchObject({
      subtask: 2,
    });
    const { subtasks } = await get(harness, SubtasksTimesHeaders, `${vertex}/subtasktimes`);
    expect(subtasks[0]?.timestamps).toMatchObject({ DEPLOYING: STARTED + 2_000, FINISHED: 0 });
    const { taskmanagers } = await get(harness, JobVertexTaskManagersHeaders, `${vertex}/taskmanagers`);
    expect(taskmanagers.map((each) => [each["taskmanager-id"], each["status-counts"]["RUNNING"]])).toEqual([
      [`${JOB_ID}-te-0`, 2],
      [`${JOB_ID}-te-1`, 2],
    ]);
  });

  it("subtasks that wait for a slot are unassigned, and have no times", async () => {
    const { location: _, ...waiting } = execution({
      subtask: 0,
      state: "SCHEDULED",
      timestamps: { DEPLOYING: 0, INITIALIZING: 0, RUNNING: 0 },
    });
    const cluster = new InMemoryCluster();
    const pending = restHarness({
      dispatcher: () => ({
        ...cluster.dispatcher,
        requestJob: async (jobId) => {
          const info = executionGraphInfo(jobId);
          return { ...info, vertices: info.vertices.map((each) => ({ ...each, executions: [waiting] })) };
        },
      }),
    });
    const details = await get(pending, JobVertexDetailsHeaders, vertex);
    expect(details.subtasks[0]).toMatchObject({
      "taskmanager-id": "(unassigned)",
      "start-time": -1,
      "end-time": -1,
      duration: -1,
      metrics: { "read-records-complete": false },
      "status-duration": { SCHEDULED: NOW - STARTED - 1_000, DEPLOYING: -1, RUNNING: -1 },
    });
  });
});

describe("checkpoints (contract: rest-v1 5.9)", () => {
  it("counts, summary of the completed ones, latest, history newest first", async () => {
    const statistics = await get(harness, CheckpointingStatisticsHeaders, `${job}/checkpoints`);
    expect(statistics.counts).toEqual({ restored: 1, total: 4, in_progress: 1, completed: 2, failed: 1 });
    expect(statistics.summary.state_size).toMatchObject({ min: 1_000, max: 2_000, avg: 1_500, p50: 1_500 });
    expect(statistics.summary.end_to_end_duration).toMatchObject({ min: 10, max: 20 });
    expect(statistics.latest.completed).toMatchObject({ id: 2, className: "completed", discarded: false, tasks: {} });
    expect(statistics.latest.failed).toMatchObject({ id: 3, className: "failed", failure_message: "declined" });
    expect(statistics.latest.savepoint).toBeNull();
    expect(statistics.latest.restored).toMatchObject({
      id: 1,
      restore_timestamp: STARTED + 1_500,
      is_savepoint: false,
    });
    expect(statistics.history.map(({ id, className }) => [id, className])).toEqual([
      [4, "in_progress"],
      [3, "failed"],
      [2, "completed"],
      [1, "completed"],
    ]);
    expect(statistics.history[0]).toMatchObject({ latest_ack_timestamp: -1, end_to_end_duration: -1 });
    expect(statistics.history[0]).not.toHaveProperty("external_path");
  });

  it("details: every vertex of the job is there", async () => {
    const details = await get(harness, CheckpointStatisticDetailsHeaders, `${job}/checkpoints/details/2`);
    expect(Object.keys(details.tasks)).toEqual([SOURCE_ID, SINK_ID]);
    expect(details.tasks[SINK_ID]).toMatchObject({
      id: 2,
      status: "COMPLETED",
      state_size: 1_000,
      end_to_end_duration: 10,
    });
  });

  it("config", async () => {
    expect(await get(harness, CheckpointConfigHeaders, `${job}/checkpoints/config`)).toMatchObject({
      mode: "exactly_once",
      interval: 1_000,
      timeout: 600_000,
      max_concurrent: 1,
    });
  });
});

describe("task managers (contract: rest-v1 5.11)", () => {
  const worker: TaskManagerInfo = {
    resourceId: brandId(`${JOB_ID}-te-0`),
    address: `v1/-/default/task-executor/${JOB_ID}-te-0`,
    jobId: JOB_ID,
    lastHeartbeatMillis: NOW - 5,
    slots: 2,
    freeSlots: 0,
  };
  const cluster = new InMemoryCluster();
  const withWorkers = restHarness({
    dispatcher: () => cluster.dispatcher,
    resourceManager: () =>
      testingResourceManagerGateway({
        requestTaskManagerInfo: async () => [worker],
        requestTaskManagerDetailsInfo: async (id) => (id === worker.resourceId ? worker : undefined),
      }),
  });

  it.each(["/taskmanagers", "/taskmanagers/", "/v1/taskmanagers"])("%s lists them (fact 3)", async (path) => {
    const { taskmanagers } = await get(withWorkers, TaskManagersHeaders, path);
    expect(taskmanagers).toMatchObject([
      { id: worker.resourceId, path: worker.address, slotsNumber: 2, freeSlots: 0, timeSinceLastHeartbeat: NOW - 5 },
    ]);
  });

  it("details count the tasks that run there", async () => {
    const details = await get(withWorkers, TaskManagerDetailsHeaders, `/taskmanagers/${worker.resourceId}`);
    expect(details.assignedTasks).toBe(4);
    expect(details.allocatedSlots.map(({ jobId, assignedTasks }) => [jobId, assignedTasks])).toEqual([
      [JOB_ID, 2],
      [JOB_ID, 2],
    ]);
  });

  it("an unknown one is 404", async () => {
    const response = await withWorkers.send("/taskmanagers/nobody");
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ errors: ["Could not find TaskExecutor nobody"] });
  });
});

describe("GET /sluice/jobs/:jobid", () => {
  it("sums up progress, recovery and counters", async () => {
    const info = await get(harness, SluiceJobHeaders, `/v1/sluice/jobs/${JOB_ID}`);
    expect(info).toMatchObject({
      id: JOB_ID,
      state: "RUNNING",
      restarts: 1,
      restoredCheckpointId: 1,
      restoredPosition: 25,
      checkpoints: 2,
      latestCheckpointId: 2,
      recordsIn: 64,
      recordsOut: 8,
      tasksRunning: 8,
      tasksTotal: 8,
      failure: null,
    });
    expect(info.tasks[0]).toMatchObject({ vertexId: SOURCE_ID, subtask: 0, remoteRecordsOut: 5 });
    expect(info.tasks[7]).toMatchObject({ vertexId: SINK_ID, peakChannelBytes: 4_000, channelCreditBytes: 65_536 });
  });

  it("has nulls where nothing was restored, and the failure that ended it", async () => {
    const failed = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestJob: async (jobId) => {
            const { checkpoints: _, ...info } = executionGraphInfo(jobId, {
              status: "FAILED",
              failure: failure("boom"),
            });
            return info;
          },
        }),
    });
    expect(await get(failed, SluiceJobHeaders, `/sluice/jobs/${JOB_ID}`)).toMatchObject({
      state: "FAILED",
      restoredCheckpointId: null,
      restoredPosition: null,
      checkpoints: 0,
      recordsIn: 64,
      failure: "Error: boom",
    });
  });

  it("names the user's failure, not the one that says there was no further restart", async () => {
    const failed = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestJob: async (jobId) =>
            executionGraphInfo(jobId, {
              status: "FAILED",
              failure: failure("recovery is suppressed"),
              exceptionHistory: [{ timestampMillis: 1, failure: failure("fifty"), labels: {}, concurrent: [] }],
            }),
        }),
    });
    expect(await get(failed, SluiceJobHeaders, `/sluice/jobs/${JOB_ID}`)).toMatchObject({ failure: "Error: fifty" });
  });
});
