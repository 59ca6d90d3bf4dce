import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { milliseconds, seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { JobID } from "../../common/ids.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../../rpc/fenced-rpc-endpoint.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import { isUndelivered } from "../../rpc/heartbeat/heartbeat-monitor.ts";
import type { Later } from "../../rpc/later.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { parseJobGraph } from "../jobgraph/job-graph-schema.ts";
import { JobMasterGateway } from "../jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { CheckpointStatsSnapshot } from "../messages/checkpoint-stats.ts";
import type { ExecutionGraphInfo, JobDetails, JobResult } from "../messages/execution-graph-info.ts";
import type {
  ClusterOverview,
  IdempotencyLookup,
  JobSubmission,
  JobSubmissionResult,
  UploadedModule,
} from "../messages/job-submission.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { ResourceOverview } from "../messages/task-manager-info.ts";
import { clusterOf, jobMasterAddress, resourceManagerAddress } from "../object-name.ts";
import { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { DispatcherGateway } from "./dispatcher-gateway.ts";
import type { DispatcherId } from "./dispatcher-id.ts";
import { deleteJobObjects } from "./job-cleanup.ts";
import { detailsOf, initializingJob, resultOf, statusBeforeStart } from "./job-pictures.ts";
import { JobResultStore } from "./job-result-store.ts";
import { JobStore } from "./job-store.ts";
import type { AcceptedJob } from "./job-store.ts";
import { ModuleIndex } from "./module-index.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

/** Quota of a cluster: jobs that have not ended. */
export const MAX_ACTIVE_JOBS = 100;

// Durable timers, one per job and purpose: what was promised is done even if everything is lost in between.
const START_TIMER = "start/";
const CANCEL_TIMER = "cancel/";
const CLEANUP_TIMER = "cleanup/";
const DISCARD_TIMER = "discard/";
const RETRY_DELAY = seconds(5);
/** Longer than an attempt can take. */
const CLEANUP_BACK_STOP = seconds(60);
/** Exponential back-off of a cleanup that fails (HA-08). */
const FIRST_CLEANUP_DELAY_MILLIS = 1_000;
const MAX_CLEANUP_DELAY_MILLIS = 3_600_000;
const MAX_START_ATTEMPTS = 3;

/**
 * The cluster's front door (Flink `Dispatcher`): accepts jobs, brings their JobMasters to life, answers for running and
 * ended ones, keeps their results. All it knows is stored, so a loss of its memory costs nobody anything and its epoch
 * does not rise. With nothing to do it holds no timer.
 */
export class Dispatcher extends FencedRpcEndpoint<DispatcherId> implements HandlerOf<typeof DispatcherGateway> {
  readonly #objects: ObjectStore;
  readonly #jobs: JobStore;
  readonly #results: JobResultStore;
  readonly #modules: ModuleIndex;
  readonly #cache: SnapshotCache;

  constructor(context: EndpointContext, services: { readonly objects: ObjectStore }) {
    super(context);
    this.#objects = services.objects;
    this.#jobs = new JobStore(this.storage);
    this.#results = new JobResultStore(this.storage, () => this.clock.now());
    this.#modules = new ModuleIndex(this.storage);
    this.#cache = new SnapshotCache(() => this.clock.now());
  }

  /** HA-01, HA-02: jobs without a result are started again, which their JobMasters acknowledge; dirty ones cleaned up. */
  protected override onStart(): void {
    const now = this.clock.now();
    for (const { jobId } of this.#activeJobs()) this.timers.set(START_TIMER + jobId, now);
    for (const jobId of this.#results.dirty()) this.timers.set(CLEANUP_TIMER + jobId, now);
  }

  protected override onTimer(name: string): undefined | Later<undefined> {
    const slash = name.indexOf("/") + 1;
    const jobId = brandId<JobID>(name.slice(slash));
    switch (name.slice(0, slash)) {
      case START_TIMER:
        return this.#retryStart(jobId);
      case CANCEL_TIMER:
        return this.#sendCancel(jobId);
      case CLEANUP_TIMER:
        return this.#cleanUp(jobId);
      case DISCARD_TIMER:
        return this.#discard(jobId);
      default:
        return undefined;
    }
  }

  submitJob(submission: JobSubmission): JobSubmissionResult | Later<JobSubmissionResult> {
    this.#discardExpired();
    const repeated = this.#jobs.findRepeated(submission);
    if (repeated !== undefined) return this.#awaitStart(repeated);
    const jobGraph = parseJobGraph(submission.jobGraph);
    if (this.#activeJobs().length >= MAX_ACTIVE_JOBS) {
      throw new SluiceException(
        "QUOTA_EXCEEDED",
        `jobs: at most ${MAX_ACTIVE_JOBS} at a time; cancel one or wait for its end`,
      );
    }
    const job = this.#jobs.add({ ...submission, jobGraph }, this.clock.now());
    this.timers.setAfter(START_TIMER + job.jobId, RETRY_DELAY);
    return this.#awaitStart(job);
  }

  lookupIdempotencyKey(key: string, requestHash: string): IdempotencyLookup {
    const owner = this.#jobs.jobOfKey(key);
    // A key lives as long as the result of its job.
    const expired = owner !== undefined && this.#results.isExpired(owner);
    return expired ? { kind: "unknown" } : this.#jobs.lookup(key, requestHash);
  }

  cancelJob(jobId: JobID): Acknowledge | Later<Acknowledge> {
    const result = this.#results.get(jobId);
    if (result?.status === "CANCELED") return ACKNOWLEDGE;
    if (result !== undefined) {
      throw new SluiceException("TERMINATED_WITHOUT_CANCELLATION", `job ${jobId} has ended as ${result.status}`);
    }
    const job = this.#requireJob(jobId);
    this.#jobs.update(jobId, { cancelRequested: true });
    this.#cache.forget(jobId);
    // The JobMaster gets it as soon as it has started (CAN-05).
    if (!job.started) return ACKNOWLEDGE;
    this.timers.setAfter(CANCEL_TIMER + jobId, RETRY_DELAY);
    return this.ask(
      this.#jobMaster(jobId).cancel(),
      () => {
        this.timers.delete(CANCEL_TIMER + jobId);
        return ACKNOWLEDGE;
      },
      // Stored, so it will be done (CAN-01).
      () => ACKNOWLEDGE,
    );
  }

  listJobs(): readonly JobID[] {
    return this.#knownJobs().map(({ jobId }) => jobId);
  }

  requestMultipleJobDetails(): Later<readonly JobDetails[]> {
    const ended = new Map<JobID, JobDetails>();
    const questions: Promise<JobDetails>[] = [];
    for (const job of this.#knownJobs()) {
      const info = this.#results.getInfo(job.jobId);
      if (info !== undefined) ended.set(job.jobId, detailsOf(info));
      else questions.push(this.#detailsOfActive(job));
    }
    return this.ask(Promise.all(questions), (active) => {
      const all = [...active, ...ended.values()];
      return all.sort(
        (left, right) => right.startTimeMillis - left.startTimeMillis || (left.jobId < right.jobId ? -1 : 1),
      );
    });
  }

  requestJob(jobId: JobID): ExecutionGraphInfo | Later<ExecutionGraphInfo> {
    const ended = this.#results.getInfo(jobId);
    if (ended !== undefined) return ended;
    const job = this.#requireJob(jobId);
    return this.ask(
      this.#cache.get(`${jobId}/job`, () => this.#jobMaster(jobId).requestJob()),
      (info) => info,
      () => this.#pictureFromStore(job),
    );
  }

  requestJobStatus(jobId: JobID): JobStatus | Later<JobStatus> {
    const result = this.#results.get(jobId);
    if (result !== undefined) return result.status;
    const job = this.#requireJob(jobId);
    if (!job.started) return statusBeforeStart(job);
    return this.ask(
      this.#cache.get(`${jobId}/status`, () => this.#jobMaster(jobId).requestJobStatus()),
      (status) => status,
      () => this.#results.get(jobId)?.status ?? statusBeforeStart(job),
    );
  }

  requestCheckpointStats(
    jobId: JobID,
  ): CheckpointStatsSnapshot | undefined | Later<CheckpointStatsSnapshot | undefined> {
    const ended = this.#results.getInfo(jobId);
    if (ended !== undefined) return ended.checkpoints;
    const job = this.#requireJob(jobId);
    return this.ask(
      this.#cache.get(`${jobId}/checkpoints`, () => this.#jobMaster(jobId).requestCheckpointStats()),
      (stats) => stats,
      () => this.#pictureFromStore(job).checkpoints,
    );
  }

  requestJobResult(jobId: JobID): JobResult | undefined {
    const ended = this.#results.getInfo(jobId);
    if (ended !== undefined) return resultOf(ended);
    this.#requireJob(jobId);
    return undefined;
  }

  requestClusterOverview(): Later<ClusterOverview> {
    const noResources: ResourceOverview = { taskManagers: 0, slotsTotal: 0, slotsFree: 0 };
    return this.ask(
      this.#cache.get("resources", () => this.#resourceManager().requestResourceOverview()),
      (resources) => this.#overview(resources),
      () => this.#overview(noResources),
    );
  }

  jobReachedTerminalState(jobMasterId: JobMasterId, info: ExecutionGraphInfo): Acknowledge | Later<Acknowledge> {
    const { jobId } = info;
    this.#cache.forget(jobId);
    if (this.#results.has(jobId)) return ACKNOWLEDGE;
    // Nobody waits for this job (any more): its JobMaster may go.
    if (this.#jobs.get(jobId) === undefined) return this.ask(this.#jobMaster(jobId).releaseJob(jobId));
    this.log.info("job ended", { jobId, status: info.status });
    this.#results.createDirty(info, jobMasterId);
    this.timers.delete(START_TIMER + jobId);
    this.timers.delete(CANCEL_TIMER + jobId);
    this.timers.set(CLEANUP_TIMER + jobId, this.clock.now());
    return ACKNOWLEDGE;
  }

  registerModule(module: UploadedModule): Acknowledge {
    this.#modules.add(module);
    return ACKNOWLEDGE;
  }

  listModules(): readonly UploadedModule[] {
    return this.#modules.list();
  }

  deleteModule(id: string): boolean {
    return this.#modules.remove(id);
  }

  /** SUB-01: answered when the JobMaster has acknowledged the start; every repetition waits for the same. */
  #awaitStart(job: AcceptedJob, attempt = 1): JobSubmissionResult | Later<JobSubmissionResult> {
    const { jobId } = job;
    const graph = this.#jobs.getGraph(jobId);
    if (job.started || graph === undefined) return { jobId };
    return this.ask<Acknowledge, JobSubmissionResult>(
      this.#jobMaster(jobId).startJob(graph, this.address),
      () => {
        this.#onStarted(jobId);
        return { jobId };
      },
      (error) => {
        const current = this.#jobs.get(jobId);
        if (current === undefined) throw submissionError(jobId, error);
        if (current.started) return { jobId };
        if (!isUndelivered(error) && !error.retryable) {
          // SUB-07: the JobMaster refused, so nothing may stay behind. A throw would undo that.
          this.#forgetJob(jobId);
          return this.ask(Promise.reject<JobSubmissionResult>(submissionError(jobId, error)));
        }
        if (attempt < MAX_START_ATTEMPTS) return this.#awaitStart(current, attempt + 1);
        throw new SluiceException(
          "UNAVAILABLE",
          `job ${jobId} was accepted, but its JobMaster does not answer yet; it is started when it does`,
          { cause: error, retryable: true },
        );
      },
    );
  }

  #onStarted(jobId: JobID): void {
    const job = this.#jobs.get(jobId);
    this.timers.delete(START_TIMER + jobId);
    if (job === undefined || this.#results.has(jobId)) return;
    this.#jobs.update(jobId, { started: true });
    if (job.cancelRequested) this.timers.set(CANCEL_TIMER + jobId, this.clock.now());
  }

  #retryStart(jobId: JobID): undefined | Later<undefined> {
    const graph = this.#jobs.getGraph(jobId);
    if (graph === undefined || this.#results.has(jobId)) return undefined;
    this.timers.setAfter(START_TIMER + jobId, RETRY_DELAY);
    return this.ask<Acknowledge, undefined>(
      this.#jobMaster(jobId).startJob(graph, this.address),
      () => {
        this.#onStarted(jobId);
        return undefined;
      },
      (error) => {
        this.log.warn("job could not be started yet", { jobId, error: error.message });
        return undefined;
      },
    );
  }

  #sendCancel(jobId: JobID): undefined | Later<undefined> {
    if (this.#jobs.get(jobId) === undefined || this.#results.has(jobId)) return undefined;
    this.timers.setAfter(CANCEL_TIMER + jobId, RETRY_DELAY);
    return this.ask<Acknowledge, undefined>(
      this.#jobMaster(jobId).cancel(),
      () => {
        this.timers.delete(CANCEL_TIMER + jobId);
        return undefined;
      },
      (error) => {
        this.log.warn("cancel not delivered yet", { jobId, error: error.message });
        return undefined;
      },
    );
  }

  /** HA-07, HA-08: workers, then objects, then the JobMaster's storage; clean only when all is gone. */
  #cleanUp(jobId: JobID): undefined | Later<undefined> {
    const entry = this.#results.get(jobId);
    if (entry?.state !== "dirty") return undefined;
    // The back-stop, should this attempt be lost with the memory.
    this.timers.setAfter(CLEANUP_TIMER + jobId, CLEANUP_BACK_STOP);
    const { cluster } = clusterOf(this.address);
    const fail = (error: SluiceException): undefined => {
      const failures = this.#results.countFailedCleanup(jobId);
      const delay = Math.min(FIRST_CLEANUP_DELAY_MILLIS * 2 ** (failures - 1), MAX_CLEANUP_DELAY_MILLIS);
      this.log.warn("cleanup failed", { jobId, failures, retryAfterMillis: delay, error: error.message });
      this.timers.setAfter(CLEANUP_TIMER + jobId, milliseconds(delay));
      return undefined;
    };
    const releaseJobMaster = (): Later<undefined> =>
      this.ask<Acknowledge, undefined>(
        this.#jobMaster(jobId).releaseJob(jobId),
        () => {
          this.#results.markClean(jobId);
          this.#jobs.removeGraph(jobId);
          this.timers.delete(CLEANUP_TIMER + jobId);
          return undefined;
        },
        fail,
      );
    const deleteObjects = (): Later<undefined> =>
      this.ask(deleteJobObjects(this.#objects, { cluster, jobId }, "snapshots"), releaseJobMaster, fail);
    const released = this.#resourceManager().disconnectJobManager(jobId, entry.jobMasterId, entry.status);
    return this.ask<Acknowledge, undefined>(released, deleteObjects, fail);
  }

  /** Expired results go with the next submission, their objects by a timer of their own. */
  #discardExpired(): void {
    for (const jobId of this.#results.expired()) {
      this.#results.remove(jobId);
      this.#jobs.remove(jobId);
      this.timers.set(DISCARD_TIMER + jobId, this.clock.now());
    }
  }

  #discard(jobId: JobID): Later<undefined> {
    const { cluster } = clusterOf(this.address);
    return this.ask(deleteJobObjects(this.#objects, { cluster, jobId }, "everything"), () => undefined);
  }

  #forgetJob(jobId: JobID): void {
    this.timers.delete(START_TIMER + jobId);
    this.timers.delete(CANCEL_TIMER + jobId);
    this.#jobs.remove(jobId);
  }

  /** Jobs that are served: not those whose result has expired. */
  #knownJobs(): readonly AcceptedJob[] {
    return this.#jobs.all().filter(({ jobId }) => !this.#results.isExpired(jobId));
  }

  #activeJobs(): readonly AcceptedJob[] {
    return this.#knownJobs().filter(({ jobId }) => !this.#results.has(jobId));
  }

  #requireJob(jobId: JobID): AcceptedJob {
    const job = this.#jobs.get(jobId);
    if (job === undefined || this.#results.isExpired(jobId))
      throw new SluiceException("JOB_NOT_FOUND", `job ${jobId} does not exist`);
    return job;
  }

  #detailsOfActive(job: AcceptedJob): Promise<JobDetails> {
    const stored = detailsOf(this.#pictureFromStore(job));
    return this.#cache
      .get(`${job.jobId}/details`, () => this.#jobMaster(job.jobId).requestJobDetails())
      .catch(() => stored);
  }

  #pictureFromStore(job: AcceptedJob): ExecutionGraphInfo {
    const ended = this.#results.getInfo(job.jobId);
    if (ended !== undefined) return ended;
    const graph = this.#jobs.getGraph(job.jobId);
    if (graph === undefined) throw new SluiceException("JOB_NOT_FOUND", `job ${job.jobId} does not exist`);
    return initializingJob(job, graph);
  }

  #overview({ taskManagers, slotsTotal, slotsFree }: ResourceOverview): ClusterOverview {
    const statuses = this.#knownJobs().map(({ jobId }) => this.#results.get(jobId)?.status);
    const count = (status: JobStatus | undefined): number =>
      statuses.filter((candidate) => candidate === status).length;
    return {
      taskManagers,
      slotsTotal,
      slotsAvailable: slotsFree,
      jobsRunning: count(undefined),
      jobsFinished: count("FINISHED"),
      jobsCancelled: count("CANCELED"),
      jobsFailed: count("FAILED"),
    };
  }

  #jobMaster(jobId: JobID): JobMasterGateway {
    return this.gateway(JobMasterGateway, jobMasterAddress(clusterOf(this.address), jobId));
  }

  #resourceManager(): ResourceManagerGateway {
    return this.gateway(ResourceManagerGateway, resourceManagerAddress(clusterOf(this.address)));
  }
}

function submissionError(jobId: JobID, cause: SluiceException): SluiceException {
  return new SluiceException("JOB_SUBMISSION", `job ${jobId} could not be started: ${cause.message}`, { cause });
}
