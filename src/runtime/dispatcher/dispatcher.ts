import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { milliseconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { JobID, JobVertexID } from "../../common/ids.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../../rpc/fenced-rpc-endpoint.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import type { Later } from "../../rpc/later.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { parseJobGraph } from "../jobgraph/job-graph-schema.ts";
import { JobMasterGateway } from "../jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { CheckpointStatsSnapshot, SubtaskCheckpointStats } from "../messages/checkpoint-stats.ts";
import type { ClusterQuotas } from "../messages/cluster-quotas.ts";
import type { CommitNews } from "../messages/commit-news.ts";
import type { ExecutionGraphInfo, JobDetails, JobResult } from "../messages/execution-graph-info.ts";
import { checkpointSubtasksIn } from "../messages/execution-graph-info.ts";
import type {
  ClusterOverview,
  IdempotencyLookup,
  JobSubmission,
  JobSubmissionResult,
  UploadedModule,
} from "../messages/job-submission.ts";
import type { JobStatus } from "../messages/job-status.ts";
import type { ResourceOverview } from "../messages/task-manager-info.ts";
import type { SavepointDisposalStatus, SnapshotOperationStatus } from "../messages/snapshot-operations.ts";
import type { PushedRecords, PushOutcome } from "../messages/pushed-records.ts";
import { clusterOf, jobMasterAddress, resourceManagerAddress } from "../object-name.ts";
import { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import { ClusterState } from "./cluster-state.ts";
import { CachedOperations } from "./cached-operations.ts";
import type { DispatcherGateway } from "./dispatcher-gateway.ts";
import type { DispatcherId } from "./dispatcher-id.ts";
import type { DispatcherServices } from "./dispatcher-services.ts";
import { CLEANUP_TIMER, DISCARD_TIMER, JobCleanup } from "./job-cleanup.ts";
import { CANCEL_TIMER, JobLauncher, START_TIMER } from "./job-launcher.ts";
import { detailsOf, initializingJob, resultOf, statusBeforeStart } from "./job-pictures.ts";
import { checkJobQuotas, checkModuleQuota } from "./job-quotas.ts";
import { JobResultStore } from "./job-result-store.ts";
import { JobStore } from "./job-store.ts";
import type { AcceptedJob } from "./job-store.ts";
import { ModuleIndex } from "./module-index.ts";
import { SavepointDisposal } from "./savepoint-disposal.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

/**
 * The cluster's front door (Flink `Dispatcher`): accepts jobs, brings their JobMasters to life, answers for running and
 * ended ones, keeps their results. All it knows is stored, so a loss of its memory costs nobody anything and its epoch
 * does not rise. With nothing to do it holds no timer.
 */
export class Dispatcher extends FencedRpcEndpoint<DispatcherId> implements HandlerOf<typeof DispatcherGateway> {
  readonly #jobs: JobStore;
  readonly #results: JobResultStore;
  readonly #modules: ModuleIndex;
  readonly #cluster: ClusterState;
  readonly #cache: SnapshotCache;
  readonly #launcher: JobLauncher;
  readonly #cleanup: JobCleanup;
  readonly #operations: CachedOperations;
  readonly #disposal: SavepointDisposal;

  constructor(context: EndpointContext, { objects }: { readonly objects: ObjectStore }) {
    super(context);
    this.#jobs = new JobStore(this.storage);
    this.#results = new JobResultStore(this.storage, () => this.clock.now());
    this.#modules = new ModuleIndex(this.storage);
    this.#cluster = new ClusterState(this.storage, clusterOf(this.address).cluster);
    this.#cache = new SnapshotCache(() => this.clock.now());
    const services: DispatcherServices = {
      address: this.address,
      cluster: clusterOf(this.address),
      clock: this.clock,
      log: this.log,
      timers: this.timers,
      jobs: this.#jobs,
      results: this.#results,
      ask: (promise, onResult, onError) => this.ask(promise, onResult, onError),
      later: (body) => void this.scheduleRunAsync(body, milliseconds(0)),
      jobMaster: (jobId) => this.#jobMaster(jobId),
      resourceManager: () => this.#resourceManager(),
    };
    this.#launcher = new JobLauncher(services);
    this.#cleanup = new JobCleanup(services, objects);
    this.#operations = new CachedOperations(services, this.storage);
    this.#disposal = new SavepointDisposal(services, this.storage, objects);
  }

  /** HA-01, HA-02: jobs without a result are started again, which their JobMasters acknowledge; dirty ones cleaned up. */
  protected override onStart(): void {
    for (const { jobId } of this.#activeJobs()) this.#launcher.relaunch(jobId);
    for (const jobId of this.#results.dirty()) this.#cleanup.schedule(jobId);
  }

  protected override onTimer(name: string, payload: unknown): undefined | Later<undefined> {
    const slash = name.indexOf("/") + 1;
    const jobId = brandId<JobID>(name.slice(slash));
    switch (name.slice(0, slash)) {
      case START_TIMER:
        return this.#launcher.onStartTimer(jobId);
      case CANCEL_TIMER:
        return this.#launcher.onCancelTimer(jobId);
      case CLEANUP_TIMER:
        return this.#cleanup.onCleanupTimer(jobId);
      case DISCARD_TIMER:
        return this.#cleanup.onDiscardTimer(jobId, payload === true);
      default:
        return undefined;
    }
  }

  submitJob(submission: JobSubmission): JobSubmissionResult | Later<JobSubmissionResult> {
    this.#cleanup.discardExpired();
    const repeated = this.#jobs.findRepeated(submission);
    if (repeated !== undefined) return this.#launcher.awaitStart(repeated);
    const jobGraph = parseJobGraph(submission.jobGraph);
    const { quotas } = this.#cluster;
    checkJobQuotas(quotas, this.#activeJobs(), jobGraph);
    return this.#launcher.launch(this.#jobs.add({ ...submission, jobGraph }, this.clock.now(), quotas));
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
    this.#cache.forget(jobId);
    return this.#launcher.cancel(job);
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
    if (!this.#launcher.hasStarted(job)) return statusBeforeStart(job);
    return this.ask(
      this.#cache.get(`${jobId}/status`, () => this.#jobMaster(jobId).requestJobStatus()),
      (status) => status,
      () => this.#results.get(jobId)?.status ?? statusBeforeStart(job),
    );
  }

  awaitCommit(jobId: JobID, known: number): CommitNews | Later<CommitNews> {
    if (this.#results.has(jobId)) return { commits: known, ended: true };
    this.#requireJob(jobId);
    return this.ask(this.#jobMaster(jobId).awaitCommit(known));
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

  requestCheckpointSubtasks(
    jobId: JobID,
    checkpoint: { readonly checkpointId: number; readonly vertexId: JobVertexID },
  ): readonly SubtaskCheckpointStats[] | undefined | Later<readonly SubtaskCheckpointStats[] | undefined> {
    const ended = this.#results.getInfo(jobId);
    if (ended !== undefined) return checkpointSubtasksIn(ended, checkpoint);
    const { checkpointId, vertexId } = checkpoint;
    this.#requireJob(jobId);
    return this.ask(this.#jobMaster(jobId).requestCheckpointSubtasks(checkpointId, vertexId));
  }

  pushRecords(jobId: JobID, source: string, push: PushedRecords): Later<PushOutcome> {
    const result = this.#results.get(jobId);
    if (result !== undefined) throw new SluiceException("CONFLICT", `job ${jobId} has ended: ${result.status}`);
    this.#requireJob(jobId);
    return this.ask(this.#jobMaster(jobId).pushRecords(source, push));
  }

  triggerCheckpoint(jobId: JobID, triggerId: string): Acknowledge | Later<Acknowledge> {
    return this.#operations.trigger({ jobId, triggerId }, { kind: "checkpoint" });
  }

  triggerSavepoint(
    jobId: JobID,
    triggerId: string,
    { targetDirectory, cancelJob }: { readonly targetDirectory: string; readonly cancelJob: boolean },
  ): Acknowledge | Later<Acknowledge> {
    const afterwards = cancelJob ? "cancel" : "go-on";
    return this.#operations.trigger({ jobId, triggerId }, { kind: "savepoint", targetDirectory, afterwards });
  }

  stopWithSavepoint(
    jobId: JobID,
    triggerId: string,
    { targetDirectory, drain }: { readonly targetDirectory: string; readonly drain: boolean },
  ): Acknowledge | Later<Acknowledge> {
    const afterwards = drain ? "drain" : "suspend";
    return this.#operations.trigger({ jobId, triggerId }, { kind: "savepoint", targetDirectory, afterwards });
  }

  getTriggeredCheckpointStatus(
    jobId: JobID,
    triggerId: string,
  ): SnapshotOperationStatus | undefined | Later<SnapshotOperationStatus | undefined> {
    return this.#operations.status("checkpoint", { jobId, triggerId });
  }

  getTriggeredSavepointStatus(
    jobId: JobID,
    triggerId: string,
  ): SnapshotOperationStatus | undefined | Later<SnapshotOperationStatus | undefined> {
    return this.#operations.status("savepoint", { jobId, triggerId });
  }

  disposeSavepoint(triggerId: string, savepointPath: string): Acknowledge {
    return this.#disposal.dispose(triggerId, savepointPath);
  }

  getSavepointDisposalStatus(triggerId: string): SavepointDisposalStatus | undefined {
    return this.#disposal.status(triggerId);
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
    this.#launcher.forget(jobId);
    this.#cleanup.schedule(jobId);
    return ACKNOWLEDGE;
  }

  registerModule(module: UploadedModule): Acknowledge {
    checkModuleQuota(this.#cluster.quotas, module.size);
    this.#modules.add(module);
    return ACKNOWLEDGE;
  }

  listModules(): readonly UploadedModule[] {
    return this.#modules.list();
  }

  deleteModule(id: string): boolean {
    return this.#modules.remove(id);
  }

  openCluster(quotas: ClusterQuotas): Acknowledge {
    this.#cluster.open(quotas);
    return ACKNOWLEDGE;
  }

  closeCluster(): number {
    if (!this.#cluster.close()) return 0;
    const active = this.#activeJobs();
    for (const job of active) if (!job.cancelRequested) this.#launcher.cancel(job);
    const remaining = active.length + this.#results.dirty().length;
    if (remaining === 0) this.storage.deleteAll();
    return remaining;
  }

  requestClusterQuotas(): ClusterQuotas {
    return this.#cluster.quotas;
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
