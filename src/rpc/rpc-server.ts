import { seconds } from "../common/duration.ts";
import type { ScheduledCallback } from "../common/clock.ts";
import { fromUnknown } from "../common/exceptions.ts";
import type { SluiceException } from "../common/exceptions.ts";
import { ROOT_CONTEXT } from "./call-context.ts";
import type { ActivationReason, EndpointContext } from "./endpoint-context.ts";
import type { ReplyEnvelope } from "./envelope/v1.ts";
import {
  EndpointNotStartedException,
  RecipientUnreachableException,
  RpcException,
  RpcInvalidStateException,
} from "./exceptions.ts";
import { StoredIdentity, TransientIdentity } from "./fencing/identity.ts";
import type { Identity } from "./fencing/identity.ts";
import { PeerTracker } from "./fencing/peer-tracker.ts";
import type { GatewayDescriptor } from "./gateway-descriptor.ts";
import type { HostPorts } from "./host-ports.ts";
import type { Answerer } from "./fencing/answerer.ts";
import type { IncomingMessage } from "./incoming-message.ts";
import { INTERNAL } from "./main-thread.ts";
import { RpcDispatch } from "./rpc-dispatch.ts";
import type { DispatchTarget } from "./rpc-dispatch.ts";
import { RpcEndpoint } from "./rpc-endpoint.ts";
import type { EndpointInternals } from "./rpc-endpoint.ts";
import type { ServerState } from "./server-state.ts";
import { applyEndpointSchema } from "./storage/endpoint-schema.ts";
import type { Outcome } from "./turn.ts";

/** How long termination waits for `exclusive` handlers that have not settled. */
const TERMINATION_GRACE = seconds(30);

export interface RpcServerOptions {
  readonly address: string;
  readonly gateways: readonly GatewayDescriptor[];
  /** Builds the endpoint; once per activation. */
  readonly factory: (context: EndpointContext) => RpcEndpoint;
  readonly ports: HostPorts;
  /** Identity over activations, for an endpoint without database. */
  readonly identity?: TransientIdentity;
  /**
   * This instance must not go on: `start-failed`, its onStart threw and callers are being told; `superseded`, a higher
   * epoch of the same address exists. The host ends the activation, not within this call.
   */
  readonly onBroken: (reason: "start-failed" | "superseded", error: SluiceException) => void;
}

/**
 * One endpoint under its address (Flink `RpcServer`): builds it, drives its lifecycle, and lets messages in. Activation
 * means a new server on the same database.
 */
export class RpcServer implements DispatchTarget {
  readonly address: string;
  /** Settles when the endpoint has terminated (contract L11, L16 to L18), or its start failed (L6), or it was killed. */
  readonly terminationFuture: Promise<void>;
  readonly #options: RpcServerOptions;
  readonly #identity: Identity;
  // Not the endpoint's: one that is built anew must not accept again what it has refused.
  readonly #peers = new PeerTracker();
  readonly #dispatch: RpcDispatch;
  readonly #terminated = Promise.withResolvers<void>();
  #endpoint: RpcEndpoint | undefined;
  #internals: EndpointInternals | undefined;
  #reason: ActivationReason = "created";
  #state: ServerState = "created";
  #running = false;
  #startFailure: SluiceException | undefined;
  #startDone = Promise.withResolvers<void>();

  /**
   * Builds the endpoint; its address exists from now on, it serves after {@link start} (contract L1).
   *
   * @throws whatever the endpoint's constructor throws; SluiceException `STATE_MIGRATION` for a foreign database.
   */
  constructor(options: RpcServerOptions) {
    this.address = options.address;
    this.#options = options;
    this.terminationFuture = this.#terminated.promise;
    this.terminationFuture.catch(() => undefined);
    this.#startDone.promise.catch(() => undefined);
    const { database } = options.ports;
    if (database !== undefined) applyEndpointSchema(database);
    this.#identity =
      database === undefined ? (options.identity ?? new TransientIdentity()) : new StoredIdentity(database);
    this.#dispatch = new RpcDispatch({
      address: options.address,
      gateways: options.gateways,
      identity: this.#identity,
      ports: options.ports,
      onSuperseded: (error) => options.onBroken("superseded", error),
    });
    if (this.#identity.lifecycle === "terminated") {
      this.#state = "terminated";
      this.#terminated.resolve();
      return;
    }
    this.#activate();
  }

  get state(): ServerState {
    return this.#state;
  }

  /** The living endpoint, for tests and composition in one process; calls go through gateways. */
  get endpoint(): RpcEndpoint | undefined {
    return this.#endpoint;
  }

  /**
   * Begins to serve once `onStart` is done. Without effect on an endpoint that serves already (contract L3 to L5, L10).
   *
   * @throws RpcInvalidStateException on one that terminates, terminated or failed (contract L22).
   */
  start(): void {
    if (this.#state === "starting" || this.#state === "started") return;
    const internals = this.#internals;
    if (internals === undefined || (this.#state !== "created" && this.#state !== "stopped")) {
      throw new RpcInvalidStateException(`${this.address} is ${this.#state} and cannot be started`);
    }
    const reason = this.#reason;
    this.#state = "starting";
    this.#running = true;
    internals.mainThread.start({
      ...INTERNAL,
      label: "onStart",
      context: ROOT_CONTEXT,
      sender: undefined,
      run: () => internals.start(reason),
      settle: (outcome) => this.#startSettled(internals, outcome),
    });
  }

  /** Refuses messages again until the next {@link start}; no onStop, nothing is closed (contract L9). */
  stop(): void {
    if (this.#state !== "started") {
      throw new RpcInvalidStateException(`${this.address} is ${this.#state} and cannot be stopped`);
    }
    this.#state = "stopped";
    this.#internals?.mainThread.pause();
  }

  /**
   * Terminates for ever: timers are cancelled, onStop runs, what is still queued becomes unreachable, and the state is
   * stored. Idempotent; returns the termination future (contract L11 to L21). What is queued before it runs before it; an
   * `exclusive` handler that does not settle within 30 s is given up, with all that waits for it.
   */
  closeAsync(): Promise<void> {
    const internals = this.#internals;
    switch (this.#state) {
      case "terminating":
      case "terminated":
        break;
      case "created":
        this.#terminate({ ok: true, value: undefined });
        break;
      case "failed":
        // A killed activation is left to the next one.
        if (this.#startFailure !== undefined) this.#terminate({ ok: true, value: undefined });
        break;
      case "starting":
      case "started":
      case "stopped":
        if (internals !== undefined) this.#beginTermination(internals);
        break;
    }
    return this.terminationFuture;
  }

  /**
   * Ends this activation as a crash does: no onStop, nothing stored; the same database may be activated again. Without
   * effect on a terminated one.
   */
  kill(): void {
    if (this.#state === "terminated") return;
    this.#state = "failed";
    this.#abandon();
    this.#terminated.reject(new RpcException(`${this.address} ended without a proper stop`));
  }

  /**
   * Lets one message in. Resolves with the reply of an ask or a handshake; for a tell when its turn begins or it is
   * refused. Never rejects.
   */
  receive(message: unknown): Promise<ReplyEnvelope> {
    return this.#dispatch.receive(message, this);
  }

  /** {@link receive} of a message that is checked already; answers it at once if its turn has ended by then. */
  accept(message: IncomingMessage): void {
    this.#dispatch.accept(message, this);
  }

  /** Lets several messages in, one after the other: whatever `body` does takes place without anything between. */
  run(nowMillis: number, body: () => void): void {
    if (this.#internals === undefined) body();
    else this.#internals.mainThread.run(nowMillis, body);
  }

  /** Epoch and incarnation as replies carry them. */
  identity(): Answerer {
    return this.#identity;
  }

  /** @internal */
  get startFailure(): SluiceException | undefined {
    return this.#startFailure;
  }

  /** @internal */
  get internals(): EndpointInternals | undefined {
    return this.#internals;
  }

  /**
   * The host's alarm went off: runs what is due, and resolves when that is done, the Laters of its handlers included.
   *
   * @throws (rejects) what onStart threw, so that the host's alarm tries again.
   */
  async onAlarm(): Promise<void> {
    if (this.#state === "terminated") return;
    await this.#startDone.promise;
    await this.#internals?.timers?.fireDue();
  }

  #activate(): void {
    const options = this.#options;
    const identity = this.#identity;
    this.#reason = identity.incarnation === 0 ? "created" : "recovered";
    identity.raiseIncarnation();
    const endpoint = options.factory({ ...options.ports, address: this.address, identity, peers: this.#peers });
    const internals = RpcEndpoint.internals(endpoint);
    internals.journal?.serve(options.gateways);
    internals.attach({
      isRunning: () => this.#running,
      isServing: () => this.#state !== "starting",
      terminate: () => void this.closeAsync(),
      reload: () => this.#reload(),
    });
    this.#dispatch.requireHandlers(endpoint);
    this.#endpoint = endpoint;
    this.#internals = internals;
  }

  #startSettled(internals: EndpointInternals, outcome: Outcome): void {
    if (this.#state !== "starting") return;
    if (outcome.ok) {
      this.#state = "started";
      internals.timers?.arm();
      this.#startDone.resolve();
      internals.mainThread.open();
      return;
    }
    const error = new RpcException(`${this.address} could not be started: ${outcome.error.message}`, {
      cause: outcome.error,
    });
    this.#abandon(
      (label) =>
        new EndpointNotStartedException(`${label} was dropped: ${error.message}`, { cause: error, retryable: true }),
    );
    this.#state = "failed";
    this.#startFailure = error;
    this.#startDone.reject(error);
    this.#terminated.reject(error);
    this.#options.onBroken("start-failed", error);
  }

  #beginTermination(internals: EndpointInternals): void {
    const { mainThread, timers } = internals;
    const stopped = this.#state === "stopped";
    this.#state = "terminating";
    let waits = true;
    const work = {
      ...INTERNAL,
      label: "onStop",
      context: ROOT_CONTEXT,
      sender: undefined,
      run: () => {
        waits = false;
        patience?.cancel();
        mainThread.cancelScheduled();
        timers?.stop();
        try {
          return internals.stop();
        } catch (thrown) {
          const cause = fromUnknown(thrown);
          throw new RpcException(`onStop of ${this.address} failed: ${cause.message}`, { cause });
        } finally {
          // True within the synchronous part of onStop, false from here on (contract L12, L13).
          this.#running = false;
        }
      },
      settle: (outcome: Outcome) => {
        patience?.cancel();
        // Not where it was killed meanwhile.
        if (this.#state === "terminating") this.#terminate(outcome);
      },
    };
    let patience: ScheduledCallback | undefined;
    // A stopped endpoint's queue is closed; termination is not an ordinary message.
    if (stopped) mainThread.start(work);
    else mainThread.post(work);
    if (!waits) return;
    patience = this.#options.ports.clock.schedule(TERMINATION_GRACE, () =>
      mainThread.giveUpOwners(
        (label) =>
          new RecipientUnreachableException(
            `${label} was given up: it did not settle within ${TERMINATION_GRACE} ms of the termination of ${this.address}`,
          ),
      ),
    );
  }

  #terminate(outcome: Outcome): void {
    this.#state = "terminated";
    this.#running = false;
    this.#identity.markTerminated();
    this.#internals?.timers?.clear();
    this.#internals?.mainThread.end(
      (label) => new RecipientUnreachableException(`${label} was dropped: ${this.address} has terminated`),
    );
    this.#endpoint = undefined;
    this.#startDone.resolve();
    if (outcome.ok) this.#terminated.resolve();
    else this.#terminated.reject(outcome.error);
  }

  /** After a turn threw, on an endpoint that asks for it: a new activation on the same storage, within this host. */
  #reload(): void {
    if (this.#state !== "started") return;
    this.#abandon();
    this.#state = "created";
    this.#startDone = Promise.withResolvers<void>();
    this.#startDone.promise.catch(() => undefined);
    this.#activate();
    this.start();
  }

  #abandon(reason?: (label: string) => SluiceException): void {
    this.#running = false;
    this.#internals?.timers?.stop();
    this.#internals?.mainThread.end(reason);
    this.#endpoint = undefined;
    this.#internals = undefined;
  }
}
