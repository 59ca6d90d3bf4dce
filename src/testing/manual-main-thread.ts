import { silentLogger } from "../common/log.ts";
import { MainThread } from "../rpc/main-thread.ts";
import { MainThreadExecutor } from "../rpc/main-thread-executor.ts";
import type { ManualClock } from "./manual-clock.ts";

/** The main thread of an endpoint without the endpoint, on a clock that the test drives: for parts that only need an executor. */
export function manualMainThread(clock: ManualClock): MainThreadExecutor {
  const mainThread = new MainThread({
    clock,
    log: silentLogger,
    database: undefined,
    bounds: undefined,
    slowTurnMillis: Number.MAX_SAFE_INTEGER,
    onUndone: () => undefined,
    onThrown: () => undefined,
  });
  mainThread.open();
  return new MainThreadExecutor(mainThread);
}
