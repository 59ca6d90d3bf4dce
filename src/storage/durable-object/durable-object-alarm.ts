import type { Alarm } from "../../rpc/ports/alarm.ts";

/**
 * The alarm of a Durable Object. The platform tells its due time only asynchronously, so this keeps what was set in
 * this activation; an alarm of an earlier one is unknown, and is replaced by the first {@link set}.
 */
export class DurableObjectAlarm implements Alarm {
  readonly #storage: DurableObjectStorage;
  #due: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get(): number | undefined {
    return this.#due;
  }

  set(dueMillis: number): void {
    this.#due = dueMillis;
    // Part of the event's writes; a failed flush resets the object.
    void this.#storage.setAlarm(dueMillis);
  }

  delete(): void {
    this.#due = undefined;
    void this.#storage.deleteAlarm();
  }

  /** The platform has taken the alarm away to deliver it. */
  rang(): void {
    this.#due = undefined;
  }
}
