import type { ScheduledCallback } from "../../common/clock.ts";
import { minutes } from "../../common/duration.ts";
import type { JobMasterServices } from "./job-master-services.ts";

/** A deploy has reset every object long before: what is older then stays so, and tasks cannot wait for ever. */
export const VERSION_TIMEOUT = minutes(1);

export interface VersionGateParts {
  readonly services: Pick<JobMasterServices, "executor" | "log">;
  /** Of the TaskExecutors whose slots the job holds; `undefined` for one that does not say. */
  readonly versions: () => readonly (string | undefined)[];
  /** It is open although there are several versions. */
  readonly onTimeout: () => void;
}

/**
 * A deploy resets objects one after the other. Until the TaskExecutors of a job are of one version, no task is deployed on them:
 * half of the tasks would be lost again with the next reset.
 */
export class VersionGate {
  readonly #parts: VersionGateParts;
  #timeout: ScheduledCallback | undefined;
  #timedOut = false;

  constructor(parts: VersionGateParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    const versions = new Set(this.#parts.versions());
    if (versions.size <= 1) {
      this.close();
      return true;
    }
    if (this.#timedOut) return true;
    const { services, onTimeout } = this.#parts;
    this.#timeout ??= services.executor.schedule(() => {
      services.log.warn("TaskExecutors are of several versions", { versions: [...versions].join(", ") });
      this.#timedOut = true;
      onTimeout();
      return undefined;
    }, VERSION_TIMEOUT);
    return false;
  }

  /** Nothing is awaited any more. */
  close(): void {
    this.#timeout?.cancel();
    this.#timeout = undefined;
    this.#timedOut = false;
  }
}
