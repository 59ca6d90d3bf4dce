import { SluiceException } from "../../common/exceptions.ts";
import { RetryingRegistration } from "./retrying-registration.ts";
import type { RegistrationListener, RegistrationServices, RegistrationTarget } from "./retrying-registration.ts";

/**
 * A connection to one peer under one of its epochs, made by registration (Flink `RegisteredRpcConnection`). A peer with a new
 * epoch gets a new connection. Callbacks of a connection that was closed, or whose registration was superseded, never come.
 * Main thread only.
 *
 * ```
 * created -> registering -> connected -> closed
 *               ^               | tryReconnect
 *               +---------------+
 * ```
 */
export class RegisteredRpcConnection<Gateway, Success extends object> {
  readonly #services: RegistrationServices;
  readonly #target: RegistrationTarget<Gateway, Success>;
  readonly #listener: RegistrationListener<Gateway, Success>;
  #pending: RetryingRegistration<Gateway, Success> | undefined;
  #gateway: Gateway | undefined;
  #closed = false;

  constructor(
    services: RegistrationServices,
    target: RegistrationTarget<Gateway, Success>,
    listener: RegistrationListener<Gateway, Success>,
  ) {
    this.#services = services;
    this.#target = target;
    this.#listener = listener;
  }

  get targetAddress(): string {
    return this.#target.address;
  }

  /** `undefined` before the first success; the last one while a reconnect runs (R11, R14). */
  get gateway(): Gateway | undefined {
    return this.#gateway;
  }

  get isConnected(): boolean {
    return this.#gateway !== undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws SluiceException ILLEGAL_STATE if started before or closed (R12). */
  start(): void {
    if (this.#closed) throw new SluiceException("ILLEGAL_STATE", `connection to ${this.targetAddress} is closed`);
    if (this.#pending !== undefined || this.isConnected) {
      throw new SluiceException("ILLEGAL_STATE", `connection to ${this.targetAddress} was started before`);
    }
    this.#startRegistration();
  }

  /**
   * Registers anew, dropping a registration that is under way (R14).
   *
   * @returns false if the connection is closed.
   * @throws SluiceException ILLEGAL_STATE if it never was connected.
   */
  tryReconnect(): boolean {
    if (this.#closed) return false;
    if (!this.isConnected) {
      throw new SluiceException("ILLEGAL_STATE", `connection to ${this.targetAddress} was never established`);
    }
    this.#pending?.cancel();
    this.#startRegistration();
    return true;
  }

  /** Idempotent (R15). */
  close(): void {
    this.#closed = true;
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  #startRegistration(): void {
    this.#pending = new RetryingRegistration(this.#services, this.#target, {
      onSuccess: (gateway, success) => {
        this.#pending = undefined;
        this.#gateway = gateway;
        this.#listener.onSuccess(gateway, success);
      },
      onRejection: (reason) => {
        this.#pending = undefined;
        this.#listener.onRejection(reason);
      },
    });
    this.#pending.start();
  }
}
