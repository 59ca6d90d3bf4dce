import { SluiceException, type ExceptionCode } from "../../../src/common/exceptions.ts";
import {
  brandId,
  type AllocationID,
  type ExecutionAttemptID,
  type InstanceID,
  type ResourceID,
} from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import type { SqlRow, SqlValue } from "../../../src/rpc/ports/storage.ts";
import { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import type { JobGraph } from "../../../src/runtime/jobgraph/job-graph.ts";
import { JobMaster } from "../../../src/runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import type { ExecutionGraphInfo, ExecutionInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import type { RunningTask } from "../../../src/runtime/messages/running-task.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { StateHandle } from "../../../src/runtime/messages/state-handle.ts";
import { descriptorsOf, type TaskDeploymentBatch } from "../../../src/runtime/messages/task-deployment-batch.ts";
import type { TaskDeploymentDescriptor } from "../../../src/runtime/messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import {
  clusterName,
  dispatcherAddress,
  jobMasterAddress,
  resourceManagerAddress,
  taskExecutorAddress,
  taskExecutorResourceId,
} from "../../../src/runtime/object-name.ts";
import { DEFAULT_CLUSTER_QUOTAS, type JobQuotas } from "../../../src/runtime/messages/cluster-quotas.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { NO_TASK_METRICS } from "../checkpoint/coordinator-probe.ts";
import { countingIds, TESTING_JOB_ID, testingJobGraph } from "../executiongraph/testing-job-graph.ts";
import type { TestingConfiguration, TestingVertex } from "../executiongraph/testing-job-graph.ts";
import { TestingDispatcher, TestingResourceManager, TestingTaskExecutor } from "./testing-peers.ts";
import type { Doubles, RecordedCall } from "./testing-peers.ts";

/** A database whose next write fails if the test says so. */
class FaultyDatabase extends SqliteDatabase {
  failNextWrite = false;

  override exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    if (this.failNextWrite && sql.startsWith("INSERT")) {
      this.failNextWrite = false;
      throw new SluiceException("UNEXPECTED", "the disk is full");
    }
    return super.exec(sql, ...bindings);
  }
}

const CLUSTER = clusterName();
const DISPATCHER = dispatcherAddress(CLUSTER);
const JOB_MASTER = jobMasterAddress(CLUSTER, TESTING_JOB_ID);

/** A JobMaster between doubles of its peers, on virtual time. Time begins at 1,000,000. */
export class JobMasterHarness implements Doubles {
  readonly clock = new ManualClock(1_000_000);
  readonly objects = new InMemoryObjectStore(this.clock);
  readonly database = new FaultyDatabase();
  readonly calls: RecordedCall[] = [];
  readonly failing = new Map<string, SluiceException>();
  /** Methods whose replies do not arrive. */
  readonly losingReplies = new Set<string>();
  readonly jobGraph: JobGraph;
  quotas: JobQuotas = DEFAULT_CLUSTER_QUOTAS;
  /** Of the TaskExecutors that are added. */
  runtimeVersion = "1";
  readonly #service: LocalRpcService;

  /** @param change to the graph. */
  constructor(
    vertices: readonly TestingVertex[] = [{ parallelism: 2 }],
    configuration: TestingConfiguration = {},
    change: Partial<JobGraph> = {},
  ) {
    this.jobGraph = { ...testingJobGraph(vertices, configuration), ...change };
    const intercept = ({ method }: { readonly method: string }) =>
      this.losingReplies.has(method) ? "lose-reply" : "deliver";
    this.#service = new LocalRpcService({
      intercept,
      clock: this.clock,
      random: { next: () => 0.999_999 },
      ids: countingIds(),
    });
    this.#service.startServer(DISPATCHER, {
      gateways: [DispatcherGateway],
      factory: (context) => new TestingDispatcher(context, this),
    });
    this.#service.startServer(resourceManagerAddress(CLUSTER), {
      gateways: [ResourceManagerGateway],
      factory: (context) => new TestingResourceManager(context, this),
    });
    this.#service.startServer(JOB_MASTER, {
      gateways: [JobMasterGateway],
      factory: (context) => new JobMaster(context, { objects: this.objects }),
      database: this.database,
    });
  }

  /** @param epoch default: whatever the JobMaster's is. */
  jobMaster(epoch?: Epoch): JobMasterGateway {
    return this.#service.gateway(JobMasterGateway, JOB_MASTER, epoch);
  }

  fail(method: string, code: ExceptionCode): void {
    this.failing.set(method, new SluiceException(code, `${method} fails`));
  }

  /** Args of the calls so far, oldest first. */
  argsOf(method: string, to?: string): readonly (readonly unknown[])[] {
    return this.calls.filter((call) => call.method === method && (to ?? call.to) === call.to).map(({ args }) => args);
  }

  get deployed(): readonly TaskDeploymentDescriptor[] {
    return (
      this.calls
        .filter(({ method }) => method === "submitTasks")
        // The double records what the gateway's type says.
        .flatMap(({ to, args: [batch] }) => descriptorsOf(batch as TaskDeploymentBatch, brandId<ResourceID>(to)))
    );
  }

  /** What was deployed, as the TaskExecutors that run it report it. */
  runningTasks(): readonly RunningTask[] {
    return this.deployed.map(({ attemptId, attemptNumber, jobVertexId, subtaskIndex, allocationId }) => {
      return { attemptId, attemptNumber, jobVertexId, subtaskIndex, allocationId, endOfData: false };
    });
  }

  async startJob(): Promise<void> {
    await this.jobMaster().startJob(this.jobGraph, DISPATCHER, this.quotas);
    await this.clock.advance(0);
  }

  resourceId(index: number): ResourceID {
    return taskExecutorResourceId(TESTING_JOB_ID, index);
  }

  /**
   * Brings a TaskExecutor with two slots to life, or its next instance, and has it offer both.
   *
   * @param tasks what it runs.
   */
  async addTaskExecutor(index: number, instance = "first", tasks: readonly RunningTask[] = []): Promise<void> {
    const resourceId = this.resourceId(index);
    const address = taskExecutorAddress(CLUSTER, resourceId);
    if (instance === "first") {
      this.#service.startServer(address, {
        gateways: [TaskExecutorGateway],
        factory: (context) => new TestingTaskExecutor(context, this),
      });
    }
    await this.jobMaster().registerTaskManager(
      TESTING_JOB_ID,
      {
        resourceId,
        address,
        instanceId: brandId<InstanceID>(`${instance}-${index}`),
        jobId: TESTING_JOB_ID,
        slots: 2,
        runtimeVersion: this.runtimeVersion,
      },
      tasks,
    );
    await this.offerSlots(index);
    await this.clock.advance(0);
  }

  offerSlots(index: number): Promise<readonly unknown[]> {
    const profile = { cpuCores: 1, memoryMegabytes: 64 };
    return this.jobMaster().offerSlots(
      this.resourceId(index),
      [0, 1].map((slotIndex) => ({ allocationId: this.allocation(index, slotIndex), slotIndex, profile })),
    );
  }

  allocation(index: number, slotIndex: number): AllocationID {
    return brandId<AllocationID>(`slot-${index}-${slotIndex}`);
  }

  killTaskExecutor(index: number): void {
    this.#service.kill(taskExecutorAddress(CLUSTER, this.resourceId(index)));
  }

  /** The JobMaster's process dies and comes back on the same database. */
  async restartJobMaster(): Promise<void> {
    this.#service.restart(JOB_MASTER);
    await this.clock.advance(0);
  }

  /** Answers heartbeats of all TaskExecutors every ten seconds while time goes by. */
  async advanceWithHeartbeats(millis: number, indexes: readonly number[]): Promise<void> {
    for (let left = millis; left > 0; left -= 10_000) {
      const info = await this.info();
      for (const index of indexes) {
        const here = executionsOf(info).filter(({ location }) => location === this.resourceId(index));
        const deployed = here.map(({ attemptId }) => attemptId);
        this.jobMaster().heartbeatFromTaskManager(this.resourceId(index), { deployed, metrics: [] });
      }
      await this.clock.advance(Math.min(10_000, left));
    }
  }

  async info(): Promise<ExecutionGraphInfo> {
    return this.jobMaster().requestJob();
  }

  async attempts(): Promise<readonly ExecutionAttemptID[]> {
    return executionsOf(await this.info()).map(({ attemptId }) => attemptId);
  }

  async report(
    attemptId: ExecutionAttemptID,
    state: TaskExecutionState["state"],
    failure?: Error,
  ): Promise<boolean | undefined> {
    const update = failure === undefined ? {} : { failure: serializeThrowable(failure) };
    const known = await this.jobMaster().updateTaskExecutionState([
      { jobId: TESTING_JOB_ID, attemptId, state, ...update },
    ]);
    await this.clock.settle();
    return known[0];
  }

  async reportAll(state: TaskExecutionState["state"]): Promise<void> {
    for (const attemptId of await this.attempts()) await this.report(attemptId, state);
  }

  /** From a fresh JobMaster to all tasks RUNNING on the TaskExecutors given. */
  async run(taskExecutors: readonly number[] = [0]): Promise<void> {
    await this.startJob();
    for (const index of taskExecutors) await this.addTaskExecutor(index);
    await this.runTasks();
  }

  /** From DEPLOYING to RUNNING. */
  async runTasks(): Promise<void> {
    await this.reportAll("INITIALIZING");
    await this.reportAll("RUNNING");
  }

  /** Acknowledges for all tasks, each with three bytes of state and a source position. */
  async acknowledge(checkpointId: number, sourcePosition = 100): Promise<void> {
    const state: StateHandle = { kind: "inline", bytes: Uint8Array.of(checkpointId, 2, 3) };
    const metrics = { ...NO_TASK_METRICS, sourcePosition };
    const acknowledgements = (await this.attempts()).map((attemptId) => ({ attemptId, metrics, state }));
    this.jobMaster().acknowledgeCheckpoint(TESTING_JOB_ID, checkpointId, acknowledgements);
    await this.clock.settle();
  }

  /** Names and due times of the JobMaster's durable timers. */
  get durableTimers(): readonly unknown[] {
    return this.database.exec("SELECT name, due FROM sluice_timers");
  }

  close(): void {
    this.#service.kill(JOB_MASTER);
    this.database.close();
  }
}

export function executionsOf(info: ExecutionGraphInfo): readonly ExecutionInfo[] {
  return info.vertices.flatMap(({ executions }) => executions);
}
