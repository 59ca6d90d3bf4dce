import { ACKNOWLEDGE } from "../../src/common/acknowledge.ts";
import { SluiceException } from "../../src/common/exceptions.ts";
import type { JobID } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import { createRestEndpoint } from "../../src/rest/rest-endpoint.ts";
import type { RestServices } from "../../src/rest/rest-endpoint.ts";
import type { ClusterRegistryGateway } from "../../src/runtime/cluster/cluster-registry-gateway.ts";
import type { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest, JobModuleInspector } from "../../src/runtime/jobgraph/job-module-inspector.ts";
import { DEFAULT_CLUSTER_QUOTAS } from "../../src/runtime/messages/cluster-quotas.ts";
import type { UploadedModule } from "../../src/runtime/messages/job-submission.ts";
import type { ResourceManagerGateway } from "../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { InMemoryObjectStore } from "../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { executionGraphInfo, JOB_ID, jobDetails, jobGraph } from "./jobs.ts";

export const NOW = Date.UTC(2026, 0, 1);

type Methods<Gateway> = Partial<Omit<Gateway, "getAddress" | "getFencingToken">>;

/** Commands acknowledge, queries reject as unsupported, unless overridden. */
export function testingDispatcherGateway(overrides: Methods<DispatcherGateway> = {}): DispatcherGateway {
  return {
    getAddress: () => "v1/-/default/dispatcher/dispatcher",
    getFencingToken: () => undefined,
    submitJob: async ({ jobGraph: { jobId } }) => ({ jobId }),
    lookupIdempotencyKey: async () => ({ kind: "unknown" }),
    cancelJob: async () => ACKNOWLEDGE,
    listJobs: unsupported("listJobs"),
    requestMultipleJobDetails: unsupported("requestMultipleJobDetails"),
    requestJob: unsupported("requestJob"),
    requestJobStatus: unsupported("requestJobStatus"),
    awaitCommit: unsupported("awaitCommit"),
    requestCheckpointStats: unsupported("requestCheckpointStats"),
    requestCheckpointSubtasks: unsupported("requestCheckpointSubtasks"),
    triggerCheckpoint: async () => ACKNOWLEDGE,
    triggerSavepoint: async () => ACKNOWLEDGE,
    stopWithSavepoint: async () => ACKNOWLEDGE,
    getTriggeredCheckpointStatus: unsupported("getTriggeredCheckpointStatus"),
    getTriggeredSavepointStatus: unsupported("getTriggeredSavepointStatus"),
    disposeSavepoint: async () => ACKNOWLEDGE,
    getSavepointDisposalStatus: unsupported("getSavepointDisposalStatus"),
    pushRecords: unsupported("pushRecords"),
    requestJobResult: unsupported("requestJobResult"),
    requestClusterOverview: unsupported("requestClusterOverview"),
    jobReachedTerminalState: async () => ACKNOWLEDGE,
    registerModule: async () => ACKNOWLEDGE,
    listModules: unsupported("listModules"),
    deleteModule: async () => true,
    openCluster: async () => ACKNOWLEDGE,
    closeCluster: async () => 0,
    requestClusterQuotas: async () => DEFAULT_CLUSTER_QUOTAS,
    ...overrides,
  };
}

export function testingResourceManagerGateway(overrides: Methods<ResourceManagerGateway> = {}): ResourceManagerGateway {
  return {
    getAddress: () => "v1/-/default/resource-manager/resource-manager",
    getFencingToken: () => undefined,
    registerJobMaster: unsupported("registerJobMaster"),
    declareRequiredResources: async () => ACKNOWLEDGE,
    registerTaskExecutor: unsupported("registerTaskExecutor"),
    sendSlotReport: async () => ACKNOWLEDGE,
    requestSlot: async () => ACKNOWLEDGE,
    notifySlotAvailable: () => undefined,
    heartbeatFromTaskManager: () => undefined,
    heartbeatFromJobManager: () => undefined,
    disconnectTaskManager: () => undefined,
    disconnectJobManager: async () => ACKNOWLEDGE,
    suspendJob: async () => ACKNOWLEDGE,
    requestTaskManagerInfo: unsupported("requestTaskManagerInfo"),
    requestTaskManagerDetailsInfo: unsupported("requestTaskManagerDetailsInfo"),
    requestResourceOverview: unsupported("requestResourceOverview"),
    openCluster: async () => ACKNOWLEDGE,
    closeCluster: async () => 0,
    ...overrides,
  };
}

/** Every cluster exists. */
export function testingClusterRegistryGateway(overrides: Methods<ClusterRegistryGateway> = {}): ClusterRegistryGateway {
  return {
    getAddress: () => "v1/-/default/cluster-registry/cluster-registry",
    createCluster: unsupported("createCluster"),
    deleteCluster: unsupported("deleteCluster"),
    requestCluster: async (name) => ({ name, state: "ACTIVE", quotas: DEFAULT_CLUSTER_QUOTAS, createdMillis: NOW }),
    listClusters: unsupported("listClusters"),
    ...overrides,
  };
}

function unsupported(method: string): () => Promise<never> {
  return async () => {
    throw new SluiceException("UNSUPPORTED_OPERATION", `${method} is not expected in this test`);
  };
}

/** A Dispatcher that keeps modules and submissions in maps and knows one running job. */
export class InMemoryCluster {
  readonly modules = new Map<string, UploadedModule>();
  readonly submitted = new Map<
    string,
    { readonly jobId: JobID; readonly requestHash: string; readonly graph: JobGraph }
  >();

  readonly dispatcher = testingDispatcherGateway({
    registerModule: async (module) => {
      this.modules.set(module.id, module);
      return ACKNOWLEDGE;
    },
    listModules: async () => [...this.modules.values()].toReversed(),
    deleteModule: async (id) => this.modules.delete(id),
    lookupIdempotencyKey: async (key, requestHash) => {
      const known = this.submitted.get(key);
      if (known === undefined) return { kind: "unknown" };
      return known.requestHash === requestHash ? { kind: "known", jobId: known.jobId } : { kind: "conflict" };
    },
    submitJob: async ({ jobGraph: graph, requestHash, idempotencyKey = graph.jobId }) => {
      const known = this.submitted.get(idempotencyKey);
      if (known !== undefined && known.requestHash !== requestHash) {
        throw new SluiceException("CONFLICT", `${idempotencyKey} names another submission`);
      }
      const submission = known ?? { jobId: graph.jobId, requestHash, graph };
      this.submitted.set(idempotencyKey, submission);
      return { jobId: submission.jobId };
    },
    requestMultipleJobDetails: async () => [jobDetails()],
    requestJob: async (jobId) => executionGraphInfo(known(jobId)),
    requestJobStatus: async (jobId) => executionGraphInfo(known(jobId)).status,
    awaitCommit: async () => ({ commits: 0, ended: true }),
    requestCheckpointStats: async (jobId) => executionGraphInfo(known(jobId)).checkpoints,
    requestJobResult: async (jobId) => void known(jobId),
    cancelJob: async (jobId) => {
      known(jobId);
      return ACKNOWLEDGE;
    },
    requestClusterOverview: async () => ({
      taskManagers: 2,
      slotsTotal: 4,
      slotsAvailable: 0,
      jobsRunning: 1,
      jobsFinished: 2,
      jobsCancelled: 3,
      jobsFailed: 4,
    }),
  });
}

/** @throws JOB_NOT_FOUND unless it is the one running job. */
export function known(jobId: JobID): JobID {
  if (jobId === JOB_ID) return jobId;
  throw new SluiceException("JOB_NOT_FOUND", `no job ${jobId}`);
}

/** Takes any text as a module; its graph is a fixed one with the request's parallelism. */
export const testingModuleInspector: JobModuleInspector = {
  inspect: async () => ({ jobName: "quakes" }),
  extractGraph: async (module, _text, request: GraphExtractionRequest) =>
    jobGraph({ jobId: request.jobId, module, parallelism: request.parallelism ?? 4 }),
};

export interface RestHarness {
  readonly clock: ManualClock;
  readonly objects: InMemoryObjectStore;
  fetch(request: Request): Promise<Response>;
  /** Sends a request; `path` begins with a slash. */
  send(path: string, init?: RequestInit & { readonly duplex?: "half" }): Promise<Response>;
  /** Sends a request and parses the JSON answer. */
  json(path: string, init?: RequestInit): Promise<unknown>;
}

export function restHarness(overrides: Partial<RestServices> = {}): RestHarness {
  const clock = new ManualClock(NOW);
  const objects = new InMemoryObjectStore(clock);
  const cluster = new InMemoryCluster();
  let nextId = 1;
  const app = createRestEndpoint({
    dispatcher: () => cluster.dispatcher,
    resourceManager: () => testingResourceManagerGateway(),
    clusters: () => testingClusterRegistryGateway(),
    clusterLocations: new Map(),
    objects: () => objects,
    modules: testingModuleInspector,
    clock,
    ids: { hex: () => (nextId++).toString(16).padStart(32, "0") },
    log: silentLogger,
    access: { kind: "open" },
    ...overrides,
  });
  const fetch = async (request: Request): Promise<Response> => app.fetch(request);
  const send = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(new Request(`http://sluice.test${path}`, init));
  return { clock, objects, fetch, send, json: async (path, init) => (await send(path, init)).json() };
}
