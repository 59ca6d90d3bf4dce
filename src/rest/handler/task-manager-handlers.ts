import { brandId, type JobID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { TaskManagerInfo } from "../../runtime/messages/task-manager-info.ts";
import { isTerminalExecutionState } from "../../runtime/messages/execution-state.ts";
import { TaskManagerDetailsHeaders, TaskManagersHeaders } from "../messages/task-manager-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

/** What the platform gives an isolate; nothing finer is known. */
const ISOLATE_MEMORY_MEGABYTES = 128;
const BYTES_PER_MEGABYTE = 1024 * 1024;

export const TASK_MANAGER_ROUTES: readonly RestRoute[] = [
  // The list does not ask every job for its tasks: a slot in use counts as one.
  route(TaskManagersHeaders, async ({ services }) => ({
    taskmanagers: (await services.resourceManager.requestTaskManagerInfo()).map((info) =>
      taskManagerInfo(info, info.slots - info.freeSlots),
    ),
  })),

  route(TaskManagerDetailsHeaders, async ({ path, services }) => {
    const info = await services.resourceManager.requestTaskManagerDetailsInfo(brandId(path.taskmanagerid));
    if (info === undefined) throw new RestHandlerException(404, `Could not find TaskExecutor ${path.taskmanagerid}`);
    const slotsInUse = info.slots - info.freeSlots;
    const tasks = await countTasks(services, info);
    return {
      ...taskManagerInfo(info, tasks),
      metrics: NO_PROCESS_METRICS,
      allocatedSlots: Array.from({ length: slotsInUse }, (_, slot) => ({
        jobId: info.jobId,
        assignedTasks: Math.floor((tasks + slot) / slotsInUse),
        resource: resources(1 / info.slots),
      })),
    };
  }),
];

/** Tasks of its job that run there; 0 if the job is gone. */
async function countTasks(services: ClusterServices, info: TaskManagerInfo): Promise<number> {
  const job = await knownJob(services, info.jobId);
  return (job?.vertices ?? [])
    .flatMap(({ executions }) => executions)
    .filter(({ location, state }) => location === info.resourceId && !isTerminalExecutionState(state)).length;
}

async function knownJob(services: ClusterServices, jobId: JobID) {
  try {
    return await services.dispatcher.requestJob(jobId);
  } catch (error) {
    if (SluiceException.is(error, "JOB_NOT_FOUND")) return undefined;
    throw error;
  }
}

function taskManagerInfo(info: TaskManagerInfo, assignedTasks: number) {
  const memory = ISOLATE_MEMORY_MEGABYTES * BYTES_PER_MEGABYTE;
  return {
    id: info.resourceId,
    path: info.address,
    dataPort: 0,
    jmxPort: -1,
    timeSinceLastHeartbeat: info.lastHeartbeatMillis,
    slotsNumber: info.slots,
    freeSlots: info.freeSlots,
    assignedTasks,
    totalResource: resources(1),
    freeResource: resources(info.slots === 0 ? 0 : info.freeSlots / info.slots),
    hardware: { cpuCores: 1, physicalMemory: memory, freeMemory: memory, managedMemory: 0 },
    memoryConfiguration: {
      frameworkHeap: 0,
      taskHeap: memory,
      frameworkOffHeap: 0,
      taskOffHeap: 0,
      networkMemory: 0,
      managedMemory: 0,
      jvmMetaspace: 0,
      jvmOverhead: 0,
      totalFlinkMemory: memory,
      totalProcessMemory: memory,
    },
    blocked: false,
  };
}

function resources(share: number) {
  return {
    cpuCores: share,
    taskHeapMemory: Math.floor(ISOLATE_MEMORY_MEGABYTES * share),
    taskOffHeapMemory: 0,
    managedMemory: 0,
    networkMemory: 0,
    extendedResources: {},
  };
}

const NO_PROCESS_METRICS = {
  heapUsed: 0,
  heapCommitted: 0,
  heapMax: ISOLATE_MEMORY_MEGABYTES * BYTES_PER_MEGABYTE,
  nonHeapUsed: 0,
  nonHeapCommitted: 0,
  nonHeapMax: 0,
  directCount: 0,
  directUsed: 0,
  directMax: 0,
  mappedCount: 0,
  mappedUsed: 0,
  mappedMax: 0,
  memorySegmentsAvailable: 0,
  memorySegmentsTotal: 0,
  nettyShuffleMemorySegmentsAvailable: 0,
  nettyShuffleMemorySegmentsUsed: 0,
  nettyShuffleMemorySegmentsTotal: 0,
  nettyShuffleMemoryAvailable: 0,
  nettyShuffleMemoryUsed: 0,
  nettyShuffleMemoryTotal: 0,
  garbageCollectors: [],
};
