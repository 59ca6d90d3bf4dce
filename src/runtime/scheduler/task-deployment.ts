import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, IntermediateDataSetID, JobVertexID } from "../../common/ids.ts";
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
 * Descriptors of the attempts, whole regions which have to have slots, in topological order (SCH-03). Lists of peers are
 * shared between the subtasks of a vertex, so building is linear in the subtasks.
 *
 * @param restoreOf the snapshots an attempt starts from.
 */
export function createTaskDeployments(
  graph: ExecutionGraph,
  attemptIds: readonly ExecutionAttemptID[],
  restoreOf: (execution: Execution) => TaskRestore | undefined,
): readonly TaskDeployment[] {
  const wanted = new Set(attemptIds);
  const peers = new Map(graph.vertices.map(({ jobVertex, executions }) => [jobVertex.id, new Peers(executions)]));
  const { jobId, name, module, hash, configuration } = graph.jobGraph;
  const deployments: TaskDeployment[] = [];
  for (const { jobVertex, executions } of graph.vertices) {
    const inputs = jobVertex.inputs.map((input) => channels(peers, input.source, input));
    const outputs = jobVertex.outputs.map((output) =>
      channels(peers, output.consumer, { ...output, dataSet: output.id }),
    );
    for (const execution of executions) {
      if (!wanted.has(execution.attemptId)) continue;
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
  peers: ReadonlyMap<JobVertexID, Peers>,
  other: JobVertexID,
  edge: { readonly dataSet: IntermediateDataSetID; readonly shipStrategy: ShipStrategy },
): { readonly dataSet: IntermediateDataSetID; readonly of: (subtaskIndex: number) => readonly ChannelPeer[] } {
  const ends = peers.get(other);
  return {
    dataSet: edge.dataSet,
    of: (subtaskIndex) => (edge.shipStrategy === "FORWARD" ? ends?.of(subtaskIndex) : ends?.all) ?? [],
  };
}

/** The subtasks of one vertex as ends of channels; those of another region are not looked at, they may have no slot. */
class Peers {
  readonly #executions: readonly Execution[];
  #all: readonly ChannelPeer[] | undefined;

  constructor(executions: readonly Execution[]) {
    this.#executions = executions;
  }

  get all(): readonly ChannelPeer[] {
    return (this.#all ??= this.#executions.map(peerOf));
  }

  of(subtaskIndex: number): readonly ChannelPeer[] {
    return this.#executions.slice(subtaskIndex, subtaskIndex + 1).map(peerOf);
  }
}

function peerOf(execution: Execution): ChannelPeer {
  const { attemptId, subtaskIndex } = execution;
  return { attemptId, subtaskIndex, taskExecutor: slotOf(execution).location };
}

function slotOf(execution: Execution): AssignedSlot {
  if (execution.slot !== undefined) return execution.slot;
  throw new SluiceException("ILLEGAL_STATE", `attempt ${execution.attemptId} is deployed without a slot`);
}
