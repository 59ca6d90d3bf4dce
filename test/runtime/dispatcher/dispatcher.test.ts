import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID, JobVertexID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { Dispatcher } from "../../../src/runtime/dispatcher/dispatcher.ts";
import { initializingJob } from "../../../src/runtime/dispatcher/job-pictures.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import { DEFAULT_CLUSTER_QUOTAS } from "../../../src/runtime/messages/cluster-quotas.ts";
import type { ExecutionGraphInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import type { JobStatus } from "../../../src/runtime/messages/job-status.ts";
import type { UploadedModule } from "../../../src/runtime/messages/job-submission.ts";
import {
  clusterName,
  dispatcherAddress,
  jobMasterAddress,
  resourceManagerAddress,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import type { TestingHandlers } from "../../../src/testing/testing-endpoint.ts";
import { testingJobGraph, testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import type { TestingJobOptions } from "../../../src/testing/testing-job-graph.ts";
import { NO_TASK_METRICS } from "../checkpoint/coordinator-probe.ts";
import { ControlPlaneWorld } from "../control-plane-world.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const CLUSTER = clusterName();
const ADDRESS = dispatcherAddress(CLUSTER);
const { jobId } = testingJobGraph();
const JOB_MASTER_ID = 1 as Epoch as JobMasterId;
const code = (name: string): unknown => expect.objectContaining({ code: name });

const VERTEX_ID = brandId<JobVertexID>("v");
const SUBTASKS = [{ subtaskIndex: 0, ackTimestampMillis: 1, stateSize: 2, metrics: NO_TASK_METRICS }];

type JobMasterHandlers = TestingHandlers<typeof JobMasterGateway>;

/** The picture of a job as its JobMaster would draw it. */
function picture(status: JobStatus, options: TestingJobOptions = {}): ExecutionGraphInfo {
  const graph = testingJobGraph(options);
  const job = {
    jobId: graph.jobId,
    name: graph.name,
    submittedMillis: 1_000_000,
    requestHash: "",
    started: true,
    cancelRequested: false,
    slots: 1,
    quotas: { stateBytes: 1 },
  };
  const drawn = initializingJob(job, graph);
  return {
    ...drawn,
    status,
    statusTimestamps: { ...drawn.statusTimestamps, [status]: 1_000_500 },
    checkpointSubtasks: [{ checkpointId: 7, vertexId: VERTEX_ID, subtasks: SUBTASKS }],
  };
}

/** A Dispatcher between testing JobMasters and a testing ResourceManager. */
class World extends ControlPlaneWorld {
  readonly objects = new InMemoryObjectStore(this.clock);

  constructor(jobMaster: JobMasterHandlers = {}) {
    super();
    this.start(ADDRESS, DispatcherGateway, (context) => new Dispatcher(context, { objects: this.objects }));
    this.serve(resourceManagerAddress(CLUSTER), {
      gateway: ResourceManagerGateway,
      handlers: {
        disconnectJobManager: () => ACKNOWLEDGE,
        requestResourceOverview: () => ({ taskManagers: 2, slotsTotal: 4, slotsFree: 1 }),
      },
    });
    this.serveJobMaster(1, jobMaster);
  }

  serveJobMaster(number: number, handlers: JobMasterHandlers = {}): void {
    this.serve(jobMasterAddress(CLUSTER, testingJobGraph({ number }).jobId), {
      gateway: JobMasterGateway,
      handlers: { startJob: () => ACKNOWLEDGE, cancel: () => ACKNOWLEDGE, releaseJob: () => ACKNOWLEDGE, ...handlers },
    });
  }

  get dispatcher(): DispatcherGateway {
    return this.gateway(DispatcherGateway, ADDRESS);
  }

  submit(options: TestingJobOptions = {}, key?: string, requestHash = "request"): Promise<{ readonly jobId: JobID }> {
    return this.settled(this.dispatcher.submitJob({ ...testingSubmission(options, key), requestHash }));
  }

  end(status: JobStatus, options: TestingJobOptions = {}): Promise<unknown> {
    return this.settled(this.dispatcher.jobReachedTerminalState(JOB_MASTER_ID, picture(status, options)));
  }
}

describe("Dispatcher.submitJob", () => {
  it("SUB-01, SUB-08 answers when the graph is stored and the JobMaster has acknowledged, and stays responsive meanwhile", async () => {
    using world = new World();
    world.fate = ({ method }) => (method === "startJob" ? "lose-reply" : "deliver");
    const submitted = world.dispatcher.submitJob(testingSubmission());
    let answered = false;
    void submitted.then(() => (answered = true));
    expect(await world.settled(world.dispatcher.listJobs())).toEqual([jobId]);
    expect(await world.settled(world.dispatcher.requestJobStatus(jobId))).toBe("INITIALIZING");
    expect(answered).toBe(false);
    expect(world.stored(ADDRESS).keys).toContain(`graph/${jobId}`);
    world.fate = () => "deliver";
    await world.clock.advance(11 * SECOND);
    expect(answered).toBe(true);
    expect(world.sent("startJob")[0]).toEqual([
      testingJobGraph(),
      ADDRESS,
      { stateBytes: DEFAULT_CLUSTER_QUOTAS.stateBytes },
    ]);
  });

  it("over SUB-02, SUB-04: a repetition is the same job with the same answer, also while the first is under way", async () => {
    using world = new World();
    const both = await Promise.all([world.submit({}, "key"), world.submit({ number: 2 }, "key")]);
    expect(both).toEqual([{ jobId }, { jobId }]);
    expect(await world.submit({ number: 3 }, "key")).toEqual({ jobId });
    expect(await world.submit()).toEqual({ jobId });
    expect(await world.settled(world.dispatcher.listJobs())).toEqual([jobId]);
  });

  it("over SUB-03: a repetition after the end is answered alike, and starts nothing", async () => {
    using world = new World();
    await world.submit({}, "key");
    await world.end("FINISHED");
    await world.clock.advance(2 * SECOND);
    const starts = world.sent("startJob").length;
    expect(await world.submit({}, "key")).toEqual({ jobId });
    expect(world.sent("startJob")).toHaveLength(starts);
  });

  it("refuses a key or job id that was used for another request", async () => {
    using world = new World();
    await world.submit({}, "key");
    await expect(world.submit({ number: 2 }, "key", "other")).rejects.toEqual(code("CONFLICT"));
    await expect(world.submit({}, undefined, "other")).rejects.toEqual(code("DUPLICATE_JOB_SUBMISSION"));
    const lookup = (key: string, hash: string): Promise<unknown> =>
      world.settled(world.dispatcher.lookupIdempotencyKey(key, hash));
    expect(await lookup("key", "request")).toEqual({ kind: "known", jobId });
    expect(await lookup("key", "other")).toEqual({ kind: "conflict" });
    expect(await lookup("new key", "request")).toEqual({ kind: "unknown" });
  });

  it("SUB-07 leaves nothing behind if the JobMaster refuses the job", async () => {
    using world = new World({
      startJob: () => {
        throw new SluiceException("JOB_MASTER", "no such operator");
      },
    });
    await expect(world.submit({}, "key")).rejects.toThrow("no such operator");
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
    await expect(world.settled(world.dispatcher.requestJobStatus(jobId))).rejects.toEqual(code("JOB_NOT_FOUND"));
  });

  it("refuses a faulty graph, naming the field", async () => {
    using world = new World();
    await expect(world.submit({ parallelism: 0 })).rejects.toThrow(
      "parallelism: expected an integer from 1 to 128, got 0",
    );
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
  });

  it("keeps a quota of jobs", async () => {
    using world = new World();
    for (let number = 1; number <= DEFAULT_CLUSTER_QUOTAS.jobs; number += 1) {
      world.serveJobMaster(number);
      await world.submit({ number });
    }
    await expect(world.submit({ number: DEFAULT_CLUSTER_QUOTAS.jobs + 1 })).rejects.toEqual(code("QUOTA_EXCEEDED"));
    await world.end("FINISHED");
    world.serveJobMaster(DEFAULT_CLUSTER_QUOTAS.jobs + 1);
    expect(await world.submit({ number: DEFAULT_CLUSTER_QUOTAS.jobs + 1 })).toBeDefined();
  });

  it("starts what was stored when its memory was lost before the JobMaster knew (HA-01)", async () => {
    using world = new World();
    world.fate = ({ method }) => (method === "startJob" ? "lose-request" : "deliver");
    world.dispatcher.submitJob(testingSubmission()).catch(() => undefined);
    await world.clock.settle();
    world.fate = () => "deliver";
    world.service.restart(ADDRESS);
    await world.clock.advance(SECOND);
    expect(world.sent("startJob")).toHaveLength(2);
    expect(world.stored(ADDRESS).timers).toEqual([]);
    expect(await world.submit()).toEqual({ jobId });
  });
});

describe("Dispatcher.cancelJob", () => {
  it("CAN-01 acknowledges when the JobMaster has; CAN-04 knows no other job", async () => {
    using world = new World();
    await world.submit();
    expect(await world.settled(world.dispatcher.cancelJob(jobId))).toBe(ACKNOWLEDGE);
    expect(world.sent("cancel")).toHaveLength(1);
    expect(world.stored(ADDRESS).timers).toEqual([]);
    await expect(world.settled(world.dispatcher.cancelJob(testingJobGraph({ number: 2 }).jobId))).rejects.toEqual(
      code("JOB_NOT_FOUND"),
    );
  });

  it("CAN-02, CAN-03, CAN-06 acknowledges again for a CANCELED job, refuses for one that ended otherwise", async () => {
    using world = new World();
    world.serveJobMaster(2);
    await world.submit();
    await world.submit({ number: 2 });
    await world.end("CANCELED");
    await world.end("FINISHED", { number: 2 });
    expect(await world.settled(world.dispatcher.cancelJob(jobId))).toBe(ACKNOWLEDGE);
    await expect(world.settled(world.dispatcher.cancelJob(testingJobGraph({ number: 2 }).jobId))).rejects.toEqual(
      code("TERMINATED_WITHOUT_CANCELLATION"),
    );
  });

  it("CAN-05 shows CANCELLING at once, and cancels as soon as the JobMaster has started", async () => {
    using world = new World();
    let lost = 0;
    world.fate = ({ method }) => (method === "startJob" && lost++ === 0 ? "lose-request" : "deliver");
    world.dispatcher.submitJob(testingSubmission()).catch(() => undefined);
    await world.clock.settle();
    expect(await world.settled(world.dispatcher.cancelJob(jobId))).toBe(ACKNOWLEDGE);
    expect(await world.settled(world.dispatcher.requestJobStatus(jobId))).toBe("CANCELLING");
    expect(world.sent("cancel")).toHaveLength(0);
    await world.clock.advance(12 * SECOND);
    expect(world.sent("cancel")).toHaveLength(1);
  });

  it("repeats a cancel that was not answered, over a loss of its memory too", async () => {
    using world = new World();
    await world.submit();
    world.fate = ({ method }) => (method === "cancel" ? "lose-request" : "deliver");
    world.dispatcher.cancelJob(jobId).catch(() => undefined);
    await world.clock.settle();
    world.service.restart(ADDRESS);
    world.fate = () => "deliver";
    await world.clock.advance(10 * SECOND);
    expect(world.sent("cancel")).toHaveLength(2);
    expect(world.stored(ADDRESS).timers).toEqual([]);
  });
});

describe("Dispatcher, of a job's end", () => {
  it("HA-07 stores the result, then ends workers, snapshots, and the JobMaster's storage, then calls it clean", async () => {
    using world = new World();
    await world.submit();
    await world.objects.put(`v1/default/jobs/${jobId}/chk-3/_metadata`, Uint8Array.of(1));
    await world.objects.put(`v1/default/jobs/${jobId}/results/rows/manifest`, Uint8Array.of(1));
    await world.end("FINISHED");
    await world.clock.advance(SECOND);
    const steps = world.calls
      .map(({ method }) => method)
      .filter((method) => /disconnectJobManager|releaseJob/.test(method));
    expect(steps).toEqual(["disconnectJobManager", "releaseJob"]);
    expect((await world.objects.list("")).map(({ key }) => key)).toEqual([
      `v1/default/jobs/${jobId}/results/rows/manifest`,
    ]);
    expect(world.stored(ADDRESS)).toEqual({
      keys: [`job/${jobId}`, `result-info/${jobId}`, `result/${jobId}`],
      timers: [],
    });
    expect(await world.settled(world.dispatcher.requestJobStatus(jobId))).toBe("FINISHED");
  });

  it("acknowledges a repeated end, and lets the JobMaster of an unknown job go", async () => {
    using world = new World();
    await world.submit();
    expect(await world.end("FAILED")).toBe(ACKNOWLEDGE);
    expect(await world.end("FINISHED")).toBe(ACKNOWLEDGE);
    expect(await world.settled(world.dispatcher.requestJobStatus(jobId))).toBe("FAILED");
    world.serveJobMaster(7);
    expect(await world.end("FINISHED", { number: 7 })).toBe(ACKNOWLEDGE);
    expect(world.calls.filter(({ method }) => method === "releaseJob").at(-1)?.to).toContain("d7");
  });

  it("HA-08 repeats a cleanup that fails with growing pauses, and stays dirty till all succeeded", async () => {
    const attempts: number[] = [];
    using world = new World({
      releaseJob: () => {
        attempts.push(world.clock.now());
        if (attempts.length <= 4) throw new SluiceException("JOB_MASTER", "not yet");
        return ACKNOWLEDGE;
      },
    });
    await world.submit();
    await world.end("FINISHED");
    await world.clock.advance(100 * SECOND);
    const pauses = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(pauses).toEqual([1, 2, 4, 8].map((seconds) => seconds * SECOND));
    expect(world.stored(ADDRESS).timers).toEqual([]);
  });

  it("HA-02 takes a cleanup up again after a loss of its memory, without running the job again", async () => {
    using world = new World();
    await world.submit();
    world.fate = ({ method }) => (method === "releaseJob" ? "lose-request" : "deliver");
    await world.end("FINISHED");
    await world.clock.advance(SECOND);
    const starts = world.sent("startJob").length;
    world.fate = () => "deliver";
    world.service.restart(ADDRESS);
    await world.clock.advance(SECOND);
    expect(world.sent("startJob")).toHaveLength(starts);
    expect(world.sent("releaseJob")).toHaveLength(2);
    expect(world.stored(ADDRESS)).toMatchObject({ timers: [] });
  });

  it("OBS-04, SUB-15 answers from the stored result", async () => {
    using world = new World();
    await world.submit();
    expect(await world.settled(world.dispatcher.requestJobResult(jobId))).toBeUndefined();
    await world.end("FINISHED");
    expect(await world.settled(world.dispatcher.requestJobResult(jobId))).toMatchObject({
      applicationStatus: "SUCCEEDED",
      netRuntimeMillis: 500,
    });
    expect(await world.settled(world.dispatcher.requestJob(jobId))).toEqual(picture("FINISHED"));
    expect(await world.settled(world.dispatcher.requestCheckpointStats(jobId))).toEqual(
      picture("FINISHED").checkpoints,
    );
    const subtasks = (checkpointId: number): Promise<unknown> =>
      world.settled(world.dispatcher.requestCheckpointSubtasks(jobId, { checkpointId, vertexId: VERTEX_ID }));
    expect(await subtasks(7)).toEqual(SUBTASKS);
    expect(await subtasks(8)).toBeUndefined();
    await expect(
      world.settled(world.dispatcher.requestJobResult(testingJobGraph({ number: 2 }).jobId)),
    ).rejects.toEqual(code("JOB_NOT_FOUND"));
  });

  it("forgets a result and its idempotency key after an hour, lazily, and its objects with the next submission", async () => {
    using world = new World();
    world.serveJobMaster(2);
    await world.submit({}, "key");
    await world.end("FINISHED");
    await world.clock.advance(SECOND);
    await world.objects.put(`v1/default/jobs/${jobId}/results/rows/manifest`, Uint8Array.of(1));
    await world.clock.advance(HOUR - 2 * SECOND);
    expect(await world.settled(world.dispatcher.listJobs())).toEqual([jobId]);
    await world.clock.advance(SECOND);
    expect(await world.settled(world.dispatcher.listJobs())).toEqual([]);
    await expect(world.settled(world.dispatcher.requestJob(jobId))).rejects.toEqual(code("JOB_NOT_FOUND"));
    expect(await world.settled(world.dispatcher.lookupIdempotencyKey("key", "other"))).toEqual({ kind: "unknown" });
    expect(world.clock.pending).toBe(0);
    const second = testingJobGraph({ number: 2 }).jobId;
    expect(await world.submit({ number: 2 }, "key")).toEqual({ jobId: second });
    await world.clock.advance(SECOND);
    expect(await world.objects.list("")).toEqual([]);
    expect(world.stored(ADDRESS).keys.filter((key) => key.includes(jobId))).toEqual([]);
  });
});

describe("Dispatcher, asked about jobs", () => {
  it("asks the JobMaster once a second at most, whoever asks", async () => {
    using world = new World({ requestJob: () => picture("RUNNING"), requestJobStatus: () => "RUNNING" });
    await world.submit();
    const asked = await world.settled(
      Promise.all(Array.from({ length: 10 }, () => world.dispatcher.requestJob(jobId))),
    );
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set(["RUNNING"]));
    expect(world.sent("requestJob").length - 10).toBe(1);
    await world.clock.advance(999);
    await world.settled(world.dispatcher.requestJob(jobId));
    expect(world.sent("requestJob").length - 11).toBe(1);
    await world.clock.advance(1);
    await world.settled(world.dispatcher.requestJob(jobId));
    expect(world.sent("requestJob").length - 12).toBe(2);
  });

  it("answers from what is stored while the JobMaster does not (SUB-08, SUB-09)", async () => {
    using world = new World({ requestJobStatus: () => "RUNNING" });
    await world.submit();
    world.service.kill(jobMasterAddress(CLUSTER, jobId));
    const info = await world.settled(world.dispatcher.requestJob(jobId));
    expect(info).toMatchObject({ status: "INITIALIZING", name: "job 1" });
    expect(info.vertices.map(({ name }) => name)).toEqual(["numbers", "rows"]);
    expect(await world.settled(world.dispatcher.requestCheckpointStats(jobId))).toMatchObject({ counts: { total: 0 } });
    expect(await world.settled(world.dispatcher.requestJobStatus(jobId))).toBe("INITIALIZING");
    expect(await world.settled(world.dispatcher.requestMultipleJobDetails())).toEqual([
      expect.objectContaining({ status: "INITIALIZING" }),
    ]);
  });

  it("lists running and ended jobs, newest first, and counts them", async () => {
    using world = new World();
    for (const number of [1, 2, 3]) {
      const { name, jobType } = testingJobGraph({ number });
      world.serveJobMaster(number, {
        requestJobDetails: () => ({
          jobId: testingJobGraph({ number }).jobId,
          name,
          jobType,
          status: "RUNNING",
          startTimeMillis: 2_000_000 + number,
          endTimeMillis: -1,
          lastModificationMillis: 0,
          tasksPerState: {} as never,
        }),
      });
      await world.submit({ number });
    }
    await world.end("FINISHED");
    await world.end("CANCELED", { number: 2 });
    const details = await world.settled(world.dispatcher.requestMultipleJobDetails());
    expect(details.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "job 3 RUNNING",
      "job 1 FINISHED",
      "job 2 CANCELED",
    ]);
    expect(await world.settled(world.dispatcher.requestClusterOverview())).toEqual({
      taskManagers: 2,
      slotsTotal: 4,
      slotsAvailable: 1,
      jobsRunning: 1,
      jobsFinished: 1,
      jobsCancelled: 1,
      jobsFailed: 0,
    });
  });

  it("keeps the index of uploaded modules", async () => {
    using world = new World();
    const module = (id: string, uploadedMillis: number): UploadedModule => ({
      id,
      name: "job.js",
      uploadedMillis,
      size: 1,
      module: testingJobGraph().module,
      jobName: "job",
    });
    for (const [id, at] of [["a", 1], ["b", 3], ["c", 2], ["b", 3]] as const) {
      await world.settled(world.dispatcher.registerModule(module(id, at)));
    } // prettier-ignore
    const list = async (): Promise<readonly string[]> =>
      (await world.settled(world.dispatcher.listModules())).map(({ id }) => id);
    expect(await list()).toEqual(["b", "c", "a"]);
    expect(await world.settled(world.dispatcher.deleteModule("c"))).toBe(true);
    expect(await world.settled(world.dispatcher.deleteModule("c"))).toBe(false);
    expect(await list()).toEqual(["b", "a"]);
  });
});
