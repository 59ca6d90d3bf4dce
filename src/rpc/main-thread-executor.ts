import type { ScheduledCallback } from "../common/clock.ts";
import type { Duration } from "../common/duration.ts";
import type { MainThread } from "./main-thread.ts";

/**
 * Runs callbacks as turns of one endpoint (Flink `MainThreadExecutor`). One-shot only: periodic work schedules itself
 * again. After the endpoint ended nothing runs and nothing throws.
 */
export class MainThreadExecutor {
  readonly #mainThread: MainThread;

  /** @internal from `RpcEndpoint.getMainThreadExecutor`. */
  constructor(mainThread: MainThread) {
    this.#mainThread = mainThread;
  }

  /** At the tail of the turn queue, never inline; a throw is logged (contract S1, S2, M4). */
  execute(body: () => undefined): void {
    this.#mainThread.runAsync(body, "execute");
  }

  /** Not before `delay`; in memory only, so lost with the activation (contract S11, S12). */
  schedule(body: () => undefined, delay: Duration): ScheduledCallback {
    return this.#mainThread.schedule(body, delay);
  }
}
