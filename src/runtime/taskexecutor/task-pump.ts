import type { SluiceException } from "../../common/exceptions.ts";
import { seconds } from "../../common/duration.ts";
import type { Later } from "../../rpc/later.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";
import type { TaskHost, TaskHostReport } from "./task-host.ts";

/** Name of the durable timer whose event carries the work. */
export const PUMP_TIMER = "pump";
/** Longest event: then the pump ends it and takes a new one, with a fresh CPU budget. */
const EVENT_MILLIS = seconds(10);
/** How long the host may wait inside one call for something to do. */
const MAX_WAIT_MILLIS = seconds(1);

/** One call of {@link TaskHost.run}. */
export interface TaskHostRun {
  readonly host: TaskHost;
  /** Submissions that the host has not answered: waited for if it has nothing else to do. */
  readonly submissions: Promise<unknown>;
  onReport(report: TaskHostReport): void;
  /** The host is lost, and all it held. */
  onHostLost(error: SluiceException): void;
}

/**
 * Drives the task host: user code runs inside calls of {@link TaskHost.run} only, and these run inside the event of a
 * durable timer, one at a time. Between events nothing runs; without tasks no timer is set.
 */
export class TaskPump {
  readonly #services: TaskExecutorServices;
  readonly #nextRun: () => TaskHostRun | undefined;
  #inEvent = false;

  /** @param nextRun what to do next; `undefined` if no task is live. */
  constructor(services: TaskExecutorServices, nextRun: () => TaskHostRun | undefined) {
    this.#services = services;
    this.#nextRun = nextRun;
  }

  /** Sees to it that the host is driven from now on. */
  ensureRunning(): void {
    if (!this.#inEvent) this.#services.timers.set(PUMP_TIMER, this.#services.clock.now());
  }

  /** The timer is due: its event lasts until the returned `Later` settles. */
  onTimer(): Later<undefined> | undefined {
    if (this.#inEvent) return undefined;
    this.#inEvent = true;
    return this.#continue(this.#services.clock.now() + EVENT_MILLIS);
  }

  #continue(deadlineMillis: number): Later<undefined> | undefined {
    const run = this.#nextRun();
    const over = this.#services.clock.now() >= deadlineMillis;
    if (run === undefined || over) {
      this.#inEvent = false;
      if (run !== undefined) this.ensureRunning();
      return undefined;
    }
    const next = (): Later<undefined> | undefined => this.#continue(deadlineMillis);
    return this.#services.ask<TaskHostReport, undefined>(
      run.host.run({ maxWaitMillis: MAX_WAIT_MILLIS }),
      (report) =>
        this.#guarded(() => {
          run.onReport(report);
          return report.active ? next() : this.#services.ask<unknown, undefined>(run.submissions, next, next);
        }),
      (error) =>
        this.#guarded(() => {
          run.onHostLost(error);
          return next();
        }),
    );
  }

  /** A turn that throws ends the event; the timer is tried again. */
  #guarded<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#inEvent = false;
      throw error;
    }
  }
}
