import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { AllocationID, ExecutionAttemptID, JobID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import type { SlotRequest } from "../../../src/runtime/messages/slot-request.ts";
import type { TaskRefusal } from "../../../src/runtime/messages/task-deployment-batch.ts";
import type { TaskDeploymentDescriptor } from "../../../src/runtime/messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import {
  clusterName,
  jobMasterAddress,
  resourceManagerAddress,
  taskExecutorAddress,
  taskExecutorResourceId,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import type { ResourceManagerId } from "../../../src/runtime/resourcemanager/resource-manager-id.ts";
import { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import type { TaskExecutorStart } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import { TaskExecutor } from "../../../src/runtime/taskexecutor/task-executor.ts";
import { ScriptedTaskHosts } from "../../../src/testing/scripted-task-host.ts";
import type { TaskScript } from "../../../src/testing/scripted-task-host.ts";
import type { TestingHandlers } from "../../../src/testing/testing-endpoint.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { ControlPlaneWorld } from "../control-plane-world.ts";

// Small numbers stand for ids and epochs that the endpoints themselves would make.
export const allocation = (number: number): AllocationID => brandId(number.toString(16).padStart(32, "a"));
export const attempt = (number: number): ExecutionAttemptID => brandId(number.toString(16).padStart(32, "e"));
export const jobMasterId = (epoch: number): JobMasterId => epoch as Epoch as JobMasterId;
export const resourceManagerId = (epoch: number): ResourceManagerId => epoch as Epoch as ResourceManagerId;

const CLUSTER = clusterName();
export const JOB_ID: JobID = testingJobGraph().jobId;
export const RESOURCE_ID = taskExecutorResourceId(JOB_ID, 0);
export const ADDRESS = taskExecutorAddress(CLUSTER, RESOURCE_ID);
export const JOB_MASTER = jobMasterAddress(CLUSTER, JOB_ID);
export const RESOURCE_MANAGER = resourceManagerAddress(CLUSTER);
export const CAUSE = { name: "Error", message: "because", stack: "Error: because" };

type JobMasterHandlers = TestingHandlers<typeof JobMasterGateway>;
type ResourceManagerHandlers = TestingHandlers<typeof ResourceManagerGateway>;

/** A TaskExecutor between a testing ResourceManager and a testing JobMaster. */
export class TaskExecutorWorld extends ControlPlaneWorld {
  readonly hosts: ScriptedTaskHosts;

  constructor(
    script: Partial<TaskScript> = {},
    peers: { readonly jobMaster?: JobMasterHandlers; readonly resourceManager?: ResourceManagerHandlers } = {},
  ) {
    super();
    this.hosts = new ScriptedTaskHosts(this.clock, { bounded: false, ...script });
    this.start(ADDRESS, TaskExecutorGateway, (context) => new TaskExecutor(context, { hosts: this.hosts }));
    this.serve(RESOURCE_MANAGER, {
      gateway: ResourceManagerGateway,
      handlers: {
        registerTaskExecutor: ({ instanceId }) => ({
          kind: "success",
          instanceId,
          resourceManagerId: resourceManagerId(1),
        }),
        sendSlotReport: () => ACKNOWLEDGE,
        requestSlot: () => ACKNOWLEDGE,
        ...peers.resourceManager,
      },
    });
    this.serveJobMaster(peers.jobMaster);
  }

  /** The JobMaster of this epoch, in place of the one before. */
  serveJobMaster(handlers: JobMasterHandlers = {}, epoch = 1): void {
    this.serve(JOB_MASTER, {
      gateway: JobMasterGateway,
      epoch,
      handlers: {
        registerTaskManager: () => ({ kind: "success" as const, jobMasterId: jobMasterId(epoch) }),
        offerSlots: (_, offers) => offers,
        updateTaskExecutionState: (states) => states.map(() => true),
        ...handlers,
      },
    });
  }

  get taskExecutor(): TaskExecutorGateway {
    return this.gateway(TaskExecutorGateway, ADDRESS);
  }

  async started(change: Partial<TaskExecutorStart> = {}): Promise<void> {
    await this.settled(
      this.taskExecutor.startTaskExecutor({
        jobId: JOB_ID,
        resourceManagerAddress: RESOURCE_MANAGER,
        resourceManagerId: resourceManagerId(1),
        slots: 2,
        ...change,
      }),
    );
  }

  request(slotIndex: number, change: Partial<SlotRequest> = {}): Promise<unknown> {
    return this.settled(
      this.taskExecutor.requestSlot({
        slotIndex,
        jobId: JOB_ID,
        allocationId: allocation(slotIndex),
        profile: { cpuCores: 1, memoryMegabytes: 64 },
        jobMasterAddress: JOB_MASTER,
        jobMasterId: jobMasterId(1),
        resourceManagerId: resourceManagerId(1),
        ...change,
      }),
    );
  }

  /** Started, registered everywhere, with slots 0 and 1 taken by the JobMaster. */
  async active(): Promise<void> {
    await this.started();
    await this.request(0);
    await this.request(1);
  }

  submit(number: number, change: Partial<TaskDeploymentDescriptor> = {}, epoch = 1): Promise<unknown> {
    const { name, module, hash, configuration, vertices } = testingJobGraph();
    const [vertex] = vertices;
    if (vertex === undefined) throw new Error("the testing job has no vertex");
    return this.settled(
      this.taskExecutor.submitTask(
        {
          jobId: JOB_ID,
          jobName: name,
          module,
          graphHash: hash,
          configuration,
          jobVertexId: vertex.id,
          taskName: vertex.name,
          subtaskIndex: number,
          parallelism: vertex.parallelism,
          maxParallelism: vertex.maxParallelism,
          attemptId: attempt(number),
          attemptNumber: 0,
          allocationId: allocation(0),
          inputGates: [],
          resultPartitions: [],
          ...change,
        },
        jobMasterId(epoch),
      ),
    );
  }

  /** One batch of tasks. @param tasks attempts by number, and their slots. */
  submitBatch(tasks: readonly (readonly [number: number, slot: number])[], epoch = 1): Promise<readonly TaskRefusal[]> {
    const { name, module, hash, configuration, vertices } = testingJobGraph();
    const [vertex] = vertices;
    if (vertex === undefined) throw new Error("the testing job has no vertex");
    const { id: jobVertexId, name: taskName, parallelism, maxParallelism } = vertex;
    const batch = {
      jobId: JOB_ID,
      jobName: name,
      module,
      graphHash: hash,
      configuration,
      vertices: [{ jobVertexId, taskName, parallelism, maxParallelism, inputs: [], outputs: [] }],
      tasks: tasks.map(([number, slot]) => ({
        vertex: 0,
        subtaskIndex: number,
        attemptId: attempt(number),
        attemptNumber: 0,
        allocationId: allocation(slot),
      })),
    };
    return this.settled(this.taskExecutor.submitTasks(batch, jobMasterId(epoch)));
  }

  /** The slots as told to the ResourceManager in answer to a heartbeat. */
  async slotStates(): Promise<readonly string[]> {
    this.taskExecutor.heartbeatFromResourceManager(resourceManagerId(1));
    await this.clock.settle();
    const report = this.sent("heartbeatFromTaskManager")
      .filter(([, payload]) => isSlotReport(payload))
      .at(-1)?.[1];
    return isSlotReport(report) ? report.slots.map(({ state }) => state) : [];
  }

  /** All states told to the JobMaster, as `<attempt>:<state>`. */
  states(): readonly string[] {
    // Arguments of this very method, typed by its gateway on the way in.
    const reports = this.sent("updateTaskExecutionState") as readonly (readonly [readonly TaskExecutionState[]])[];
    return reports
      .flatMap(([states]) => states)
      .map(({ attemptId, state }) => `${attemptId.replace(/^e+/, "")}:${state}`);
  }
}

function isSlotReport(value: unknown): value is { readonly slots: readonly { readonly state: string }[] } {
  return typeof value === "object" && value !== null && "slots" in value;
}
