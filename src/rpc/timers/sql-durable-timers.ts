import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { milliseconds, minutes, seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import type { Logger } from "../../common/log.ts";
import { decodeWireText, encodeWireText } from "../../common/wire-text.ts";
import { ROOT_CONTEXT } from "../call-context.ts";
import { INTERNAL } from "../main-thread.ts";
import type { MainThread } from "../main-thread.ts";
import type { Alarm } from "../ports/alarm.ts";
import type { SqlDatabase } from "../ports/storage.ts";
import type { Outcome } from "../turn.ts";
import type { DurableTimers } from "./durable-timers.ts";

/**
 * How long the in-memory timer leaves the alarm to fire by itself. Work done inside the alarm's own event has a fresh
 * CPU budget and keeps the object alive, so the alarm goes first when it is on time.
 */
const ALARM_GRACE_MILLIS = 20;
/** No in-memory timer for what is due later: it would keep an idle object in memory. The alarm wakes it. */
const MAX_SLEEP_MILLIS = minutes(1);
const FIRST_RETRY = seconds(1);
const MAX_RETRY = minutes(1);

export interface SqlDurableTimersOptions {
  readonly database: SqlDatabase;
  readonly alarm: Alarm;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mainThread: MainThread;
  /** The endpoint's `onTimer`. */
  readonly onTimer: (name: string, payload: unknown) => unknown;
}

/**
 * Durable timers in table `sluice_timers` over the host's one alarm. A timer is removed in the turn that runs it; if
 * that turn throws, the timer is still there and due again after a back-off (1 s doubled up to 1 min).
 */
export class SqlDurableTimers implements DurableTimers {
  readonly #options: SqlDurableTimersOptions;
  // Timers whose turn is queued or whose Later is pending, unless the endpoint set or deleted them meanwhile.
  readonly #inFlight = new Map<string, StoredTimer>();
  #sleep: ScheduledCallback | undefined;
  #sleepUntil: number | undefined;
  #stopped = false;

  constructor(options: SqlDurableTimersOptions) {
    this.#options = options;
  }

  set(name: string, dueMillis: number, payload?: unknown): void {
    if (!Number.isFinite(dueMillis))
      throw new RangeError(`timer ${name}: due: expected milliseconds, got ${dueMillis}`);
    this.#options.mainThread.requireTurn("timers.set");
    this.#options.database.exec(
      "INSERT OR REPLACE INTO sluice_timers (name, due, payload, attempts) VALUES (?, ?, ?, 0)",
      name,
      Math.ceil(dueMillis),
      encodeWireText(payload, `payload of timer ${name}`),
    );
    this.#changed(name);
  }

  setAfter(name: string, delay: Duration, payload?: unknown): void {
    this.set(name, this.#options.mainThread.now() + delay, payload);
  }

  delete(name: string): void {
    this.#options.mainThread.requireTurn("timers.delete");
    this.#options.database.exec("DELETE FROM sluice_timers WHERE name = ?", name);
    this.#changed(name);
  }

  list(): readonly { readonly name: string; readonly dueMillis: number }[] {
    const rows = this.#options.database.exec("SELECT name, due FROM sluice_timers ORDER BY due, name");
    return rows.map((row) => ({ name: String(row["name"]), dueMillis: Number(row["due"]) }));
  }

  /** Arms alarm and in-memory timer for what is stored: at each activation, as any earlier alarm may have given up. */
  arm(): void {
    if (this.#stopped) return;
    const next = this.#nextDue();
    const { alarm, clock } = this.#options;
    if (next === undefined) {
      if (alarm.get() !== undefined) alarm.delete();
      this.#cancelSleep();
      return;
    }
    if (alarm.get() !== next) alarm.set(next);
    if (this.#sleepUntil === next) return;
    this.#cancelSleep();
    this.#sleepUntil = next;
    const delay = Math.max(0, next - clock.now());
    if (delay > MAX_SLEEP_MILLIS) return;
    this.#sleep = clock.schedule(delay + ALARM_GRACE_MILLIS, () => {
      this.#sleep = undefined;
      this.#sleepUntil = undefined;
      void this.fireDue();
    });
  }

  /**
   * Posts a turn for every timer that is due. Resolves when all of them, their Laters included, are done: the host's
   * alarm event waits for it. Never rejects.
   */
  async fireDue(): Promise<void> {
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    const rows = this.#options.database.exec(
      "SELECT name, due, payload, attempts FROM sluice_timers WHERE due <= ? ORDER BY due, name",
      now,
    );
    const fired = rows
      .map((row) => ({
        name: String(row["name"]),
        dueMillis: Number(row["due"]),
        payload: String(row["payload"]),
        attempts: Number(row["attempts"]),
      }))
      .filter((timer) => !this.#inFlight.has(timer.name))
      .map((timer) => this.#fire(timer));
    this.arm();
    await Promise.all(fired);
  }

  /** Timers were removed behind this object's back, within the running turn. */
  cleared(): void {
    this.#options.mainThread.hold({
      send: () => {
        this.#inFlight.clear();
        this.arm();
      },
      drop: () => undefined,
    });
  }

  /** Deletes all timers and stops firing: the endpoint terminates. */
  clear(): void {
    this.#options.database.exec("DELETE FROM sluice_timers");
    this.#options.alarm.delete();
    this.stop();
  }

  /** Stops firing; what is stored fires in the next activation. */
  stop(): void {
    this.#stopped = true;
    this.#cancelSleep();
  }

  #changed(name: string): void {
    this.#options.mainThread.hold({
      send: () => {
        this.#inFlight.delete(name);
        this.arm();
      },
      drop: () => undefined,
    });
  }

  #fire(timer: StoredTimer): Promise<void> {
    const { name, dueMillis } = timer;
    const { database, mainThread, onTimer } = this.#options;
    this.#inFlight.set(name, timer);
    const { promise, resolve } = Promise.withResolvers<void>();
    mainThread.post({
      ...INTERNAL,
      label: `timer ${name}`,
      context: ROOT_CONTEXT,
      sender: undefined,
      run: () => {
        const removed = database.exec(
          "DELETE FROM sluice_timers WHERE name = ? AND due = ? RETURNING name",
          name,
          dueMillis,
        );
        // Deleted or moved since it was posted.
        if (removed.length === 0) return undefined;
        return onTimer(name, decodeWireText(timer.payload, `payload of timer ${name}`));
      },
      settle: (outcome: Outcome) => {
        const current = this.#inFlight.get(name) === timer;
        if (current) this.#inFlight.delete(name);
        if (!outcome.ok && !this.#stopped) this.#failed(timer, { error: outcome.error, current });
        resolve();
      },
    });
    return promise;
  }

  /** The timer is due again after a back-off, unless the endpoint has set or deleted it since. */
  #failed(timer: StoredTimer, { error, current }: { readonly error: Error; readonly current: boolean }): void {
    const { database, clock, log } = this.#options;
    log.error(`timer ${timer.name} failed: ${error.message}`, { stack: error.stack });
    if (!current) return;
    const backOff = milliseconds(Math.min(MAX_RETRY, FIRST_RETRY * 2 ** timer.attempts));
    database.exec(
      "INSERT OR REPLACE INTO sluice_timers (name, due, payload, attempts) VALUES (?, ?, ?, ?)",
      timer.name,
      clock.now() + backOff,
      timer.payload,
      timer.attempts + 1,
    );
    this.arm();
  }

  #nextDue(): number | undefined {
    // What is in flight and still stored waits for its turn in memory; if the activation ends first, the next arms it.
    const rows = this.#options.database.exec(
      "SELECT name, due FROM sluice_timers ORDER BY due, name LIMIT ?",
      this.#inFlight.size + 1,
    );
    const next = rows.find((row) => !this.#inFlight.has(String(row["name"])));
    return next === undefined ? undefined : Number(next["due"]);
  }

  #cancelSleep(): void {
    this.#sleep?.cancel();
    this.#sleep = undefined;
    this.#sleepUntil = undefined;
  }
}

interface StoredTimer {
  readonly name: string;
  readonly dueMillis: number;
  readonly payload: string;
  readonly attempts: number;
}
