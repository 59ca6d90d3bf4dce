import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { isGloballyTerminal } from "../../src/runtime/messages/job-status.ts";
import type { SnapshotOperationStatus } from "../../src/runtime/messages/snapshot-operations.ts";
import { clusterName, dispatcherAddress } from "../../src/runtime/object-name.ts";
import type { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import type { SimulatedClient } from "./client.ts";
import type { Violations } from "./violations.ts";

/** What a user wants of a savepoint: what the job does once it is complete, and what becomes of it. */
export interface SavepointWish {
  readonly afterwards: "go-on" | "cancel" | "suspend" | "drain";
  readonly sequel: "keep" | "dispose" | "resume";
}

export interface SavepointUserListener {
  /** Somebody was told that the savepoint is complete. */
  onCompleted(location: string): void;
  /** Somebody was told that nothing is left of it. */
  onDisposed(location: string): void;
  /** A job is to start from it. */
  onResume(location: string): void;
}

const RETRY_MILLIS = [200, 3_000] as const;
const POLL_MILLIS = [500, 8_000] as const;
const STOPPED_BUT_FAILED = /^the savepoint (\S+) is complete, but/;

/** One user who wants a savepoint of a job: asks until there is one or the job is over, and then does with it what the wish says. */
export class SavepointUser {
  readonly wish: SavepointWish;
  readonly #client: SimulatedClient;
  readonly #platform: SimulatedPlatform;
  readonly #random: SeededRandom;
  readonly #violations: Violations;
  readonly #listener: SavepointUserListener;
  readonly #triggerIds: string[] = [];
  #location: string | undefined;
  #settled = false;

  constructor(
    client: SimulatedClient,
    wish: SavepointWish,
    world: {
      readonly platform: SimulatedPlatform;
      readonly random: SeededRandom;
      readonly violations: Violations;
      readonly listener: SavepointUserListener;
    },
  ) {
    this.#client = client;
    this.wish = wish;
    this.#platform = world.platform;
    this.#random = world.random;
    this.#violations = world.violations;
    this.#listener = world.listener;
  }

  /** Nothing more is going to be asked for. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Where the savepoint lies, if there was one. */
  get location(): string | undefined {
    return this.#location;
  }

  startAfter(millis: number): void {
    this.#platform.time.schedule(millis, () => this.#trigger(), this);
  }

  get #dispatcher(): DispatcherGateway {
    return this.#platform.service.gateway(DispatcherGateway, dispatcherAddress(clusterName()));
  }

  #trigger(): void {
    const triggerId = `${this.wish.afterwards}-${this.#triggerIds.length + 1}`;
    this.#triggerIds.push(triggerId);
    this.#send(triggerId);
  }

  #send(triggerId: string): void {
    const { jobId } = this.#client;
    const { afterwards } = this.wish;
    const targetDirectory = "taken";
    const sent =
      afterwards === "go-on" || afterwards === "cancel"
        ? this.#dispatcher.triggerSavepoint(jobId, triggerId, { targetDirectory, cancelJob: afterwards === "cancel" })
        : this.#dispatcher.stopWithSavepoint(jobId, triggerId, { targetDirectory, drain: afterwards === "drain" });
    // Whether it was taken is unknown: the same id again is the same operation.
    sent.then(
      () => this.#later(POLL_MILLIS, () => this.#poll(triggerId)),
      () => this.#later(RETRY_MILLIS, () => this.#send(triggerId)),
    );
  }

  #poll(triggerId: string): void {
    const again = (): void => this.#later(POLL_MILLIS, () => this.#poll(triggerId));
    this.#dispatcher.getTriggeredSavepointStatus(this.#client.jobId, triggerId).then((status) => {
      if (status?.kind === "in-progress") return again();
      if (status?.kind !== "completed") return this.#afterFailure();
      this.#completed(status.location);
      if (this.wish.afterwards === "go-on") this.#follow();
      else this.#awaitEnd();
    }, again);
  }

  /** Asks for another one, unless the job is over. */
  #afterFailure(): void {
    this.#dispatcher.requestJobStatus(this.#client.jobId).then(
      (status) => {
        if (isGloballyTerminal(status)) this.#awaitEnd();
        else this.#later(RETRY_MILLIS, () => this.#trigger());
      },
      () => this.#later(RETRY_MILLIS, () => this.#afterFailure()),
    );
  }

  /** The job comes to its end, and what it left behind says how the operations ended. */
  #awaitEnd(): void {
    const again = (): void => this.#later(POLL_MILLIS, () => this.#awaitEnd());
    this.#dispatcher.requestJob(this.#client.jobId).then(({ status, operations = [] }) => {
      if (!isGloballyTerminal(status)) return again();
      const own = operations.filter(({ triggerId }) => this.#triggerIds.includes(triggerId));
      const location = own.map((operation) => locationOf(operation.status)).find((found) => found !== undefined);
      if (this.#location === undefined && location !== undefined) this.#completed(location);
      this.#violations.require(
        this.#location === location,
        `job ${this.#client.jobId}: its savepoint was ${this.#location}, then ${location}`,
      );
      this.#follow();
    }, again);
  }

  #completed(location: string): void {
    this.#location = location;
    this.#listener.onCompleted(location);
  }

  #follow(): void {
    const location = this.#location;
    if (location === undefined || this.wish.sequel === "keep") this.#settled = true;
    else if (this.wish.sequel === "dispose") this.#dispose(location, 1);
    else {
      this.#settled = true;
      this.#listener.onResume(location);
    }
  }

  #dispose(location: string, attempt: number): void {
    this.#dispatcher.disposeSavepoint(`dispose-${this.#client.jobId}-${attempt}`, location).then(
      () => this.#later(POLL_MILLIS, () => this.#pollDisposal(location, attempt)),
      () => this.#later(RETRY_MILLIS, () => this.#dispose(location, attempt)),
    );
  }

  #pollDisposal(location: string, attempt: number): void {
    const again = (): void => this.#later(POLL_MILLIS, () => this.#pollDisposal(location, attempt));
    this.#dispatcher.getSavepointDisposalStatus(`dispose-${this.#client.jobId}-${attempt}`).then((status) => {
      if (status?.kind === "in-progress") return again();
      const gone = status?.kind === "failed" && status.failure.code === "NOT_FOUND";
      if (status?.kind !== "completed" && !gone) return this.#dispose(location, attempt + 1);
      this.#settled = true;
      this.#listener.onDisposed(location);
    }, again);
  }

  #later([least, most]: readonly [number, number], run: () => void): void {
    this.#platform.time.schedule(this.#random.between(least, most), run, this);
  }
}

function locationOf(status: SnapshotOperationStatus): string | undefined {
  if (status.kind === "completed") return status.location;
  return status.kind === "failed" ? STOPPED_BUT_FAILED.exec(status.failure.message)?.[1] : undefined;
}
