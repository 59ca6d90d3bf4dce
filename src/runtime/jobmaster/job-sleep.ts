import type { ScheduledCallback } from "../../common/clock.ts";
import { milliseconds } from "../../common/duration.ts";
import type { JobID } from "../../common/ids.ts";
import type { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { JobMasterStorage, StoredSleep } from "./job-master-storage.ts";

const INITIAL_RETRY_MILLIS = 1_000;
const MAX_RETRY_MILLIS = 60_000;

/**
 * A sleep of a quiescent job: the ResourceManager is told of it until it acknowledges, which releases the workers. From
 * then on nothing runs, and the JobMaster's memory is not needed.
 */
export class JobSleep {
  readonly #services: JobMasterServices;
  readonly #storage: JobMasterStorage;
  readonly #resourceManager: ResourceManagerGateway;
  #retry: ScheduledCallback | undefined;
  #over = false;

  constructor(services: JobMasterServices, storage: JobMasterStorage, resourceManager: ResourceManagerGateway) {
    this.#services = services;
    this.#storage = storage;
    this.#resourceManager = resourceManager;
  }

  /** @param onReleased the ResourceManager has acknowledged, in this life or in an earlier one. */
  start(jobId: JobID, sleep: StoredSleep, onReleased: () => void): void {
    if (sleep.released) onReleased();
    else this.#tell(jobId, { sleep, delayMillis: INITIAL_RETRY_MILLIS, onReleased });
  }

  /** The job wakes. */
  stop(): void {
    this.#over = true;
    this.#retry?.cancel();
  }

  #tell(
    jobId: JobID,
    attempt: { readonly sleep: StoredSleep; readonly delayMillis: number; readonly onReleased: () => void },
  ): void {
    const { whenSettled, executor, log, jobMasterId } = this.#services;
    const { sleep, delayMillis, onReleased } = attempt;
    whenSettled(
      this.#resourceManager.suspendJob(jobId, jobMasterId, sleep.sleep),
      () => {
        if (this.#over) return;
        this.#storage.putSleep({ ...sleep, released: true });
        onReleased();
      },
      (error) => {
        if (this.#over) return;
        log.warn("the sleep of the job was not acknowledged", { reason: error.message });
        const next = { ...attempt, delayMillis: Math.min(delayMillis * 2, MAX_RETRY_MILLIS) };
        this.#retry = executor.schedule(() => {
          this.#tell(jobId, next);
          return undefined;
        }, milliseconds(delayMillis));
      },
    );
  }
}
