import { isUndelivered } from "../../rpc/heartbeat/heartbeat-monitor.ts";
import { seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { JobID, ResourceID } from "../../common/ids.ts";
import { RegisteredRpcConnection } from "../../rpc/registration/registered-rpc-connection.ts";
import { DEFAULT_REGISTRATION_CONFIGURATION } from "../../rpc/registration/retrying-registration-configuration.ts";
import { JobMasterGateway } from "../jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../jobmaster/job-master-id.ts";
import type { RunningTask } from "../messages/running-task.ts";
import type { SlotOffer, TaskExecutorRegistration } from "../messages/slots.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";

/** One JobMaster in one of its epochs. */
export interface JobManagerTarget {
  readonly jobId: JobID;
  readonly jobMasterAddress: string;
  readonly jobMasterId: JobMasterId;
}

export interface JobManagerConnectionListener {
  onRegistered(): void;
  /** Tasks of an earlier epoch of the JobMaster. */
  runningTasks(): readonly RunningTask[];
  /** The slots that the JobMaster may take now. */
  offers(): readonly SlotOffer[];
  /** The JobMaster will never accept this TaskExecutor. */
  onRejected(reason: string): void;
  /** Answer to the newest offer (SCH-32); `undefined`: it failed, and the slots are to be freed (SCH-31). */
  onOffersAnswered(offers: readonly SlotOffer[], accepted: readonly SlotOffer[] | undefined): void;
  /** The JobMaster took note of a state; `known` is false if it does not know the attempt (DEP-07). */
  onStateReported(state: TaskExecutionState, known: boolean): void;
}

/** An offer without an answer by then is made again (SCH-31). */
const OFFER_TIMEOUT = seconds(3);
const RETRY_DELAY = seconds(1);

/**
 * The connection to the job's master under one epoch: registration, slot offers, and the reports of state changes, which are
 * repeated in order until the JobMaster has acknowledged them. A new epoch is a new connection. Main thread only.
 */
export class JobManagerConnection {
  readonly target: JobManagerTarget;
  readonly #self: ResourceID;
  readonly #services: TaskExecutorServices;
  readonly #listener: JobManagerConnectionListener;
  readonly #connection: RegisteredRpcConnection<JobMasterGateway, { readonly jobMasterId: JobMasterId }>;
  #gateway: JobMasterGateway | undefined;
  #newestOffer = 0;
  #unreported: readonly TaskExecutionState[] = [];
  #reporting = false;

  constructor(
    services: TaskExecutorServices,
    connection: { readonly target: JobManagerTarget; readonly registration: TaskExecutorRegistration },
    listener: JobManagerConnectionListener,
  ) {
    const { target, registration } = connection;
    this.target = target;
    this.#self = registration.resourceId;
    this.#services = services;
    this.#listener = listener;
    this.#connection = new RegisteredRpcConnection(
      { ...services, configuration: DEFAULT_REGISTRATION_CONFIGURATION },
      {
        address: target.jobMasterAddress,
        connect: () => services.connect(JobMasterGateway, target.jobMasterAddress, target.jobMasterId),
        register: (gateway) => {
          this.#gateway = gateway;
          // What was lost is said before the registration, so that its cause is known when the old session ends.
          this.#report();
          return gateway.registerTaskManager(target.jobId, registration, this.#listener.runningTasks());
        },
      },
      {
        onSuccess: () => this.#listener.onRegistered(),
        onRejection: (reason) => this.#listener.onRejected(reason),
      },
    );
  }

  /** The gateway once registered; `undefined` before, and after {@link close}. */
  get gateway(): JobMasterGateway | undefined {
    return this.#connection.isClosed ? undefined : this.#connection.gateway;
  }

  start(): void {
    this.#connection.start();
  }

  /** Answers that are under way are ignored afterwards (SCH-33). Idempotent. */
  close(): void {
    this.#connection.close();
    this.#unreported = [];
  }

  /** Offers what there is to offer; a later call makes the answer to an earlier one count for nothing (SCH-32). */
  offerSlots(): void {
    const { gateway } = this;
    const offers = this.#listener.offers();
    if (gateway === undefined || offers.length === 0) return;
    this.#newestOffer += 1;
    const offer = this.#newestOffer;
    let answered = false;
    const isCurrent = (): boolean => !answered && !this.#connection.isClosed && offer === this.#newestOffer;
    const again = (): void => {
      if (isCurrent()) this.offerSlots();
    };
    // Well before the slots' own timeout frees them.
    this.#later(OFFER_TIMEOUT, again);
    this.#services.ask(
      gateway.offerSlots(this.#self, offers),
      (accepted) => {
        if (isCurrent()) {
          answered = true;
          this.#listener.onOffersAnswered(offers, accepted);
        }
        return undefined;
      },
      (error) => {
        if (!isCurrent()) return undefined;
        this.#services.log.info("slot offer failed", { offers: offers.length, error: error.message });
        if (isUndelivered(error)) return undefined;
        answered = true;
        this.#listener.onOffersAnswered(offers, undefined);
        return undefined;
      },
    );
  }

  /** Reports in order, repeated until acknowledged or the connection is closed. */
  reportStates(states: readonly TaskExecutionState[]): void {
    if (states.length === 0 || this.#connection.isClosed) return;
    this.#unreported = [...this.#unreported, ...states];
    this.#report();
  }

  #report(): void {
    const states = this.#unreported;
    if (this.#gateway === undefined || this.#reporting || states.length === 0) return;
    this.#reporting = true;
    this.#services.ask(
      this.#gateway.updateTaskExecutionState(states),
      (known) => {
        this.#reporting = false;
        if (this.#connection.isClosed) return undefined;
        this.#unreported = this.#unreported.slice(states.length);
        for (const [index, state] of states.entries()) this.#listener.onStateReported(state, known[index] ?? false);
        this.#report();
        return undefined;
      },
      (error) => {
        this.#reporting = false;
        // A stale epoch: the ResourceManager will name the new JobMaster.
        if (SluiceException.is(error, "FENCING_TOKEN")) return undefined;
        this.#later(RETRY_DELAY, () => this.#report());
        return undefined;
      },
    );
  }

  #later(delay: Duration, body: () => void): void {
    this.#services.executor.schedule(() => {
      if (!this.#connection.isClosed) body();
      return undefined;
    }, delay);
  }
}
