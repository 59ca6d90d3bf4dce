import { SluiceException } from "../../src/common/exceptions.ts";
import type { JobID } from "../../src/common/ids.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { JobSubmission } from "../../src/runtime/messages/job-submission.ts";
import { isGloballyTerminal } from "../../src/runtime/messages/job-status.ts";
import type { JobStatus } from "../../src/runtime/messages/job-status.ts";
import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { clusterName, dispatcherAddress } from "../../src/runtime/object-name.ts";
import type { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import type { Violations } from "./violations.ts";

export interface ClientListener {
  onAcknowledged(jobId: JobID): void;
}

const RETRY_MILLIS = [200, 3_000] as const;
const POLL_MILLIS = [500, 8_000] as const;

/** What one user does: submits a job, maybe several times at once, until told it is accepted; watches it; maybe cancels it. */
export class SimulatedClient {
  readonly jobId: JobID;
  readonly #submission: JobSubmission;
  readonly #platform: SimulatedPlatform;
  readonly #random: SeededRandom;
  readonly #violations: Violations;
  readonly #listener: ClientListener;
  #acknowledged = false;
  #cancelled = false;
  #seenEnd: JobStatus | undefined;

  constructor(
    submission: JobSubmission,
    world: { readonly platform: SimulatedPlatform; readonly random: SeededRandom; readonly violations: Violations },
    listener: ClientListener,
  ) {
    this.jobId = submission.jobGraph.jobId;
    this.#submission = submission;
    this.#platform = world.platform;
    this.#random = world.random;
    this.#violations = world.violations;
    this.#listener = listener;
  }

  /** Whether somebody asked for the job's end; it may have come to it by itself all the same. */
  get cancelRequested(): boolean {
    return this.#cancelled;
  }

  /** What was asked for. */
  get jobGraph(): JobGraph {
    return this.#submission.jobGraph;
  }

  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  start(): void {
    this.#submit();
    if (this.#random.chance(0.3)) this.#later([0, 2_000], () => this.#submit());
    this.#later(POLL_MILLIS, () => this.#poll());
  }

  cancelAfter(millis: number): void {
    this.#platform.time.schedule(millis, () => this.#cancel(), this);
  }

  get #dispatcher(): DispatcherGateway {
    return this.#platform.service.gateway(DispatcherGateway, dispatcherAddress(clusterName()));
  }

  #submit(): void {
    this.#dispatcher.submitJob(this.#submission).then(
      ({ jobId }) => {
        this.#violations.require(jobId === this.jobId, `one submission became two jobs: ${this.jobId} and ${jobId}`);
        this.#acknowledged = true;
        this.#listener.onAcknowledged(jobId);
      },
      (error: unknown) => {
        this.#violations.require(mayBeRetried(error), `submission of ${this.jobId} was refused: ${String(error)}`);
        this.#later(RETRY_MILLIS, () => this.#submit());
      },
    );
  }

  #cancel(): void {
    this.#cancelled = true;
    this.#dispatcher.cancelJob(this.jobId).then(
      () => undefined,
      (error: unknown) => {
        if (SluiceException.is(error, "TERMINATED_WITHOUT_CANCELLATION")) return;
        this.#later(RETRY_MILLIS, () => this.#cancel());
      },
    );
  }

  #poll(): void {
    const again = (): void => {
      if (this.#seenEnd === undefined) this.#later(POLL_MILLIS, () => this.#poll());
    };
    this.#dispatcher.requestJobStatus(this.jobId).then((status) => {
      const end = this.#seenEnd;
      this.#violations.require(end === undefined || end === status, `job ${this.jobId} was ${end}, then ${status}`);
      if (isGloballyTerminal(status)) this.#seenEnd = status;
      again();
    }, again);
  }

  #later([least, most]: readonly [number, number], run: () => void): void {
    this.#platform.time.schedule(this.#random.between(least, most), run, this);
  }
}

/** The client may send the same again: nobody said that it never will be accepted. */
function mayBeRetried(error: unknown): boolean {
  return SluiceException.is(error) && (error.retryable || SluiceException.is(error, "TIMEOUT") || isTransport(error));
}

function isTransport(error: SluiceException): boolean {
  return (["RPC_CONNECTION", "RECIPIENT_UNREACHABLE", "ENDPOINT_NOT_STARTED", "RPC_OVERLOADED"] as const).some(
    (code) => code === error.code,
  );
}
