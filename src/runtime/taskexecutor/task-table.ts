import type { AllocationID, ExecutionAttemptID, JobID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { AttemptMetrics, TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import type { RunningTask } from "../messages/running-task.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import type { TaskIdleness } from "../messages/task-idleness.ts";
import type { TaskMetrics } from "../messages/task-metrics.ts";
import { storedValue } from "../stored-value.ts";

/** What is kept of a deployment over a loss of memory: enough to tell the JobMaster how the attempt ended. */
interface StoredTask {
  readonly jobId: JobID;
  readonly attemptId: ExecutionAttemptID;
  readonly allocationId: AllocationID;
  /** Its last state, once it is terminal; kept until the JobMaster has acknowledged it. */
  readonly terminal?: TaskExecutionState;
}

/** Where a task stands in its job. */
export type TaskPlace = Pick<RunningTask, "attemptNumber" | "jobVertexId" | "subtaskIndex">;

export interface Task extends StoredTask {
  /** Not kept over a loss of memory: the task is lost with it. */
  readonly place?: TaskPlace;
  /** Whether it has reported RUNNING. */
  readonly running: boolean;
  readonly endOfData: boolean;
  /** `submitting` until the host has taken it. */
  readonly phase: "submitting" | "submitted";
  /** Its JobMaster does not count on it any more: it only ends, and nothing is reported. */
  readonly detached: boolean;
  /** To be cancelled as soon as the host has taken it. */
  readonly cancelRequested: boolean;
  readonly metrics?: TaskMetrics;
  readonly idle?: TaskIdleness | undefined;
}

const NEW_TASK = {
  phase: "submitting",
  running: false,
  endOfData: false,
  detached: false,
  cancelRequested: false,
} as const;

const TASK_PREFIX = "task/";
const STORED_TASK = storedValue<StoredTask>();

/** The attempts deployed on one TaskExecutor, terminal ones included until the JobMaster knows (Flink `TaskSlotTable` tasks). */
export class TaskTable {
  readonly #storage: EndpointStorage;
  readonly #tasks = new Map<ExecutionAttemptID, Task>();

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
  }

  /**
   * What the last life of the TaskExecutor left behind, as the reports it owes: the terminal state it had stored, else
   * FAILED because the task was lost with the memory. The attempts stay stored until {@link remove}.
   */
  recover(reason: string): readonly TaskExecutionState[] {
    return this.#storage.list(TASK_PREFIX, STORED_TASK).map(([, stored]) => {
      const { jobId, attemptId } = stored;
      const failure = serializeThrowable(new SluiceException("TASK_MANAGER", reason), { infrastructure: true });
      const terminal = stored.terminal ?? { jobId, attemptId, state: "FAILED", failure };
      this.#tasks.set(attemptId, { ...NEW_TASK, ...stored, terminal, phase: "submitted" });
      return terminal;
    });
  }

  /** @returns false if the attempt is here already. */
  add(stored: Omit<StoredTask, "terminal">, place: TaskPlace): boolean {
    if (this.#tasks.has(stored.attemptId)) return false;
    this.#storage.put(keyOf(stored.attemptId), stored);
    this.#tasks.set(stored.attemptId, { ...NEW_TASK, ...stored, place });
    return true;
  }

  get(attemptId: ExecutionAttemptID): Task | undefined {
    return this.#tasks.get(attemptId);
  }

  all(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  /** How the live tasks are at rest; `undefined` while any works. */
  get rest(): string | undefined {
    let rest = "";
    for (const { attemptId, terminal, idle } of this.#tasks.values()) {
      if (terminal !== undefined) continue;
      if (idle === undefined) return undefined;
      rest += `${attemptId} ${idle.sinceCheckpointId ?? ""} ${idle.dueMillis ?? ""};`;
    }
    return rest;
  }

  /** Attempts that have not ended. */
  live(): readonly Task[] {
    return this.all().filter(({ terminal }) => terminal === undefined);
  }

  liveIn(allocationId: AllocationID): readonly Task[] {
    return this.live().filter((task) => task.allocationId === allocationId);
  }

  markSubmitted(attemptId: ExecutionAttemptID): void {
    this.#update(attemptId, { phase: "submitted" });
  }

  requestCancel(attemptId: ExecutionAttemptID): void {
    this.#update(attemptId, { cancelRequested: true });
  }

  markEndOfData(attemptId: ExecutionAttemptID): void {
    this.#update(attemptId, { endOfData: true });
  }

  /**
   * What a next JobMaster may let run on: tasks that have come to RUNNING and that nobody wanted to end. One whose end
   * is not acknowledged yet is among them: the JobMaster that knows it then hears how it ended.
   */
  runningTasks(): readonly RunningTask[] {
    return this.all().flatMap(({ attemptId, allocationId, place, running, endOfData, detached, cancelRequested }) =>
      place === undefined || !running || detached || cancelRequested
        ? []
        : [{ attemptId, allocationId, ...place, endOfData }],
    );
  }

  /** Ends that the JobMaster has not acknowledged. */
  unacknowledged(): readonly TaskExecutionState[] {
    return this.all().flatMap(({ terminal }) => (terminal === undefined ? [] : [terminal]));
  }

  /** Its end will not be reported; a task that has ended is forgotten at once. */
  detach(attemptId: ExecutionAttemptID): void {
    const task = this.#tasks.get(attemptId);
    if (task?.terminal !== undefined) this.remove(attemptId);
    else if (task !== undefined) {
      this.#storage.delete(keyOf(attemptId));
      this.#update(attemptId, { detached: true });
    }
  }

  updateMetrics(metrics: readonly AttemptMetrics[]): void {
    for (const { attemptId, metrics: counters, idle } of metrics) this.#update(attemptId, { metrics: counters, idle });
  }

  /**
   * Takes over a state that the host reported.
   *
   * @returns whether the JobMaster has to be told: not for unknown, ended or detached attempts.
   */
  report(state: TaskExecutionState): boolean {
    const task = this.#tasks.get(state.attemptId);
    if (task === undefined || task.terminal !== undefined) return false;
    if (!isTerminalExecutionState(state.state)) {
      if (state.state === "RUNNING") this.#update(state.attemptId, { running: true });
      return !task.detached;
    }
    if (task.detached) {
      this.#tasks.delete(state.attemptId);
      return false;
    }
    const { jobId, attemptId, allocationId } = task;
    this.#storage.put(keyOf(attemptId), { jobId, attemptId, allocationId, terminal: state });
    this.#update(attemptId, { terminal: state });
    return true;
  }

  /** The JobMaster knows how it ended. */
  remove(attemptId: ExecutionAttemptID): void {
    this.#storage.delete(keyOf(attemptId));
    this.#tasks.delete(attemptId);
  }

  /** For the JobMaster's heartbeat: what it may count on, attempts included whose end it has not acknowledged (DEP-05). */
  deployed(): TaskExecutorToJobMasterPayload {
    const attached = this.all().filter(({ detached }) => !detached);
    const endOfData = attached.flatMap((task) => (task.endOfData ? [task.attemptId] : []));
    return {
      deployed: attached.map(({ attemptId }) => attemptId),
      metrics: attached.flatMap(({ attemptId, metrics, idle }) =>
        metrics === undefined ? [] : [{ attemptId, metrics, ...(idle === undefined ? {} : { idle }) }],
      ),
      ...(endOfData.length === 0 ? {} : { endOfData }),
    };
  }

  #update(attemptId: ExecutionAttemptID, change: Partial<Task>): void {
    const task = this.#tasks.get(attemptId);
    if (task !== undefined) this.#tasks.set(attemptId, { ...task, ...change });
  }
}

function keyOf(attemptId: ExecutionAttemptID): string {
  return `${TASK_PREFIX}${attemptId}`;
}
