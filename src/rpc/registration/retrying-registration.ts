import type { ScheduledCallback } from "../../common/clock.ts";
import { milliseconds } from "../../common/duration.ts";
import { fromUnknown } from "../../common/exceptions.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { MainThreadExecutor } from "../main-thread-executor.ts";
import type { RegistrationResponse } from "./registration-response.ts";
import type { RetryingRegistrationConfiguration } from "./retrying-registration-configuration.ts";

export interface RegistrationServices {
  /** The endpoint's main thread: every attempt, answer and callback runs there. */
  readonly executor: MainThreadExecutor;
  readonly random: Random;
  readonly log: Logger;
  readonly configuration: RetryingRegistrationConfiguration;
}

/** The peer, and what to say to it. The request has to be idempotent: attempts overlap when an answer is late. */
export interface RegistrationTarget<Gateway, Success> {
  readonly address: string;
  /** Resolves the gateway; called before every attempt that follows an error (over R8). */
  connect(): Promise<Gateway>;
  register(gateway: Gateway): Promise<RegistrationResponse<Success>>;
}

export interface RegistrationListener<Gateway, Success> {
  onSuccess(gateway: Gateway, success: Success): void;
  /** The peer will never accept (R9). */
  onRejection(reason: string): void;
}

/**
 * Registers at a peer until it answers with success or rejection, or {@link cancel} is called (Flink
 * `RetryingRegistration`). An answer in time decides; one that is late decides too if it comes before the next one. A call that throws and
 * one that rejects are the same (over R4, R5). Main thread only.
 */
export class RetryingRegistration<Gateway, Success extends object> {
  readonly #services: RegistrationServices;
  readonly #target: RegistrationTarget<Gateway, Success>;
  readonly #listener: RegistrationListener<Gateway, Success>;
  #timer: ScheduledCallback | undefined;
  #done = false;
  #attempt = 0;
  #timeoutMillis: number;
  #errorDelayMillis: number;
  #refusedDelayMillis: number;

  constructor(
    services: RegistrationServices,
    target: RegistrationTarget<Gateway, Success>,
    listener: RegistrationListener<Gateway, Success>,
  ) {
    this.#services = services;
    this.#target = target;
    this.#listener = listener;
    this.#timeoutMillis = services.configuration.initialTimeoutMillis;
    this.#errorDelayMillis = services.configuration.initialErrorDelayMillis;
    this.#refusedDelayMillis = services.configuration.initialRefusedDelayMillis;
  }

  /** The first attempt is a turn of its own, and the root of its calls: whoever caused it does not wait for it. */
  start(): void {
    this.#schedule(0, () => this.#connectAndRegister());
  }

  /** No callback and no further attempt afterwards (R10). Idempotent. */
  cancel(): void {
    this.#done = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #connectAndRegister(): void {
    if (this.#done) return;
    const attempt = this.#beginAttempt();
    this.#settle(
      () => this.#target.connect(),
      (gateway) => {
        if (this.#isCurrent(attempt)) this.#register(gateway, attempt);
      },
      (error) => this.#onError(error, attempt),
    );
  }

  /** The same gateway again, after a timeout (R6). */
  #registerAgain(gateway: Gateway): void {
    if (!this.#done) this.#register(gateway, this.#beginAttempt());
  }

  #register(gateway: Gateway, attempt: number): void {
    const { configuration } = this.#services;
    this.#schedule(this.#timeoutMillis, () => {
      this.#timeoutMillis = Math.min(this.#timeoutMillis * 2, configuration.maxTimeoutMillis);
      this.#registerAgain(gateway);
    });
    this.#settle(
      () => this.#target.register(gateway),
      (response) => this.#onResponse(gateway, response, attempt),
      (error) => this.#onError(error, attempt),
    );
  }

  #onResponse(gateway: Gateway, response: RegistrationResponse<Success>, attempt: number): void {
    if (this.#done) return;
    switch (response.kind) {
      case "success":
        this.cancel();
        this.#listener.onSuccess(gateway, response);
        return;
      case "rejection":
        this.cancel();
        this.#listener.onRejection(response.reason);
        return;
      case "failure": {
        if (!this.#isCurrent(attempt)) return;
        const delay = this.#refusedDelayMillis;
        this.#refusedDelayMillis = Math.min(delay * 2, this.#services.configuration.maxRefusedDelayMillis);
        this.#retryAfter(delay, response.reason);
      }
    }
  }

  #onError(error: unknown, attempt: number): void {
    if (!this.#isCurrent(attempt)) return;
    const delay = this.#errorDelayMillis;
    this.#errorDelayMillis = Math.min(delay * 2, this.#services.configuration.maxErrorDelayMillis);
    this.#retryAfter(delay, fromUnknown(error).message);
  }

  #retryAfter(delayMillis: number, reason: string): void {
    const { configuration, log, random } = this.#services;
    const jittered = delayMillis * (1 + configuration.jitter * (2 * random.next() - 1));
    log.info("registration attempt failed", {
      target: this.#target.address,
      attempt: this.#attempt,
      retryAfterMillis: Math.round(jittered),
      reason,
    });
    this.#timeoutMillis = configuration.initialTimeoutMillis;
    this.#schedule(jittered, () => this.#connectAndRegister());
  }

  #beginAttempt(): number {
    this.#attempt += 1;
    return this.#attempt;
  }

  #isCurrent(attempt: number): boolean {
    return !this.#done && attempt === this.#attempt;
  }

  #schedule(delayMillis: number, body: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#services.executor.schedule(() => {
      body();
      return undefined;
    }, milliseconds(delayMillis));
  }

  #settle<T>(call: () => Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void): void {
    const onMainThread = (body: () => void): void =>
      this.#services.executor.execute(() => {
        body();
        return undefined;
      });
    let promise: Promise<T>;
    try {
      promise = call();
    } catch (error) {
      onMainThread(() => onError(error));
      return;
    }
    promise.then(
      (value) => onMainThread(() => onValue(value)),
      (error: unknown) => onMainThread(() => onError(error)),
    );
  }
}
