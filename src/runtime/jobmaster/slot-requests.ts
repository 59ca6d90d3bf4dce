import type { ScheduledCallback } from "../../common/clock.ts";
import { minutes } from "../../common/duration.ts";
import type { ExecutionAttemptID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { AssignedSlot, SlotAssignment } from "../executiongraph/execution.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { SchedulerState } from "../scheduler/scheduler-state.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { SlotPool } from "./slot-pool.ts";
import type { VersionGate } from "./version-gate.ts";

/** How long a batch waits for all its slots before it fails over (SCH-13). */
export const SLOT_REQUEST_TIMEOUT = minutes(5);

export interface SlotRequestsParts {
  readonly services: JobMasterServices;
  readonly pool: SlotPool;
  readonly state: SchedulerState;
  readonly versions: VersionGate;
}

export interface SlotRequestListener {
  onFulfilled(slotRequestId: number, slots: SlotAssignment): void;
  onFailed(slotRequestId: number, failure: SerializedThrowable): void;
  /** The job holds more slots than it needs. */
  onExcess(slot: AssignedSlot): void;
}

/** As of the newest of the requests and a number of attempts that wait for slots. */
interface Needs {
  readonly newest: number;
  readonly scheduled: number;
  /** Subtask indices of each request, oldest first. */
  readonly subtasks: readonly (readonly [slotRequestId: number, needed: readonly number[]])[];
  /** Slots that the least of the requests needs. */
  readonly least: number;
}

/** The slot requests of a job's batches, each served when all its slots are there, in request order (SCH-04, SCH-18). */
export class SlotRequests {
  readonly #parts: SlotRequestsParts;
  readonly #listener: SlotRequestListener;
  readonly #timeouts = new Map<number, ScheduledCallback>();
  #needs: Needs | undefined;

  constructor(parts: SlotRequestsParts, listener: SlotRequestListener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** A batch was scheduled. */
  open(slotRequestId: number): void {
    const { services, pool } = this.#parts;
    const timeout = services.executor.schedule(() => {
      this.#timeouts.delete(slotRequestId);
      const waited = `${SLOT_REQUEST_TIMEOUT / 1_000} s`;
      this.#fail(slotRequestId, `the job needs ${pool.required} slots and got ${pool.size} within ${waited}`);
      return undefined;
    }, SLOT_REQUEST_TIMEOUT);
    this.#timeouts.set(slotRequestId, timeout);
  }

  /** Slots may have come: serves what waits for them. */
  serve(): void {
    const { pool, versions } = this.#parts;
    const { least, subtasks } = this.#needed();
    // Constant time while slots trickle in: a wide job gets thousands of offers.
    if (pool.size < least || !versions.isOpen) return;
    for (const [slotRequestId, needed] of subtasks) {
      const allocated = pool.allocate(this.#occupied(), needed);
      if (allocated === undefined) continue;
      this.#settle(slotRequestId);
      for (const slot of allocated.excess) this.#listener.onExcess(slot);
      this.#listener.onFulfilled(slotRequestId, allocated.slots);
    }
  }

  /** No request can be served (SCH-16). */
  failAll(reason: string): void {
    for (const slotRequestId of Array.from(this.#parts.state.slotRequests.keys())) this.#fail(slotRequestId, reason);
  }

  /** Nothing is awaited any more. */
  close(): void {
    for (const timeout of this.#timeouts.values()) timeout.cancel();
    this.#timeouts.clear();
    this.#parts.versions.close();
  }

  #fail(slotRequestId: number, reason: string): void {
    this.#settle(slotRequestId);
    this.#listener.onFailed(slotRequestId, serializeThrowable(new SluiceException("NO_RESOURCE_AVAILABLE", reason)));
  }

  #settle(slotRequestId: number): void {
    this.#timeouts.get(slotRequestId)?.cancel();
    this.#timeouts.delete(slotRequestId);
  }

  /** Every subtask index of a request needs a slot of its own among those that are held. Ends what waits for nothing any more. */
  #needed(): Needs {
    const { state } = this.#parts;
    const { slotRequestId: newest } = state;
    const scheduled = state.graph.counts.SCHEDULED;
    // Without another request, no attempt comes to wait: as many are the same.
    if (this.#needs?.newest === newest && this.#needs.scheduled === scheduled) return this.#needs;
    const requests = state.slotRequests;
    for (const slotRequestId of this.#timeouts.keys()) if (!requests.has(slotRequestId)) this.#settle(slotRequestId);
    const subtasks = Array.from(requests, ([id, attemptIds]) => [id, this.#subtasksOf(attemptIds)] as const);
    this.#needs = { newest, scheduled, subtasks, least: Math.min(...subtasks.map(([, needed]) => needed.length)) };
    return this.#needs;
  }

  /** Slots that tasks run in, which those of the same subtask index share (SCH-09). */
  #occupied(): SlotAssignment {
    const occupied: AssignedSlot[] = [];
    const { counts, size } = this.#parts.state.graph;
    if (counts.SCHEDULED === size) return occupied;
    for (const { slot, state, subtaskIndex } of this.#parts.state.graph.executions()) {
      if (slot !== undefined && !isTerminalExecutionState(state)) occupied[subtaskIndex] = slot;
    }
    return occupied;
  }

  /** Each once, ascending. */
  #subtasksOf(attemptIds: readonly ExecutionAttemptID[]): readonly number[] {
    const { graph } = this.#parts.state;
    const needed: boolean[] = [];
    for (const attemptId of attemptIds) needed[graph.places.subtaskIndexAt(placeOf(attemptId))] = true;
    const subtasks: number[] = [];
    // Holes are left out.
    needed.forEach((_, subtask) => subtasks.push(subtask));
    return subtasks;
  }
}
