import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { AllocationID, InstanceID, ResourceID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import type { SlotRequest } from "../../../src/runtime/messages/slot-request.ts";
import type { SlotReport, SlotStatus } from "../../../src/runtime/messages/slots.ts";
import {
  clusterName,
  jobMasterAddress,
  resourceManagerAddress,
  taskExecutorAddress,
  taskExecutorResourceId,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { ResourceManager } from "../../../src/runtime/resourcemanager/resource-manager.ts";
import { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import type { TestingHandlers } from "../../../src/testing/testing-endpoint.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { ControlPlaneWorld } from "../control-plane-world.ts";

const SECOND = 1_000;
const CLUSTER = clusterName();
const ADDRESS = resourceManagerAddress(CLUSTER);
const { jobId } = testingJobGraph();
const JOB_MASTER = jobMasterAddress(CLUSTER, jobId);
const code = (name: string): unknown => expect.objectContaining({ code: name });
const epoch = (number: number): JobMasterId => number as Epoch as JobMasterId;
const worker = (index: number): ResourceID => taskExecutorResourceId(jobId, index);
const instance = (index: number, life = 1): InstanceID => brandId(`instance ${index}.${life}`);
const FREE: SlotReport = { slots: [0, 1].map((slotIndex): SlotStatus => ({ slotIndex, state: "FREE" })) };

/** A ResourceManager between a testing JobMaster and testing TaskExecutors. */
class World extends ControlPlaneWorld {
  /** What the TaskExecutors were asked for, newest last. */
  readonly requests: SlotRequest[] = [];

  constructor(taskExecutor: TestingHandlers<typeof TaskExecutorGateway> = {}) {
    super();
    this.start(ADDRESS, ResourceManagerGateway, (context) => new ResourceManager(context));
    this.serve(JOB_MASTER, {
      gateway: JobMasterGateway,
      handlers: {
        heartbeatFromResourceManager: () => void this.resourceManager.heartbeatFromJobManager(jobId) as undefined,
      },
    });
    for (let index = 0; index < 8; index += 1) {
      this.serve(taskExecutorAddress(CLUSTER, worker(index)), {
        gateway: TaskExecutorGateway,
        handlers: {
          startTaskExecutor: () => ACKNOWLEDGE,
          requestSlot: (request) => {
            this.requests.push(request);
            return ACKNOWLEDGE;
          },
          releaseTaskExecutor: () => ACKNOWLEDGE,
          ...taskExecutor,
        },
      });
    }
  }

  get resourceManager(): ResourceManagerGateway {
    return this.gateway(ResourceManagerGateway, ADDRESS);
  }

  async need(slots: number, master = epoch(1), sleeps = 0): Promise<void> {
    await this.settled(this.resourceManager.registerJobMaster(master, JOB_MASTER, jobId));
    await this.settled(
      this.resourceManager.declareRequiredResources(master, { jobId, jobMasterAddress: JOB_MASTER, slots, sleeps }),
    );
  }

  async register(index: number, life = 1, report: SlotReport = FREE): Promise<unknown> {
    const resourceId = worker(index);
    const instanceId = instance(index, life);
    const address = taskExecutorAddress(CLUSTER, resourceId);
    const answer = await this.settled(
      this.resourceManager.registerTaskExecutor({ resourceId, address, instanceId, jobId, slots: 2 }),
    );
    if (answer.kind === "success")
      await this.settled(this.resourceManager.sendSlotReport(resourceId, instanceId, report));
    return answer.kind;
  }

  async workers(): Promise<readonly string[]> {
    const infos = await this.settled(this.resourceManager.requestTaskManagerInfo());
    return infos.map(({ resourceId, freeSlots }) => `${resourceId.slice(-4)} ${freeSlots} free`);
  }

  started(): readonly string[] {
    return this.calls.filter(({ method }) => method === "startTaskExecutor").map(({ to }) => to.slice(-4));
  }

  released(): readonly string[] {
    return this.calls.filter(({ method }) => method === "releaseTaskExecutor").map(({ to }) => to.slice(-4));
  }
}

describe("ResourceManager", () => {
  it("SCH-26 starts workers for a declared need, and gives their slots out once they register", async () => {
    using world = new World();
    await world.need(4);
    expect(world.started()).toEqual(["te-0", "te-1"]);
    await world.register(0);
    await world.register(1);
    expect(world.requests.map(({ slotIndex, jobMasterId }) => [slotIndex, jobMasterId])).toEqual([
      [0, 1],
      [1, 1],
      [0, 1],
      [1, 1],
    ]);
    expect(new Set(world.requests.map(({ allocationId }) => allocationId)).size).toBe(4);
    expect(await world.workers()).toEqual(["te-0 0 free", "te-1 0 free"]);
    expect(await world.settled(world.resourceManager.requestResourceOverview())).toEqual({
      taskManagers: 2,
      slotsTotal: 4,
      slotsFree: 0,
    });
  });

  it("tells its workers what they will run, so that they load it while they register", async () => {
    using world = new World();
    const { module } = testingJobGraph();
    await world.settled(world.resourceManager.registerJobMaster(epoch(1), JOB_MASTER, jobId));
    const need = { jobId, jobMasterAddress: JOB_MASTER, slots: 2, module };
    await world.settled(world.resourceManager.declareRequiredResources(epoch(1), need));
    expect(world.sent("startTaskExecutor")).toMatchObject([[{ jobId, slots: 2, module }]]);
  });

  it("HB-08 refuses declarations of strangers and of superseded JobMasters, and registrations of the latter", async () => {
    using world = new World();
    const declare = (master: JobMasterId): Promise<unknown> =>
      world.settled(
        world.resourceManager.declareRequiredResources(master, { jobId, jobMasterAddress: JOB_MASTER, slots: 1 }),
      );
    await expect(declare(epoch(1))).rejects.toEqual(code("RESOURCE_MANAGER"));
    await world.need(0, epoch(2));
    await expect(declare(epoch(1))).rejects.toEqual(code("RESOURCE_MANAGER"));
    expect(await world.settled(world.resourceManager.registerJobMaster(epoch(1), JOB_MASTER, jobId))).toMatchObject({
      kind: "failure",
    });
  });

  it("requests the same allocations again for a JobMaster with a higher epoch, once it has declared its need", async () => {
    using world = new World();
    await world.need(2);
    await world.register(0);
    const before = world.requests.map(({ allocationId }) => allocationId);
    await world.settled(world.resourceManager.registerJobMaster(epoch(2), JOB_MASTER, jobId));
    const slots = before.map((allocationId, slotIndex): SlotStatus => ({
      slotIndex,
      state: "ACTIVE",
      allocationId,
      jobId,
    }));
    await world.settled(world.resourceManager.sendSlotReport(worker(0), instance(0), { slots }));
    expect(world.requests).toHaveLength(2);
    await world.need(2, epoch(2));
    expect(world.requests.slice(2).map(({ allocationId }) => allocationId)).toEqual(before);
    expect(world.requests.slice(2).map(({ jobMasterId }) => jobMasterId)).toEqual([2, 2]);
    expect(world.started()).toEqual(["te-0"]);
  });

  it("SCH-30 gives a slot up that is refused, and tries again", async () => {
    let refusals = 1;
    const requests: AllocationID[] = [];
    using world = new World({
      requestSlot: ({ allocationId }) => {
        requests.push(allocationId);
        if (refusals-- > 0) throw new SluiceException("SLOT_OCCUPIED", "taken");
        return ACKNOWLEDGE;
      },
    });
    await world.need(1);
    await world.register(0);
    await world.clock.advance(2 * SECOND);
    expect(requests).toHaveLength(2);
    expect(requests[1]).not.toBe(requests[0]);
    expect(await world.workers()).toEqual(["te-0 1 free"]);
  });

  it("repeats a slot request without an answer under the same allocation", async () => {
    using world = new World();
    let lost = 0;
    world.fate = ({ method }) => (method === "requestSlot" && lost++ === 0 ? "lose-reply" : "deliver");
    await world.need(1);
    await world.register(0);
    await world.clock.advance(15 * SECOND);
    expect(world.requests).toHaveLength(2);
    expect(world.requests[1]).toEqual(world.requests[0]);
  });

  it("SCH-37 frees and adopts slots as the report says, and leaves pending ones alone", async () => {
    using world = new World();
    const stranger = brandId<AllocationID>("5".repeat(32));
    await world.need(1);
    await world.register(0);
    world.fate = ({ method }) => (method === "requestSlot" ? "lose-request" : "deliver");
    world.resourceManager.heartbeatFromTaskManager(worker(0), {
      slots: [
        { slotIndex: 0, state: "FREE" },
        { slotIndex: 1, state: "ACTIVE", allocationId: stranger, jobId },
      ],
    });
    await world.clock.settle();
    expect(await world.workers()).toEqual(["te-0 1 free"]);
    await world.need(2);
    expect(await world.workers()).toEqual(["te-0 0 free"]);
    world.resourceManager.heartbeatFromTaskManager(worker(0), {
      slots: [
        { slotIndex: 0, state: "FREE" },
        { slotIndex: 1, state: "ACTIVE", allocationId: stranger, jobId },
      ],
    });
    await world.clock.settle();
    expect(await world.workers()).toEqual(["te-0 0 free"]);
  });

  it("SCH-40 says so when a need exceeds the quota of a job", async () => {
    using world = new World();
    await world.need(1_000);
    expect(world.started()).toHaveLength(100);
    expect(world.sent("notifyNotEnoughResourcesAvailable")).toEqual([[0, expect.stringContaining("quota")]]);
  });

  it("HB-09 registers its own workers only; a new instance replaces the old, whose reports are errors", async () => {
    using world = new World();
    expect(await world.register(0)).toBe("rejection");
    await world.need(1);
    expect(await world.register(0)).toBe("success");
    expect(await world.register(0, 2)).toBe("success");
    await expect(world.settled(world.resourceManager.sendSlotReport(worker(0), instance(0, 1), FREE))).rejects.toEqual(
      code("RESOURCE_MANAGER"),
    );
  });

  it("HB-06 replaces a TaskExecutor that falls silent, ends it, and tells its JobMaster", async () => {
    using world = new World();
    await world.need(1);
    await world.register(0);
    await world.clock.advance(51 * SECOND);
    expect(world.sent("disconnectTaskManager")).toEqual([
      [worker(0), expect.objectContaining({ infrastructure: true })],
    ]);
    expect(world.released()).toEqual(["te-0"]);
    expect(world.started()).toEqual(["te-0", "te-1"]);
    expect(await world.workers()).toEqual([]);
  });

  it("replaces a slot that a TaskExecutor gives up, and ends the worker once it is empty (requestSlot)", async () => {
    using world = new World();
    await world.need(2);
    await world.register(0);
    const [first, second] = world.requests.map(({ allocationId }) => allocationId);
    if (first === undefined || second === undefined) throw new Error("no slots were requested");
    for (let repeat = 0; repeat < 2; repeat += 1) {
      await world.settled(world.resourceManager.requestSlot(worker(0), jobId, first));
      await world.settled(world.resourceManager.requestSlot(worker(0), jobId, second));
    }
    expect(world.started()).toEqual(["te-0", "te-1"]);
    world.resourceManager.notifySlotAvailable(instance(0), 0, second);
    world.resourceManager.notifySlotAvailable(instance(0), 1, second);
    await world.clock.settle();
    expect(world.released()).toEqual([]);
    world.resourceManager.notifySlotAvailable(instance(0), 0, first);
    await world.settled(world.resourceManager.requestTaskManagerInfo());
    expect(world.released()).toEqual(["te-0"]);
    await expect(world.settled(world.resourceManager.requestSlot(worker(7), jobId, first))).rejects.toEqual(
      code("RESOURCE_MANAGER"),
    );
  });

  it("HB-07 keeps a job whose JobMaster is silent for five minutes, then ends its workers", async () => {
    using world = new World();
    await world.need(1);
    await world.register(0);
    const beat = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second += 10) {
        world.resourceManager.heartbeatFromTaskManager(worker(0), {
          slots: [{ slotIndex: 0, state: "ACTIVE", allocationId: world.requests[0]?.allocationId ?? brandId(""), jobId }, { slotIndex: 1, state: "FREE" }],
        }); // prettier-ignore
        await world.clock.advance(10 * SECOND);
      }
    };
    world.service.kill(JOB_MASTER);
    await beat(300);
    expect(world.released()).toEqual([]);
    await beat(120);
    expect(world.released()).toEqual(["te-0"]);
    await world.clock.advance(60 * SECOND);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
  });

  it("HB-07 keeps a job whose JobMaster leaves before the job's end, and ends its workers at once at the end", async () => {
    using world = new World();
    await world.need(1);
    await world.register(0);
    await world.settled(world.resourceManager.disconnectJobManager(jobId, epoch(1), "SUSPENDED"));
    expect(world.released()).toEqual([]);
    await world.need(1, epoch(2));
    await world.settled(world.resourceManager.disconnectJobManager(jobId, epoch(1), "FINISHED"));
    expect(world.released()).toEqual([]);
    await world.settled(world.resourceManager.disconnectJobManager(jobId, epoch(2), "FINISHED"));
    expect(world.released()).toEqual(["te-0"]);
    await world.clock.advance(SECOND);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
    expect(world.clock.pending).toBe(0);
  });

  it("repeats the release of a worker until it is acknowledged", async () => {
    using world = new World();
    let lost = 0;
    world.fate = ({ method }) => (method === "releaseTaskExecutor" && lost++ < 2 ? "lose-request" : "deliver");
    await world.need(1);
    await world.register(0);
    await world.settled(world.resourceManager.disconnectJobManager(jobId, epoch(1), "CANCELED"));
    expect(await world.register(0, 2)).toBe("rejection");
    await world.clock.advance(60 * SECOND);
    expect(world.released()).toHaveLength(3);
    expect(world.stored(ADDRESS)).toEqual({ keys: [], timers: [] });
  });

  it("SCH-39, SCH-41 reclaims the slots of a job that needs none, and ends workers that stay idle", async () => {
    using world = new World();
    await world.need(1);
    await world.register(0);
    await world.need(0);
    expect(world.sent("freeSlot")).toEqual([[world.requests[0]?.allocationId, expect.anything()]]);
    world.resourceManager.notifySlotAvailable(instance(0), 0, world.requests[0]?.allocationId ?? brandId(""));
    for (let beat = 0; beat < 8; beat += 1) {
      await world.clock.advance(10 * SECOND);
      world.resourceManager.heartbeatFromTaskManager(worker(0), FREE);
    }
    expect(world.released()).toEqual(["te-0"]);
  });

  it("takes up where it was after a loss of its memory, under the same epoch", async () => {
    using world = new World();
    world.fate = ({ method }) => (method === "startTaskExecutor" ? "lose-request" : "deliver");
    await world.need(3);
    world.fate = () => "deliver";
    world.service.restart(ADDRESS);
    await world.clock.settle();
    expect(world.started()).toEqual(["te-0", "te-1", "te-0", "te-1"]);
    await world.register(0);
    world.service.restart(ADDRESS);
    await world.clock.settle();
    expect(await world.workers()).toEqual(["te-0 0 free"]);
    await world.clock.advance(51 * SECOND);
    expect(world.sent("disconnectTaskManager")).toHaveLength(1);
  });

  it("releases the workers of a job that sleeps, keeps no timer for it, and gives it others when it wakes", async () => {
    using world = new World();
    await world.need(3);
    await world.register(0);
    await world.register(1);
    await world.settled(world.resourceManager.suspendJob(jobId, epoch(1), 1));
    await world.clock.settle();
    expect(world.released()).toEqual(["te-0", "te-1"]);
    expect(world.stored(ADDRESS)).toEqual({ keys: [`job/${jobId}`], timers: [] });
    expect(world.clock.pending).toBe(0);
    world.service.restart(ADDRESS);
    await world.clock.advance(600 * SECOND);
    expect(world.stored(ADDRESS)).toEqual({ keys: [`job/${jobId}`], timers: [] });
    await world.need(3, epoch(1), 1);
    expect(world.started()).toEqual(["te-0", "te-1", "te-2", "te-3"]);
    await world.register(2);
    // A repeat that was under way all the time.
    await world.settled(world.resourceManager.suspendJob(jobId, epoch(1), 1));
    await world.clock.settle();
    expect(await world.workers()).toEqual(["te-2 0 free"]);
    await world.settled(world.resourceManager.suspendJob(jobId, epoch(1), 2));
    await world.clock.settle();
    expect(await world.workers()).toEqual([]);
  });
});
