import type { ErrorData } from "../../common/exceptions.ts";
import type {
  AllocationID,
  ExecutionAttemptID,
  IntermediateDataSetID,
  JobID,
  JobVertexID,
  ResourceID,
} from "../../common/ids.ts";
import type { JobConfiguration } from "../jobgraph/job-configuration.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";
import { inSameBatch } from "./execution-attempt-id.ts";
import type { ChannelPeer, TaskDeploymentDescriptor, TaskRestore } from "./task-deployment-descriptor.ts";

/**
 * Tasks for one TaskExecutor. What they have in common is said once, peers as ranges: a job with an all-to-all edge would send
 * a number of bytes otherwise that is the square of its subtasks. {@link descriptorsOf} makes descriptors of it.
 */
export interface TaskDeploymentBatch {
  readonly jobId: JobID;
  readonly jobName: string;
  readonly module: JobModuleReference;
  readonly graphHash: string;
  readonly configuration: JobConfiguration;
  /** Of the tasks. */
  readonly vertices: readonly DeployedVertex[];
  readonly tasks: readonly DeployedTask[];
}

export interface DeployedVertex {
  readonly jobVertexId: JobVertexID;
  readonly taskName: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly inputs: readonly DeployedEdge[];
  readonly outputs: readonly DeployedEdge[];
}

/** An edge as seen from one end. The tasks at the other are of the same batch of attempts: they are deployed together. */
export interface DeployedEdge {
  readonly dataSet: IntermediateDataSetID;
  /** Place of the other vertex' first subtask. */
  readonly first: number;
  /** Of the other vertex. */
  readonly maxParallelism: number;
  /** Of an all-to-all edge: where the other vertex' subtasks are. Absent for FORWARD, whose ends share a slot (SCH-07). */
  readonly locations?: SubtaskLocations;
}

/** Where the subtasks of a vertex are, in order: so many on one TaskExecutor, so many on the next. */
export type SubtaskLocations = readonly (readonly [taskExecutor: ResourceID, subtasks: number])[];

export interface DeployedTask {
  /** Index in {@link TaskDeploymentBatch.vertices}. */
  readonly vertex: number;
  readonly subtaskIndex: number;
  readonly attemptId: ExecutionAttemptID;
  readonly attemptNumber: number;
  readonly allocationId: AllocationID;
  readonly restore?: TaskRestore;
}

/** Why one task of a batch was not taken. */
export interface TaskRefusal {
  readonly attemptId: ExecutionAttemptID;
  readonly error: ErrorData;
}

/**
 * One per task, in order; lists of peers are shared.
 *
 * @param self the TaskExecutor that the batch is for.
 */
export function descriptorsOf(batch: TaskDeploymentBatch, self: ResourceID): readonly TaskDeploymentDescriptor[] {
  const { vertices, tasks, ...job } = batch;
  const all = new Map<DeployedEdge, readonly ChannelPeer[]>();
  const peersOf = (edge: DeployedEdge, task: DeployedTask): readonly ChannelPeer[] => {
    if (edge.locations === undefined) return [peerOf(task.attemptId, edge.first, [task.subtaskIndex, self])];
    const known = all.get(edge) ?? allPeers(task.attemptId, edge.first, edge.locations);
    all.set(edge, known);
    return known;
  };
  return tasks.flatMap((task) => {
    const vertex = vertices[task.vertex];
    if (vertex === undefined) return [];
    const { inputs, outputs, ...named } = vertex;
    const { vertex: _, ...attempt } = task;
    return [
      {
        ...job,
        ...named,
        ...attempt,
        inputGates: inputs.map((edge) => ({ dataSet: edge.dataSet, producers: peersOf(edge, task) })),
        resultPartitions: outputs.map((edge) => {
          return { dataSet: edge.dataSet, consumers: peersOf(edge, task), maxParallelism: edge.maxParallelism };
        }),
      },
    ];
  });
}

function allPeers(attemptId: ExecutionAttemptID, first: number, locations: SubtaskLocations): readonly ChannelPeer[] {
  const peers: ChannelPeer[] = [];
  for (const [taskExecutor, subtasks] of locations) {
    for (let count = 0; count < subtasks; count += 1) {
      peers.push(peerOf(attemptId, first, [peers.length, taskExecutor]));
    }
  }
  return peers;
}

function peerOf(
  attemptId: ExecutionAttemptID,
  first: number,
  [subtaskIndex, taskExecutor]: readonly [subtaskIndex: number, taskExecutor: ResourceID],
): ChannelPeer {
  return { attemptId: inSameBatch(attemptId, first + subtaskIndex), subtaskIndex, taskExecutor };
}
