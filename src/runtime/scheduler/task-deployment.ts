import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, JobVertexID, ResourceID } from "../../common/ids.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { AssignedSlot, Execution } from "../executiongraph/execution.ts";
import { groupByTaskExecutor } from "../executiongraph/task-executor-table.ts";
import type { IntermediateDataSet, JobEdge, JobVertex } from "../jobgraph/job-graph.ts";
import type {
  DeployedEdge,
  DeployedTask,
  DeployedVertex,
  SubtaskLocations,
  TaskDeploymentBatch,
} from "../messages/task-deployment-batch.ts";
import type { TaskRestore } from "../messages/task-deployment-descriptor.ts";

/** The tasks for one TaskExecutor. */
export interface TaskDeployment {
  readonly location: ResourceID;
  readonly batch: TaskDeploymentBatch;
}

/**
 * Deployments of the attempts, one per TaskExecutor. The attempts are whole regions, which have to have slots, in topological
 * order (SCH-03); so are the tasks of each batch. What is said of a vertex is shared between the batches: building is linear
 * in the subtasks. Each is made when it is asked for: of a wide job there are too many to have them all at once.
 *
 * @param restoreOf the snapshots an attempt starts from.
 */
export function* createTaskDeployments(
  graph: ExecutionGraph,
  attemptIds: readonly ExecutionAttemptID[],
  restoreOf: (execution: Execution) => TaskRestore | undefined,
): Generator<TaskDeployment> {
  const { jobId, name: jobName, module, hash: graphHash, configuration } = graph.jobGraph;
  const vertices = new DeployedVertices(graph);
  const byLocation = groupByTaskExecutor(attemptIds, (attemptId) => {
    const execution = graph.execution(attemptId);
    return execution === undefined ? undefined : slotOf(execution).location;
  });
  for (const location of byLocation.keys()) {
    const deployed: DeployedVertex[] = [];
    const tasks = (byLocation.get(location) ?? []).flatMap((attemptId) => {
      const execution = graph.execution(attemptId);
      if (execution === undefined) return [];
      const vertex = vertices.of(execution.vertex);
      if (deployed.at(-1) !== vertex) deployed.push(vertex);
      const { allocationId } = slotOf(execution);
      return taskOf(execution, { vertex: deployed.length - 1, allocationId }, restoreOf(execution));
    });
    yield { location, batch: { jobId, jobName, module, graphHash, configuration, vertices: deployed, tasks } };
  }
}

function taskOf(
  { attemptId, attemptNumber, subtaskIndex }: Execution,
  { vertex, allocationId }: Pick<DeployedTask, "vertex" | "allocationId">,
  restore: TaskRestore | undefined,
): DeployedTask {
  const task = { vertex, subtaskIndex, attemptId, attemptNumber, allocationId };
  return restore === undefined ? task : { ...task, restore };
}

/** What deployments say of the vertices, each made when it is first asked for. */
class DeployedVertices {
  readonly #graph: ExecutionGraph;
  readonly #deployed = new Map<JobVertex, DeployedVertex>();
  readonly #locations = new Map<JobVertexID, SubtaskLocations>();

  constructor(graph: ExecutionGraph) {
    this.#graph = graph;
  }

  of(vertex: JobVertex): DeployedVertex {
    const known = this.#deployed.get(vertex);
    if (known !== undefined) return known;
    const { id, name, parallelism, maxParallelism, inputs, outputs } = vertex;
    const deployed = {
      jobVertexId: id,
      taskName: name,
      parallelism,
      maxParallelism,
      inputs: inputs.map((input) => this.#edge(input.source, { ...input, id: input.dataSet })),
      outputs: outputs.map((output) => this.#edge(output.consumer, output)),
    };
    this.#deployed.set(vertex, deployed);
    return deployed;
  }

  /** Of FORWARD the subtasks at the other end are not looked at: those of another region may have no slot. */
  #edge(
    other: JobVertexID,
    { id, shipStrategy }: Pick<IntermediateDataSet, "id"> & Pick<JobEdge, "shipStrategy">,
  ): DeployedEdge {
    const { places } = this.#graph;
    const index = places.vertices.findIndex((vertex) => vertex.id === other);
    const { maxParallelism = 0 } = places.vertices[index] ?? {};
    const edge = { dataSet: id, first: places.firstOf(index), maxParallelism };
    return shipStrategy === "FORWARD" ? edge : { ...edge, locations: this.#locationsOf(other, index) };
  }

  #locationsOf(id: JobVertexID, vertexIndex: number): SubtaskLocations {
    const known = this.#locations.get(id);
    if (known !== undefined) return known;
    const { places } = this.#graph;
    const end = places.firstOf(vertexIndex + 1);
    const locations: (readonly [ResourceID, number])[] = [];
    let start = places.firstOf(vertexIndex);
    while (start < end) {
      const { location } = slotOf(this.#graph.executionAt(start));
      let next = start + 1;
      while (next < end && slotOf(this.#graph.executionAt(next)).location === location) next += 1;
      locations.push([location, next - start]);
      start = next;
    }
    this.#locations.set(id, locations);
    return locations;
  }
}

function slotOf(execution: Execution): AssignedSlot {
  if (execution.slot !== undefined) return execution.slot;
  throw new SluiceException("ILLEGAL_STATE", `attempt ${execution.attemptId} is deployed without a slot`);
}
