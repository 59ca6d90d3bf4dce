import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import { PipelinedRegions } from "./pipelined-regions.ts";
import type { SchedulerEvent } from "./scheduler-messages.ts";

/** Regions that start again together. */
export interface PendingRestart {
  readonly restartId: number;
  readonly regions: readonly number[];
  readonly delayElapsed: boolean;
  /** Attempts of its regions that have not ended yet. */
  readonly live: number;
}

type MutablePendingRestart = { -readonly [Field in keyof PendingRestart]: PendingRestart[Field] };

/** State of a job's scheduler: its execution graph and what it waits for. */
export class SchedulerState {
  readonly graph: ExecutionGraph;
  readonly regions: PipelinedRegions;
  readonly #liveOfRegion: number[];
  readonly #restartOfRegion = new Map<number, number>();
  readonly #pendingRestarts = new Map<number, MutablePendingRestart>();
  readonly #slotRequests = new Map<number, readonly ExecutionAttemptID[]>();
  /** Attempts in them. */
  #requesting = 0;
  #stopping: SerializedThrowable | undefined;
  #slotRequestId = 0;
  #restartId = 0;

  constructor(graph: ExecutionGraph) {
    this.graph = graph;
    this.regions = new PipelinedRegions(graph.jobGraph);
    this.#liveOfRegion = Array.from({ length: this.regions.count }, () => 0);
  }

  /** What a failure ends the job with, once its tasks are ending with a savepoint (SVP-08). */
  get stopping(): SerializedThrowable | undefined {
    return this.#stopping;
  }

  /** The newest slot request. */
  get slotRequestId(): number {
    return this.#slotRequestId;
  }

  /**
   * Slot requests that wait, oldest first, with the attempts they are for; these leave with a cancel or a failover, and
   * what comes for them then is outdated (SCH-06). Linear in the attempts that wait, when some of them have left.
   */
  get slotRequests(): ReadonlyMap<number, readonly ExecutionAttemptID[]> {
    // Each one that is SCHEDULED waits in one of them.
    if (this.#requesting === this.graph.counts.SCHEDULED) return this.#slotRequests;
    this.#requesting = 0;
    for (const [slotRequestId, attemptIds] of this.#slotRequests) {
      const waiting = attemptIds.filter((attemptId) => this.graph.stateOf(attemptId) === "SCHEDULED");
      if (waiting.length === 0) this.#slotRequests.delete(slotRequestId);
      else if (waiting.length < attemptIds.length) this.#slotRequests.set(slotRequestId, waiting);
      this.#requesting += waiting.length;
    }
    return this.#slotRequests;
  }

  /** The newest restart. */
  get restartId(): number {
    return this.#restartId;
  }

  /** Oldest first. */
  get pendingRestarts(): ReadonlyMap<number, PendingRestart> {
    return this.#pendingRestarts;
  }

  /** Whether the region waits for its restart. */
  isRestarting(region: number): boolean {
    return this.#restartOfRegion.has(region);
  }

  /** @throws as `ExecutionGraph.apply`. */
  apply(event: SchedulerEvent): void {
    switch (event.kind) {
      case "slots-requested":
        this.#slotRequestId = event.slotRequestId;
        this.#slotRequests.set(event.slotRequestId, event.attemptIds);
        this.#requesting += event.attemptIds.length;
        return;
      case "restart-scheduled":
        return this.#scheduleRestart(event.restartId, event.regions);
      case "restart-delay-elapsed": {
        const pending = this.#pendingRestarts.get(event.restartId);
        if (pending !== undefined) pending.delayElapsed = true;
        return;
      }
      case "stopping":
        this.#stopping = event.failure;
        return;
      case "executions-reset":
        this.graph.apply(event);
        for (const attemptId of event.attemptIds) this.#begin(attemptId);
        return;
      case "executions-changed":
        this.graph.apply(event);
        if (isTerminalExecutionState(event.state)) {
          for (const attemptId of event.attemptIds) this.#end(attemptId);
        }
        return;
      default:
        this.graph.apply(event);
    }
  }

  /** A region that waited for an older restart now waits for this one (FO-08). */
  #scheduleRestart(restartId: number, regions: readonly number[]): void {
    this.#restartId = restartId;
    let live = 0;
    for (const region of regions) {
      this.#leaveRestart(region);
      this.#restartOfRegion.set(region, restartId);
      live += this.#liveOfRegion[region] ?? 0;
    }
    this.#pendingRestarts.set(restartId, { restartId, regions, delayElapsed: false, live });
  }

  #leaveRestart(region: number): void {
    const restartId = this.#restartOfRegion.get(region);
    const pending = restartId === undefined ? undefined : this.#pendingRestarts.get(restartId);
    this.#restartOfRegion.delete(region);
    if (pending === undefined) return;
    pending.regions = pending.regions.filter((other) => other !== region);
    pending.live -= this.#liveOfRegion[region] ?? 0;
    if (pending.regions.length === 0) this.#pendingRestarts.delete(pending.restartId);
  }

  #begin(attemptId: ExecutionAttemptID): void {
    const region = this.#regionOf(attemptId);
    const restartId = this.#restartOfRegion.get(region);
    // All regions of one restart begin at once.
    if (restartId !== undefined) {
      this.#pendingRestarts.delete(restartId);
      this.#restartOfRegion.delete(region);
    }
    this.#liveOfRegion[region] = (this.#liveOfRegion[region] ?? 0) + 1;
  }

  #end(attemptId: ExecutionAttemptID): void {
    const region = this.#regionOf(attemptId);
    this.#liveOfRegion[region] = (this.#liveOfRegion[region] ?? 0) - 1;
    const restartId = this.#restartOfRegion.get(region);
    const pending = restartId === undefined ? undefined : this.#pendingRestarts.get(restartId);
    if (pending !== undefined) pending.live -= 1;
  }

  #regionOf(attemptId: ExecutionAttemptID): number {
    return this.regions.of({ place: placeOf(attemptId) });
  }
}
