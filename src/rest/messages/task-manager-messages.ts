import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import { FreeTextParameter } from "./parameters.ts";
import { Count, HexId, Timestamp } from "./states.ts";

/** Memory in megabytes. */
export const ResourceProfileInfo = z.object({
  cpuCores: z.number(),
  taskHeapMemory: z.int(),
  taskOffHeapMemory: z.int(),
  managedMemory: z.int(),
  networkMemory: z.int(),
  extendedResources: z.record(z.string(), z.number()),
});

const TaskExecutorMemoryConfiguration = z.object({
  frameworkHeap: z.int(),
  taskHeap: z.int(),
  frameworkOffHeap: z.int(),
  taskOffHeap: z.int(),
  networkMemory: z.int(),
  managedMemory: z.int(),
  jvmMetaspace: z.int(),
  jvmOverhead: z.int(),
  totalFlinkMemory: z.int(),
  totalProcessMemory: z.int(),
});

/** `timeSinceLastHeartbeat` is a timestamp, whatever its name says. */
export const TaskManagerInfo = z.object({
  id: z.string(),
  path: z.string(),
  dataPort: z.int(),
  jmxPort: z.int(),
  timeSinceLastHeartbeat: Timestamp,
  slotsNumber: Count,
  freeSlots: Count,
  assignedTasks: Count,
  totalResource: ResourceProfileInfo,
  freeResource: ResourceProfileInfo,
  hardware: z.object({ cpuCores: z.int(), physicalMemory: z.int(), freeMemory: z.int(), managedMemory: z.int() }),
  memoryConfiguration: TaskExecutorMemoryConfiguration,
  blocked: z.boolean(),
});

export const TaskManagersHeaders = defineHeaders({
  name: "TaskManagersHeaders",
  method: "GET",
  url: "/taskmanagers",
  description: "TaskExecutors of the cluster, shown as Flink's task managers.",
  scope: "read",
  response: z.object({ taskmanagers: z.array(TaskManagerInfo) }),
});

const TaskManagerMetricsInfo = z.object({
  heapUsed: z.int(),
  heapCommitted: z.int(),
  heapMax: z.int(),
  nonHeapUsed: z.int(),
  nonHeapCommitted: z.int(),
  nonHeapMax: z.int(),
  directCount: z.int(),
  directUsed: z.int(),
  directMax: z.int(),
  mappedCount: z.int(),
  mappedUsed: z.int(),
  mappedMax: z.int(),
  memorySegmentsAvailable: z.int(),
  memorySegmentsTotal: z.int(),
  nettyShuffleMemorySegmentsAvailable: z.int(),
  nettyShuffleMemorySegmentsUsed: z.int(),
  nettyShuffleMemorySegmentsTotal: z.int(),
  nettyShuffleMemoryAvailable: z.int(),
  nettyShuffleMemoryUsed: z.int(),
  nettyShuffleMemoryTotal: z.int(),
  garbageCollectors: z.array(z.object({ name: z.string(), count: z.int(), time: z.int() })),
});

export const TaskManagerDetailsHeaders = defineHeaders({
  name: "TaskManagerDetailsHeaders",
  method: "GET",
  url: "/taskmanagers/:taskmanagerid",
  description: "One TaskExecutor. Figures that an isolate cannot know are 0.",
  scope: "read",
  path: { taskmanagerid: FreeTextParameter },
  response: TaskManagerInfo.extend({
    metrics: TaskManagerMetricsInfo,
    allocatedSlots: z.array(z.object({ jobId: HexId, assignedTasks: Count, resource: ResourceProfileInfo })),
  }),
});
