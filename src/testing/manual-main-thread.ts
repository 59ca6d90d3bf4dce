import { silentLogger } from "../common/log.ts";
import { MainThread } from "../rpc/main-thread.ts";
import type { MainThreadOptions } from "../rpc/main-thread.ts";
import { MainThreadExecutor } from "../rpc/main-thread-executor.ts";
import type { ManualClock } from "./manual-clock.ts";

/** Options of a main thread that stores nothing and tells nobody. */
export function manualMainThreadOptions(clock: ManualClock): MainThreadOptions {
  return {
    clock,
    log: silentLogger,
    database: undefined,
    bounds: undefined,
    slowTurnMillis: Number.MAX_SAFE_INTEGER,
    onUndone: () => undefined,
    onThrown: () => undefined,
  };
}

/** The main thread of an endpoint without the endpoint, on a clock that the test drives: for parts that only need an executor. */
export function manualMainThread(clock: ManualClock): MainThreadExecutor {
  const mainThread = new MainThread(manualMainThreadOptions(clock));
  mainThread.open();
  return new MainThreadExecutor(mainThread);
}
