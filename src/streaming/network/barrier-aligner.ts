import type { CheckpointOptions } from "../../runtime/messages/checkpoint-messages.ts";

/** What alignment led to. */
export type AlignmentOutcome =
  | { readonly kind: "aligned"; readonly checkpointId: number; readonly firstBarrier: ArrivedBarrier }
  /** A newer barrier came first; the checkpoint will never be complete here. */
  | { readonly kind: "superseded"; readonly checkpointId: number; readonly by: number }
  /** An upstream task took no snapshot. */
  | { readonly kind: "canceled"; readonly checkpointId: number };

export interface ArrivedBarrier {
  readonly checkpointId: number;
  readonly timestampMillis: number;
  readonly arrivedMillis: number;
  /** Bytes the task had processed by then. */
  readonly processedBytes: number;
  /** Absent: an ordinary checkpoint. */
  readonly options?: CheckpointOptions;
}

interface PendingAlignment {
  readonly checkpointId: number;
  readonly firstBarrier: ArrivedBarrier;
  readonly arrived: Set<number>;
}

/**
 * Exactly-once alignment of barriers over the channels of one task (CP-22, CP-28): a channel whose barrier came is blocked until
 * all came; channels past their end of data count as delivered; a higher id or a cancel marker aborts; ids not above the
 * last one handled are ignored. Pure: channels are numbers, the caller does the blocking.
 */
export class BarrierAligner {
  readonly #channels: number;
  readonly #ended = new Set<number>();
  #pending: PendingAlignment | undefined;
  #lastHandled = 0;

  constructor(channels: number) {
    this.#channels = channels;
  }

  get lastHandledCheckpointId(): number {
    return this.#lastHandled;
  }

  isBlocked(channel: number): boolean {
    return this.#pending?.arrived.has(channel) ?? false;
  }

  /** A barrier came out of `channel`. */
  barrier(channel: number, barrier: ArrivedBarrier): readonly AlignmentOutcome[] {
    if (barrier.checkpointId <= this.#lastHandled) return [];
    const outcomes: AlignmentOutcome[] = [];
    const pending = this.#pending;
    if (pending !== undefined && barrier.checkpointId < pending.checkpointId) return [];
    if (pending !== undefined && barrier.checkpointId > pending.checkpointId) {
      outcomes.push({ kind: "superseded", checkpointId: pending.checkpointId, by: barrier.checkpointId });
      this.#lastHandled = pending.checkpointId;
      this.#pending = undefined;
    }
    this.#pending ??= { checkpointId: barrier.checkpointId, firstBarrier: barrier, arrived: new Set() };
    this.#pending.arrived.add(channel);
    return [...outcomes, ...this.#completeIfAligned()];
  }

  /** No record follows in `channel`. */
  endOfData(channel: number): readonly AlignmentOutcome[] {
    this.#ended.add(channel);
    return this.#completeIfAligned();
  }

  /** A cancel marker came out of a channel. */
  cancel(checkpointId: number): readonly AlignmentOutcome[] {
    const pending = this.#pending;
    if (checkpointId <= this.#lastHandled) return [];
    if (pending !== undefined && checkpointId < pending.checkpointId) return [];
    const outcomes: AlignmentOutcome[] = [];
    if (pending !== undefined && checkpointId > pending.checkpointId) {
      outcomes.push({ kind: "superseded", checkpointId: pending.checkpointId, by: checkpointId });
    }
    this.#pending = undefined;
    this.#lastHandled = checkpointId;
    return [...outcomes, { kind: "canceled", checkpointId }];
  }

  /** The task itself took this checkpoint (all its inputs have ended, or it has none). */
  handled(checkpointId: number): void {
    this.#lastHandled = Math.max(this.#lastHandled, checkpointId);
    if (this.#pending !== undefined && this.#pending.checkpointId <= checkpointId) this.#pending = undefined;
  }

  #completeIfAligned(): readonly AlignmentOutcome[] {
    const pending = this.#pending;
    if (pending === undefined) return [];
    for (let channel = 0; channel < this.#channels; channel += 1) {
      if (!pending.arrived.has(channel) && !this.#ended.has(channel)) return [];
    }
    this.#pending = undefined;
    this.#lastHandled = pending.checkpointId;
    return [{ kind: "aligned", checkpointId: pending.checkpointId, firstBarrier: pending.firstBarrier }];
  }
}
