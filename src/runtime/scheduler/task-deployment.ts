import { SluiceException } from "../../common/exceptions.ts";
import type { IntermediateDataSetID, JobVertexID } from "../../common/ids.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { AssignedSlot, Execution } from "../executiongraph/execution.ts";
import type { JobVertex, ShipStrategy } from "../jobgraph/job-graph.ts";
import type { ChannelPeer, TaskDeploymentDescriptor, TaskRestore } from "../messages/task-deployment-descriptor.ts";

/** One task and where it goes. */
export interface TaskDeployment {
  readonly execution: Execution;
  readonly slot: AssignedSlot;
  readonly descriptor: TaskDeploymentDescriptor;
}

/**
 * Descriptors of all current attempts, which have to have slots, in topological order (SCH-03). Lists of peers are
 * shared between the subtasks of a vertex, so building is linear in the subtasks.
 *
 * @param restoreOf the snapshots an attempt starts from.
 */
export function createTaskDeployments(
  graph: ExecutionGraph,
  restoreOf: (execution: Execution) => TaskRestore | undefined,
): readonly TaskDeployment[] {
  const peers = new Map<JobVertexID, readonly ChannelPeer[]>();
  for (const { jobVertex, executions } of graph.vertices) peers.set(jobVertex.id, executions.map(peerOf));
  const { jobId, name, module, hash, configuration } = graph.jobGraph;
  const deployments: TaskDeployment[] = [];
  for (const { jobVertex, executions } of graph.vertices) {
    const inputs = jobVertex.inputs.map((input) => channels(peers, input.source, input));
    const outputs = jobVertex.outputs.map((output) =>
      channels(peers, output.consumer, { ...output, dataSet: output.id }),
    );
    for (const execution of executions) {
      const slot = slotOf(execution);
      const restore = restoreOf(execution);
      const descriptor: TaskDeploymentDescriptor = {
        jobId,
        jobName: name,
        module,
        graphHash: hash,
        configuration,
        ...vertexPart(jobVertex),
        subtaskIndex: execution.subtaskIndex,
        attemptId: execution.attemptId,
        attemptNumber: execution.attemptNumber,
        allocationId: slot.allocationId,
        inputGates: inputs.map(({ dataSet, of }) => ({ dataSet, producers: of(execution.subtaskIndex) })),
        resultPartitions: outputs.map(({ dataSet, of }) => ({ dataSet, consumers: of(execution.subtaskIndex) })),
        ...(restore === undefined ? {} : { restore }),
      };
      deployments.push({ execution, slot, descriptor });
    }
  }
  return deployments;
}

function vertexPart(
  vertex: JobVertex,
): Pick<TaskDeploymentDescriptor, "jobVertexId" | "taskName" | "parallelism" | "maxParallelism"> {
  const { id, name, parallelism, maxParallelism } = vertex;
  return { jobVertexId: id, taskName: name, parallelism, maxParallelism };
}

/** The other ends of one edge, as each subtask sees them: all for an all-to-all edge, the same index for FORWARD. */
function channels(
  peers: ReadonlyMap<JobVertexID, readonly ChannelPeer[]>,
  other: JobVertexID,
  edge: { readonly dataSet: IntermediateDataSetID; readonly shipStrategy: ShipStrategy },
): { readonly dataSet: IntermediateDataSetID; readonly of: (subtaskIndex: number) => readonly ChannelPeer[] } {
  const all = peers.get(other) ?? [];
  return {
    dataSet: edge.dataSet,
    of: edge.shipStrategy === "FORWARD" ? (subtaskIndex) => all.slice(subtaskIndex, subtaskIndex + 1) : () => all,
  };
}

function peerOf(execution: Execution): ChannelPeer {
  const { attemptId, subtaskIndex } = execution;
  return { attemptId, subtaskIndex, taskExecutor: slotOf(execution).location };
}

function slotOf(execution: Execution): AssignedSlot {
  if (execution.slot !== undefined) return execution.slot;
  throw new SluiceException("ILLEGAL_STATE", `attempt ${execution.attemptId} is deployed without a slot`);
}
