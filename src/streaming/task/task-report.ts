import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { AcknowledgeCheckpoint, DeclineCheckpoint } from "../../runtime/messages/checkpoint-messages.ts";
import type { AttemptMetrics } from "../../runtime/messages/heartbeat-payloads.ts";
import type { TaskExecutionState } from "../../runtime/messages/task-execution-state.ts";
import type { TaskHostReport } from "../../runtime/taskexecutor/task-host.ts";

/** What the tasks of a host have to say, until `run` hands it over. */
export class TaskReport {
  #states: TaskExecutionState[] = [];
  #acknowledgements = new Map<number, AcknowledgeCheckpoint[]>();
  #declines: DeclineCheckpoint[] = [];
  #endOfData: ExecutionAttemptID[] = [];
  #committed = false;

  get hasNews(): boolean {
    return (
      this.#states.length > 0 ||
      this.#acknowledgements.size > 0 ||
      this.#declines.length > 0 ||
      this.#endOfData.length > 0 ||
      this.#committed
    );
  }

  state(state: TaskExecutionState): void {
    this.#states.push(state);
  }

  acknowledge(checkpointId: number, acknowledgement: AcknowledgeCheckpoint): void {
    const sofar = this.#acknowledgements.get(checkpointId);
    if (sofar === undefined) this.#acknowledgements.set(checkpointId, [acknowledgement]);
    else sofar.push(acknowledgement);
  }

  decline(decline: DeclineCheckpoint): void {
    this.#declines.push(decline);
  }

  endOfData(attemptId: ExecutionAttemptID): void {
    this.#endOfData.push(attemptId);
  }

  /** Sinks have committed: what they had staged can be read. */
  committed(): void {
    this.#committed = true;
  }

  /** Everything since the last call. */
  take(status: { readonly metrics: readonly AttemptMetrics[]; readonly active: boolean }): TaskHostReport {
    const report: TaskHostReport = {
      states: this.#states,
      acknowledgements: [...this.#acknowledgements].map(([checkpointId, acknowledgements]) => ({
        checkpointId,
        acknowledgements,
      })),
      declines: this.#declines,
      endOfData: this.#endOfData,
      ...(this.#committed ? { committed: true } : {}),
      ...status,
    };
    this.#states = [];
    this.#acknowledgements = new Map();
    this.#declines = [];
    this.#endOfData = [];
    this.#committed = false;
    return report;
  }
}
