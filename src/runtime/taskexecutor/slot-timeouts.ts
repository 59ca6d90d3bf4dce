import type { ScheduledCallback } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import type { AllocationID } from "../../common/ids.ts";
import type { MainThreadExecutor } from "../../rpc/main-thread-executor.ts";

/** `taskmanager.slot.timeout`: how long a slot may be given to a job that does not take it. */
const SLOT_TIMEOUT = seconds(10);

/** Clocks of the slots that are ALLOCATED but not ACTIVE (SCH-34); in memory, so armed anew after a recovery. */
export class SlotTimeouts {
  readonly #executor: MainThreadExecutor;
  readonly #onTimeout: (allocationId: AllocationID) => void;
  readonly #timers = new Map<AllocationID, ScheduledCallback>();

  constructor(executor: MainThreadExecutor, onTimeout: (allocationId: AllocationID) => void) {
    this.#executor = executor;
    this.#onTimeout = onTimeout;
  }

  /** Starts anew if it runs. */
  arm(allocationId: AllocationID): void {
    this.disarm(allocationId);
    const timer = this.#executor.schedule(() => {
      this.#timers.delete(allocationId);
      this.#onTimeout(allocationId);
      return undefined;
    }, SLOT_TIMEOUT);
    this.#timers.set(allocationId, timer);
  }

  /** Idempotent. */
  disarm(allocationId: AllocationID): void {
    this.#timers.get(allocationId)?.cancel();
    this.#timers.delete(allocationId);
  }

  disarmAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
