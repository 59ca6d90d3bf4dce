import type { ScheduledCallback } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import { SqliteDatabase } from "../../storage/sqlite/sqlite-database.ts";
import type { FaultSource } from "./fault-source.ts";
import { SimulatedActivation } from "./simulated-activation.ts";
import type { SimulatedActivationOptions, SimulatedEndpoint } from "./simulated-activation.ts";
import type { DurableState } from "./simulated-storage.ts";

export interface SimulatedObjectOptions extends Omit<
  SimulatedActivationOptions,
  "address" | "durable" | "onConfirmed" | "onDoomed" | "confirmMillis"
> {
  readonly faults: FaultSource;
  readonly confirmMillis: readonly [least: number, most: number];
  readonly record: (line: string) => void;
  /** What the object wrote is durable now. */
  readonly onConfirmed: (object: SimulatedObject) => void;
}

const LATE_ALARM_MILLIS = [1_000, 60_000] as const;
const SLOW_STORAGE_MILLIS = [100, 8_000] as const;
const DUPLICATE_ALARM_MILLIS = [1, 5_000] as const;
const FIRST_ALARM_RETRY = seconds(2);
/** Longest life of an instance that was superseded. */
const SUPERSEDED_MILLIS = [100, 30_000] as const;

/** A Durable Object of the simulation: one name, what it stored, its alarm, and the instances that live under it. */
export class SimulatedObject {
  readonly address: string;
  readonly durable: DurableState;
  readonly #options: SimulatedObjectOptions;
  readonly #superseded = new Set<SimulatedActivation>();
  #current: SimulatedActivation | undefined;
  #alarm: { readonly dueMillis: number; readonly handle: ScheduledCallback } | undefined;
  #alarmAttempts = 0;

  constructor(address: string, options: SimulatedObjectOptions) {
    this.address = address;
    this.#options = options;
    this.durable = { database: new SqliteDatabase(), alarmMillis: undefined };
  }

  /** The instance that is current, if one is in memory. */
  get current(): SimulatedActivation | undefined {
    return this.#current;
  }

  get endpoint(): SimulatedEndpoint {
    return this.#options.endpoint;
  }

  /** The instance that is current and those that believe to be. */
  get instances(): readonly SimulatedActivation[] {
    return this.#current === undefined ? [...this.#superseded] : [this.#current, ...this.#superseded];
  }

  /** The current instance; a new one, started, if there is none. @throws whatever its constructor throws. */
  activate(): SimulatedActivation {
    if (this.#current !== undefined) return this.#current;
    const activation = this.create();
    if (activation.server.state === "created") activation.server.start();
    return activation;
  }

  /** A new current instance, not started. */
  create(): SimulatedActivation {
    this.#options.record(`activate ${this.address}`);
    const activation: SimulatedActivation = new SimulatedActivation({
      ...this.#options,
      address: this.address,
      durable: this.durable,
      confirmMillis: () => this.#confirmMillis(this.#current),
      onConfirmed: (confirmed) => this.#confirmed(confirmed),
      onDoomed: (doomed, reason) => this.end(doomed, reason),
    });
    this.#current = activation;
    return activation;
  }

  /** The instance loses its memory, as in a crash: whatever it had not made durable is undone with what waited for it. */
  end(activation: SimulatedActivation, reason: string): void {
    if (!activation.alive) return;
    const { network, record } = this.#options;
    record(`end ${this.address}: ${reason}`);
    const interrupted = activation.inAlarm && !activation.superseded;
    activation.end();
    network.receiverLost(activation, reason);
    network.forgetSender(activation);
    this.#superseded.delete(activation);
    if (this.#current === activation) this.#current = undefined;
    if (interrupted) this.#retryAlarm();
    this.#armAlarm();
  }

  /** The current instance is cut off without knowing it; the next message or alarm makes another one. */
  supersede(): void {
    const activation = this.#current;
    if (activation === undefined) return;
    const { network, time, faults } = this.#options;
    this.#current = undefined;
    this.#superseded.add(activation);
    const interrupted = activation.inAlarm;
    activation.supersede();
    network.superseded(activation);
    time.schedule(faults.random.between(...SUPERSEDED_MILLIS), () => this.end(activation, "superseded"), activation);
    if (interrupted) this.#retryAlarm();
    this.#armAlarm();
  }

  /** Ends all instances and the storage. */
  close(): void {
    for (const activation of this.instances) activation.end();
    this.#alarm?.handle.cancel();
    this.durable.database.close();
  }

  #confirmMillis(activation: SimulatedActivation | undefined): number {
    const { faults, confirmMillis, time } = this.#options;
    const slow = faults.strikes("storage-slow", this.address);
    const millis = faults.random.between(...(slow ? SLOW_STORAGE_MILLIS : confirmMillis));
    // While it is built the instance has nothing to lose yet.
    if (activation !== undefined && faults.strikes("turn-lost", this.address)) {
      const crash = (): void => this.end(activation, "crashed before its writes were durable");
      time.schedule(faults.random.between(0, millis), crash, activation);
    }
    return millis;
  }

  #confirmed(activation: SimulatedActivation): void {
    if (activation === this.#current) this.#armAlarm();
    this.#options.onConfirmed(this);
  }

  #armAlarm(): void {
    const dueMillis = this.durable.alarmMillis;
    if (this.#alarm?.dueMillis === dueMillis) return;
    this.#alarm?.handle.cancel();
    this.#alarm = undefined;
    if (dueMillis === undefined) return;
    const { faults, time } = this.#options;
    const lateMillis = faults.strikes("alarm-late", this.address) ? faults.random.between(...LATE_ALARM_MILLIS) : 0;
    const handle = time.schedule(dueMillis + lateMillis - time.now(), () => this.#fireAlarm(), this);
    this.#alarm = { dueMillis, handle };
  }

  #fireAlarm(): void {
    this.#alarm = undefined;
    const { faults, record, time } = this.#options;
    record(`alarm ${this.address}`);
    let activation: SimulatedActivation;
    try {
      activation = this.activate();
    } catch {
      this.durable.alarmMillis = undefined;
      return this.#retryAlarm();
    }
    if (faults.strikes("alarm-duplicated", this.address)) {
      time.schedule(faults.random.between(...DUPLICATE_ALARM_MILLIS), () => void this.activate().alarm(), this);
    }
    void activation.alarm().then(() => {
      this.#alarmAttempts = 0;
    });
    // Taking it away was durable at once; a handler that sets it anew writes.
    this.#armAlarm();
  }

  /** The alarm's handler did not come to its end: the platform runs it again after a back-off. */
  #retryAlarm(): void {
    const { faults, time } = this.#options;
    faults.happened("alarm-retried", this.address);
    const retryMillis = time.now() + FIRST_ALARM_RETRY * 2 ** Math.min(this.#alarmAttempts, 5);
    this.#alarmAttempts += 1;
    this.durable.alarmMillis = Math.min(this.durable.alarmMillis ?? retryMillis, retryMillis);
    this.#armAlarm();
  }
}
