import type { Acknowledge } from "../../common/acknowledge.ts";
import { milliseconds, seconds } from "../../common/duration.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { Later } from "../../rpc/later.ts";
import { checkpointsPrefix, jobPrefix, resultsPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import type { DispatcherServices } from "./dispatcher-services.ts";

/** Durable timers of this part, one per job: what must be removed is removed even if everything is lost in between. */
export const CLEANUP_TIMER = "cleanup/";
export const DISCARD_TIMER = "discard/";
/** Longer than an attempt can take. */
const BACK_STOP = seconds(60);
/** Exponential back-off of a cleanup that fails (HA-08). */
const FIRST_DELAY_MILLIS = 1_000;
const MAX_DELAY_MILLIS = 3_600_000;

/** Removes what jobs leave behind: at their end, and when their results expire. */
export class JobCleanup {
  readonly #services: DispatcherServices;
  readonly #objects: ObjectStore;

  constructor(services: DispatcherServices, objects: ObjectStore) {
    this.#services = services;
    this.#objects = objects;
  }

  /** The job's result is stored: cleans up in a turn of its own. */
  schedule(jobId: JobID): void {
    this.#services.timers.set(CLEANUP_TIMER + jobId, this.#services.clock.now());
  }

  /** HA-07, HA-08: workers, then the JobMaster's storage, then objects, which nobody writes any more; clean only when all is gone. */
  onCleanupTimer(jobId: JobID): undefined | Later<undefined> {
    const { ask, timers, results, jobs, jobMaster, resourceManager } = this.#services;
    const entry = results.get(jobId);
    if (entry?.state !== "dirty") return undefined;
    timers.setAfter(CLEANUP_TIMER + jobId, BACK_STOP);
    const fail = (error: SluiceException): undefined => this.#retry(jobId, error);
    const markClean = (): undefined => {
      results.markClean(jobId);
      jobs.removeGraph(jobId);
      timers.delete(CLEANUP_TIMER + jobId);
    };
    const kept = { results: true, checkpoints: this.#retainsCheckpoints(jobId) };
    const deleteObjects = (): Later<undefined> => ask(this.#deleteObjects(jobId, kept), markClean, fail);
    const releaseJobMaster = (): Later<undefined> =>
      ask<Acknowledge, undefined>(jobMaster(jobId).releaseJob(jobId), deleteObjects, fail);
    const released = resourceManager().disconnectJobManager(jobId, entry.jobMasterId, entry.status);
    return ask<Acknowledge, undefined>(released, releaseJobMaster, fail);
  }

  /** Expired results go with the next submission, their objects by a timer of their own. */
  discardExpired(): void {
    const { results, jobs, timers, clock } = this.#services;
    for (const jobId of results.expired()) {
      const retained = this.#retainsCheckpoints(jobId);
      results.remove(jobId);
      jobs.remove(jobId);
      timers.set(DISCARD_TIMER + jobId, clock.now(), retained);
    }
  }

  /** @param retained whether checkpoints stay, as their owner is the user now. */
  onDiscardTimer(jobId: JobID, retained: boolean): Later<undefined> {
    // A failure fails the timer, which is tried again with a back-off.
    return this.#services.ask(this.#deleteObjects(jobId, { results: false, checkpoints: retained }), () => undefined);
  }

  /** CP-26 */
  #retainsCheckpoints(jobId: JobID): boolean {
    const info = this.#services.results.lastInfo(jobId);
    const retention = info?.configuration.checkpointing?.externalizedRetention;
    if (retention === "RETAIN_ON_CANCELLATION") return info?.status === "CANCELED" || info?.status === "FAILED";
    return retention === "DELETE_ON_CANCELLATION" && info?.status === "FAILED";
  }

  #retry(jobId: JobID, error: SluiceException): undefined {
    const { results, timers, log } = this.#services;
    const failures = results.countFailedCleanup(jobId);
    const delay = milliseconds(Math.min(FIRST_DELAY_MILLIS * 2 ** (failures - 1), MAX_DELAY_MILLIS));
    log.warn("cleanup failed", { jobId, failures, retryAfterMillis: delay, error: error.message });
    timers.setAfter(CLEANUP_TIMER + jobId, delay);
  }

  /** Idempotent. */
  async #deleteObjects(
    jobId: JobID,
    kept: { readonly results: boolean; readonly checkpoints: boolean },
  ): Promise<void> {
    const { cluster } = this.#services.cluster;
    const prefixes = [
      ...(kept.results ? [resultsPrefix(cluster, jobId)] : []),
      // What the retained ones do not need went when they were completed.
      ...(kept.checkpoints ? [checkpointsPrefix(cluster, jobId)] : []),
    ];
    const found = await this.#objects.list(jobPrefix(cluster, jobId));
    const keys = found.map(({ key }) => key).filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
    if (keys.length > 0) await this.#objects.delete(keys);
  }
}
