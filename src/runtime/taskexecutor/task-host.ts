import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";
import type { AcknowledgeCheckpoint, CheckpointOptions, DeclineCheckpoint } from "../messages/checkpoint-messages.ts";
import type { AttemptMetrics } from "../messages/heartbeat-payloads.ts";
import type { TaskDeploymentDescriptor } from "../messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";

/**
 * Where a TaskExecutor runs all tasks of its job: the port between control plane and data plane (Flink's `Invokable`, one per
 * TaskExecutor instead of one per task). Production: a facet with its own isolate; tests: the same core in process.
 *
 * The host never calls back. It works only inside calls: {@link run} is its mailbox thread, held open by the
 * TaskExecutor from its alarm; deliveries and credits come from peers. Everything it has to say comes back as the
 * report of `run`. The host lives in memory only: when it is lost, its tasks are lost.
 */
export interface TaskHost {
  /**
   * Builds the task: loads the module if need be, rebuilds the graph, compares its hash, restores state. The task reports
   * INITIALIZING, then RUNNING, through `run`.
   *
   * @throws INVALID_PROGRAM (not recoverable) if the graph's hash differs, USER_CODE if user code throws, UNAVAILABLE if
   *   the host itself cannot be loaded: the TaskExecutor then gives its slots up.
   */
  submitTask(descriptor: TaskDeploymentDescriptor): Promise<void>;
  /** The task ends as CANCELED; unknown attempts are ignored. */
  cancelTask(attemptId: ExecutionAttemptID): Promise<void>;
  /** Injects a barrier at the given sources. Attempts that are unknown or not RUNNING are declined in the report. */
  triggerCheckpoint(trigger: CheckpointTrigger): Promise<void>;
  /** Tells every task of the host: sinks commit, finished tasks may end (CP-19, CP-29). */
  notifyCheckpointComplete(checkpointId: number): Promise<void>;
  notifyCheckpointAborted(checkpointId: number): Promise<void>;
  /**
   * Runs slices of work: pulls sources, takes snapshots, stages and commits sinks. Returns when there is something to report,
   * when the budget is used up, or when nothing happened for `maxWaitMillis`. At most one call at a time.
   */
  run(request: TaskHostRunRequest): Promise<TaskHostReport>;
}

export interface CheckpointTrigger {
  readonly attemptIds: readonly ExecutionAttemptID[];
  readonly checkpointId: number;
  readonly timestampMillis: number;
  /** Absent: an ordinary checkpoint. */
  readonly options?: CheckpointOptions;
}

export interface TaskHostRunRequest {
  /** How long to wait for something to do before an empty report. */
  readonly maxWaitMillis: number;
}

export interface TaskHostReport {
  /** In the order they happened. */
  readonly states: readonly TaskExecutionState[];
  readonly acknowledgements: readonly CheckpointAcknowledgements[];
  readonly declines: readonly DeclineCheckpoint[];
  /** Attempts that have emitted all their data since the last report; they stay RUNNING until the final checkpoint (CP-29). */
  readonly endOfData: readonly ExecutionAttemptID[];
  /** Sinks have committed since the last report. */
  readonly committed?: true;
  /** Counters of all tasks the host holds. */
  readonly metrics: readonly AttemptMetrics[];
  /** Whether the host holds any task that is not terminal; `run` need not be called again until the next submit. */
  readonly active: boolean;
}

export interface CheckpointAcknowledgements {
  readonly checkpointId: number;
  readonly acknowledgements: readonly AcknowledgeCheckpoint[];
}

/** Opens hosts; supplied by the entrypoint. */
export interface TaskHostFactory {
  /**
   * The host of this TaskExecutor for `module`; it may load at once, and says at its first use whether it could. The same one
   * until it is closed.
   *
   * @param self name under which peers open exchanges to this host.
   */
  open(self: ResourceID, module: JobModuleReference): TaskHost;
  /** Ends the host: its tasks, state and channels are gone. Idempotent. */
  close(self: ResourceID): Promise<void>;
}
