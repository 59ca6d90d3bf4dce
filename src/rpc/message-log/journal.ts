import type { IdSource } from "../../common/ids.ts";
import type { Random } from "../../common/random.ts";
import type { GatewayDescriptor } from "../gateway-descriptor.ts";
import type { MainThread, MainThreadOptions } from "../main-thread.ts";
import type { SqlDatabase } from "../ports/storage.ts";
import type { DurableTimers } from "../timers/durable-timers.ts";
import type { LoggedCause, LoggedMessage } from "./log-entry.ts";

/**
 * Stands between an endpoint and everything that could be another in another run: the message log writes it down, replay
 * plays it back. An endpoint without one has nothing in between.
 */
export interface Journal {
  /** The endpoint's turn queue. Called once, before anything else. */
  mainThread(options: MainThreadOptions): MainThread;
  random(source: Random): Random;
  ids(source: IdSource): IdSource;
  timers(timers: DurableTimers): DurableTimers;
  /** The database as the endpoint's storage and timers reach it. */
  storage(database: SqlDatabase): SqlDatabase;
  /** @throws SluiceException `UNSUPPORTED_OPERATION` if turns of these gateways cannot be replayed. */
  serve(gateways: readonly GatewayDescriptor[]): void;
  /** The running turn serves this message. */
  message(message: LoggedMessage): void;
  /** The running turn has this other cause; both are said before any code of the endpoint. */
  begin(cause: LoggedCause): void;
}

/** `timers`, with another answer to what there are. */
export function withTimerList(timers: DurableTimers, list: DurableTimers["list"]): DurableTimers {
  return {
    set: (...timer) => timers.set(...timer),
    setAfter: (...timer) => timers.setAfter(...timer),
    every: (...timer) => timers.every(...timer),
    cron: (...timer) => timers.cron(...timer),
    delete: (name) => timers.delete(name),
    list,
  };
}
