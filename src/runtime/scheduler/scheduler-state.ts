import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SchedulerEvent } from "./scheduler-messages.ts";

export interface PendingRestart {
  readonly restartId: number;
  readonly delayElapsed: boolean;
}

/** State of a job's scheduler: its execution graph and what it waits for. */
export class SchedulerState {
  readonly graph: ExecutionGraph;
  #attemptNumber = 0;
  #slotRequestId = 0;
  #restartId = 0;
  #pendingRestart: PendingRestart | undefined;
  #stopping: SerializedThrowable | undefined;

  constructor(graph: ExecutionGraph) {
    this.graph = graph;
  }

  /** Of the current attempts. */
  get attemptNumber(): number {
    return this.#attemptNumber;
  }

  /** The newest slot request; what comes for older ones is outdated (SCH-06). */
  get slotRequestId(): number {
    return this.#slotRequestId;
  }

  get restartId(): number {
    return this.#restartId;
  }

  get pendingRestart(): PendingRestart | undefined {
    return this.#pendingRestart;
  }

  /** What the job ends with if something fails while it stops with a savepoint (SVP-08). */
  get stopping(): SerializedThrowable | undefined {
    return this.#stopping;
  }

  /** @throws as `ExecutionGraph.apply`. */
  apply(event: SchedulerEvent): void {
    switch (event.kind) {
      case "slots-requested":
        this.#slotRequestId = event.slotRequestId;
        return;
      case "restart-scheduled":
        this.#restartId = event.restartId;
        this.#pendingRestart = { restartId: event.restartId, delayElapsed: false };
        return;
      case "stopping":
        this.#stopping = event.failure;
        return;
      case "restart-delay-elapsed":
        if (this.#pendingRestart !== undefined) this.#pendingRestart = { ...this.#pendingRestart, delayElapsed: true };
        return;
      case "executions-reset":
        this.#attemptNumber = event.attemptNumber;
        this.#pendingRestart = undefined;
        this.graph.apply(event);
        return;
      default:
        this.graph.apply(event);
    }
  }
}
