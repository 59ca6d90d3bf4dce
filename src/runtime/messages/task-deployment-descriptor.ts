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
import type { StateHandle } from "./state-handle.ts";

/** Everything a TaskExecutor needs to run one attempt (Flink `TaskDeploymentDescriptor`). */
export interface TaskDeploymentDescriptor {
  readonly jobId: JobID;
  readonly jobName: string;
  readonly module: JobModuleReference;
  /** The rebuilt graph must hash to this, else the attempt fails and the failure is not recoverable. */
  readonly graphHash: string;
  readonly configuration: JobConfiguration;
  readonly jobVertexId: JobVertexID;
  readonly taskName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly attemptId: ExecutionAttemptID;
  /** 0 for the first. */
  readonly attemptNumber: number;
  readonly allocationId: AllocationID;
  /** One per input edge of the vertex, in the graph's order. */
  readonly inputGates: readonly InputGateDeployment[];
  /** One per output data set of the vertex, in the graph's order. */
  readonly resultPartitions: readonly ResultPartitionDeployment[];
  /** `undefined`: start empty. */
  readonly restore?: TaskRestore;
}

/** The other end of a channel. */
export interface ChannelPeer {
  readonly attemptId: ExecutionAttemptID;
  readonly subtaskIndex: number;
  /** The TaskExecutor it runs on; the same as this task's own means an in-memory channel. */
  readonly taskExecutor: ResourceID;
}

export interface InputGateDeployment {
  readonly dataSet: IntermediateDataSetID;
  /** Producers in order of their subtask index. For FORWARD only the one of the same index. */
  readonly producers: readonly ChannelPeer[];
}

export interface ResultPartitionDeployment {
  readonly dataSet: IntermediateDataSetID;
  /** Consumers in order of their subtask index. For FORWARD only the one of the same index. */
  readonly consumers: readonly ChannelPeer[];
  /** Key groups of the consuming vertex; absent: as the job's graph says. */
  readonly maxParallelism?: number;
}

/** The snapshots to start from (RST-07, RST-08). At an unchanged parallelism `state` is the subtask's own. */
export interface TaskRestore {
  readonly checkpointId: number;
  /** This subtask alone has them: it takes over what only one may have, such as the pending output of sinks. */
  readonly state: readonly StateHandle[];
  /** Others have them too: it takes its key groups, and its share of what several divide among them. */
  readonly shared?: readonly StateHandle[];
  /** The job has stopped with this savepoint already: the task commits what is pending in it, and is FINISHED (SVP-06). */
  readonly final?: boolean;
}
