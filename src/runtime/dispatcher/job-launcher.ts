import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import { isUndelivered } from "../../rpc/heartbeat/heartbeat-monitor.ts";
import type { Later } from "../../rpc/later.ts";
import type { JobSubmissionResult } from "../messages/job-submission.ts";
import type { DispatcherServices } from "./dispatcher-services.ts";
import type { AcceptedJob } from "./job-store.ts";

/** Durable timers of this part, one per job: an accepted start or cancel is delivered even if everything is lost in between. */
export const START_TIMER = "start/";
export const CANCEL_TIMER = "cancel/";
const RETRY_DELAY = seconds(5);
const MAX_ATTEMPTS_PER_SUBMISSION = 3;

/** Brings accepted jobs to their JobMasters, and cancels too. */
export class JobLauncher {
  readonly #services: DispatcherServices;
  /** Jobs whose start was acknowledged to this activation; soon stored too. */
  readonly #acknowledged = new Set<JobID>();

  constructor(services: DispatcherServices) {
    this.#services = services;
  }

  /** The job was stored in this turn: it will be started, whatever happens. */
  launch(job: AcceptedJob): JobSubmissionResult | Later<JobSubmissionResult> {
    this.#services.timers.setAfter(START_TIMER + job.jobId, RETRY_DELAY);
    return this.awaitStart(job);
  }

  /** The job was started before this activation, as far as is known: its JobMaster acknowledges that again (HA-01). */
  relaunch(jobId: JobID): void {
    this.#services.timers.set(START_TIMER + jobId, this.#services.clock.now());
  }

  /** SUB-01: answered when the JobMaster has acknowledged the start; every repetition waits for the same. */
  awaitStart(job: AcceptedJob, attempt = 1): JobSubmissionResult | Later<JobSubmissionResult> {
    const { jobId } = job;
    const { ask, later, jobs, jobMaster, address } = this.#services;
    const graph = jobs.getGraph(jobId);
    if (this.hasStarted(job) || graph === undefined) return { jobId };
    return ask<Acknowledge, JobSubmissionResult>(
      jobMaster(jobId).startJob(graph, address, job.quotas),
      () => {
        this.#acknowledged.add(jobId);
        // The answer need not wait until it is durable: what is lost, the timer makes good.
        later(() => this.#onStarted(jobId));
        return { jobId };
      },
      (error) => this.#onStartFailed(jobId, error, attempt),
    );
  }

  /** Acknowledged at once, since it is stored (CAN-01); the JobMaster gets it as soon as it has started (CAN-05). */
  cancel(job: AcceptedJob): Acknowledge | Later<Acknowledge> {
    const { jobs } = this.#services;
    jobs.update(job.jobId, { cancelRequested: true });
    if (!this.hasStarted(job)) return ACKNOWLEDGE;
    return this.#sendCancel(job.jobId, ACKNOWLEDGE);
  }

  /** Whether its JobMaster has it. */
  hasStarted({ jobId, started }: AcceptedJob): boolean {
    return started || this.#acknowledged.has(jobId);
  }

  /** The job has ended, or was never there. */
  forget(jobId: JobID): void {
    this.#acknowledged.delete(jobId);
    this.#services.timers.delete(START_TIMER + jobId);
    this.#services.timers.delete(CANCEL_TIMER + jobId);
  }

  onStartTimer(jobId: JobID): undefined | Later<undefined> {
    const { ask, jobs, results, timers, jobMaster, address, log } = this.#services;
    const [job, graph] = [jobs.get(jobId), jobs.getGraph(jobId)];
    if (job === undefined || graph === undefined || results.has(jobId)) return undefined;
    timers.setAfter(START_TIMER + jobId, RETRY_DELAY);
    return ask<Acknowledge, undefined>(
      jobMaster(jobId).startJob(graph, address, job.quotas),
      () => this.#onStarted(jobId),
      (error) => {
        log.warn("job could not be started yet", { jobId, error: error.message });
        return undefined;
      },
    );
  }

  onCancelTimer(jobId: JobID): undefined | Later<undefined> {
    const { jobs, results } = this.#services;
    return jobs.get(jobId) === undefined || results.has(jobId) ? undefined : this.#sendCancel(jobId, undefined);
  }

  #onStarted(jobId: JobID): undefined {
    const { jobs, results, timers, clock } = this.#services;
    const job = jobs.get(jobId);
    timers.delete(START_TIMER + jobId);
    if (job === undefined || results.has(jobId)) return;
    jobs.update(jobId, { started: true });
    this.#acknowledged.delete(jobId);
    if (job.cancelRequested) timers.set(CANCEL_TIMER + jobId, clock.now());
  }

  #onStartFailed(
    jobId: JobID,
    error: SluiceException,
    attempt: number,
  ): JobSubmissionResult | Later<JobSubmissionResult> {
    const job = this.#services.jobs.get(jobId);
    // It may have started by another attempt, and have ended since: its JobMaster refuses what is over.
    if (job?.started === true || this.#services.results.has(jobId)) return { jobId };
    const mayHelp = isUndelivered(error) || error.retryable;
    if (job !== undefined && mayHelp && attempt < MAX_ATTEMPTS_PER_SUBMISSION) return this.awaitStart(job, attempt + 1);
    if (job !== undefined && mayHelp) {
      throw new SluiceException(
        "UNAVAILABLE",
        `job ${jobId} was accepted, but its JobMaster does not answer yet; it is started when it does`,
        { cause: error, retryable: true },
      );
    }
    // SUB-07: the JobMaster refused, so nothing may stay behind. A throw would undo that.
    this.forget(jobId);
    this.#services.jobs.remove(jobId);
    const refused = new SluiceException("JOB_SUBMISSION", `job ${jobId} could not be started: ${error.message}`, {
      cause: error,
    });
    return this.#services.ask(Promise.reject<JobSubmissionResult>(refused), (result) => result);
  }

  /** Settles with `answer` whether or not it was delivered; if not, the timer repeats it. */
  #sendCancel<T>(jobId: JobID, answer: T): Later<T> {
    const { ask, timers, jobMaster, log } = this.#services;
    timers.setAfter(CANCEL_TIMER + jobId, RETRY_DELAY);
    return ask<Acknowledge, T>(
      jobMaster(jobId).cancel(),
      () => {
        timers.delete(CANCEL_TIMER + jobId);
        return answer;
      },
      (error) => {
        log.warn("cancel not delivered yet", { jobId, error: error.message });
        return answer;
      },
    );
  }
}
