import type { AllocationID, ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { ExecutionState } from "../messages/execution-state.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskMetrics } from "../messages/task-metrics.ts";
import type { JobVertex } from "../jobgraph/job-graph.ts";

/** A slot that a subtask runs in. */
export interface AssignedSlot {
  readonly allocationId: AllocationID;
  readonly location: ResourceID;
}

/** Slots by subtask index, holes where none is assigned: subtask i of every vertex goes to the slot of i (SCH-07). */
export type SlotAssignment = readonly (AssignedSlot | undefined)[];

/** An attempt that an earlier life of the JobMaster deployed, and that runs. */
export interface AdoptedAttempt {
  readonly attemptId: ExecutionAttemptID;
  readonly attemptNumber: number;
  readonly slot: AssignedSlot;
  readonly endOfData: boolean;
}

/**
 * One attempt of one subtask (Flink `Execution`), told as it stands when it is asked. Once another attempt has its place, only
 * its id and which subtask it was of are known; everything else throws ILLEGAL_STATE. So none is held while events are applied.
 */
export interface Execution {
  readonly attemptId: ExecutionAttemptID;
  /** 0 for the first. */
  readonly attemptNumber: number;
  readonly vertex: JobVertex;
  readonly subtaskIndex: number;
  /** Number of the subtask among all of the graph, in the order of its vertices. */
  readonly place: number;
  readonly state: ExecutionState;
  readonly slot: AssignedSlot | undefined;
  /** Whether its TaskExecutor acknowledged the deployment; before that its absence there says nothing (DEP-05). */
  readonly deploymentAcknowledged: boolean;
  readonly failure: SerializedThrowable | undefined;
  readonly metrics: TaskMetrics;
  /** Whether it has emitted all its data; it stays RUNNING until a later checkpoint is complete (CP-29). */
  readonly endOfData: boolean;
}

export function zeroPerState(): Record<ExecutionState, number> {
  return {
    CREATED: 0,
    SCHEDULED: 0,
    DEPLOYING: 0,
    INITIALIZING: 0,
    RUNNING: 0,
    FINISHED: 0,
    CANCELING: 0,
    CANCELED: 0,
    FAILED: 0,
    RECONCILING: 0,
  };
}

/** `Source: quakes (2/4)`, as logs and the exception history name a subtask. */
export function taskNameWithSubtask(execution: Execution): string {
  return `${execution.vertex.name} (${execution.subtaskIndex + 1}/${execution.vertex.parallelism})`;
}
