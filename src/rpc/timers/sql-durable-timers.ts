import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { milliseconds, minutes, seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import { decodeWireText, encodeWireText } from "../../common/wire-text.ts";
import { ROOT_CONTEXT } from "../call-context.ts";
import { Later } from "../later.ts";
import { INTERNAL } from "../main-thread.ts";
import type { MainThread } from "../main-thread.ts";
import type { Alarm } from "../ports/alarm.ts";
import type { SqlDatabase, SqlValue } from "../ports/storage.ts";
import type { Outcome } from "../turn.ts";
import type { DurableTimers, TimerFiring } from "./durable-timers.ts";
import { cronPattern, everyInterval, nextInstant } from "./recurrence.ts";
import type { Recurrence } from "./recurrence.ts";

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
  readonly ids: IdSource;
  readonly mainThread: MainThread;
  /** The endpoint's `onTimer`. */
  readonly onTimer: (name: string, payload: unknown, firing: TimerFiring) => unknown;
}

/**
 * Durable timers in table `sluice_timers` over the host's one alarm. A timer is removed, or set for its next instant, in
 * the turn that runs it, or when the Later of that turn has settled; if one of them fails, the timer is still there and due
 * again after a back-off (1 s doubled up to 1 min).
 */
export class SqlDurableTimers implements DurableTimers {
  readonly #options: SqlDurableTimersOptions;
  // Timers whose turn is queued or whose Later is pending, unless the endpoint set or deleted them meanwhile.
  readonly #inFlight = new Map<string, StoredTimer>();
  // Tokens of those whose turn has begun.
  readonly #running = new Set<string>();
  #sleep: ScheduledCallback | undefined;
  #sleepUntil: number | undefined;
  #stopped = false;

  constructor(options: SqlDurableTimersOptions) {
    this.#options = options;
  }

  set(name: string, dueMillis: number, payload?: unknown): void {
    this.#set(name, dueMillis, { payload });
  }

  setAfter(name: string, delay: Duration, payload?: unknown): void {
    this.#set(name, this.#options.mainThread.now() + delay, { payload });
  }

  every(name: string, interval: Duration, payload?: unknown): void {
    const now = this.#options.mainThread.now();
    this.#set(name, now + interval, { payload, recurrence: everyInterval(interval, now) });
  }

  cron(
    name: string,
    pattern: string,
    { payload, timeZone }: { readonly payload?: unknown; readonly timeZone?: string } = {},
  ): void {
    const recurrence = cronPattern(pattern, timeZone);
    const due = nextInstant(recurrence, this.#options.mainThread.now());
    if (due !== undefined) this.#set(name, due, { payload, recurrence });
  }

  delete(name: string): void {
    const turn = this.#options.mainThread.requireTurn("timers.delete");
    this.#options.database.exec("DELETE FROM sluice_timers WHERE name = ?", name);
    turn.wrote = true;
    this.#changed(name);
  }

  list(): readonly { readonly name: string; readonly dueMillis: number }[] {
    const rows = this.#options.database.exec("SELECT name, due, token FROM sluice_timers ORDER BY due, name");
    return rows
      .filter((row) => !this.#running.has(String(row["token"])))
      .map((row) => ({ name: String(row["name"]), dueMillis: Number(row["due"]) }));
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
      "SELECT name, due, payload, attempts, token, recurrence FROM sluice_timers WHERE due <= ? ORDER BY due, name",
      now,
    );
    const fired = rows
      .map((row) => ({
        name: String(row["name"]),
        dueMillis: Number(row["due"]),
        payload: String(row["payload"]),
        attempts: Number(row["attempts"]),
        token: String(row["token"]),
        recurrence: row["recurrence"] ?? null,
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

  #set(name: string, dueMillis: number, what: { readonly payload: unknown; readonly recurrence?: Recurrence }): void {
    if (!Number.isFinite(dueMillis))
      throw new RangeError(`timer ${name}: due: expected milliseconds, got ${dueMillis}`);
    const { mainThread, database, ids } = this.#options;
    const turn = mainThread.requireTurn("timers.set");
    database.exec(
      "INSERT OR REPLACE INTO sluice_timers (name, due, payload, attempts, token, recurrence) VALUES (?, ?, ?, 0, ?, ?)",
      name,
      Math.ceil(dueMillis),
      encodeWireText(what.payload, `payload of timer ${name}`),
      ids.hex(),
      what.recurrence === undefined ? null : JSON.stringify(what.recurrence),
    );
    turn.wrote = true;
    this.#changed(name);
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
    const { name, token } = timer;
    const { database, mainThread, onTimer } = this.#options;
    this.#inFlight.set(name, timer);
    const { promise, resolve } = Promise.withResolvers<void>();
    let pending = false;
    mainThread.post({
      ...INTERNAL,
      label: `timer ${name}`,
      context: ROOT_CONTEXT,
      sender: undefined,
      run: () => {
        const stored = database.exec("SELECT 1 FROM sluice_timers WHERE name = ? AND token = ?", name, token);
        // Deleted or replaced since it was posted.
        if (stored.length === 0) return undefined;
        this.#running.add(token);
        const payload = decodeWireText(timer.payload, `payload of timer ${name}`);
        const result = onTimer(name, payload, { token, attempt: timer.attempts + 1 });
        pending = result instanceof Later;
        if (!pending) this.#done(timer);
        return result;
      },
      settle: (outcome: Outcome) => {
        this.#running.delete(token);
        const current = this.#inFlight.get(name) === timer;
        if (current) this.#inFlight.delete(name);
        if (!this.#stopped) {
          if (!outcome.ok) this.#failed(timer, { error: outcome.error, current });
          else if (pending) this.#done(timer);
          this.arm();
        }
        resolve();
      },
    });
    return promise;
  }

  /** Removes the timer, or sets it for its next instant; one that was set anew meanwhile is another. */
  #done({ name, token, recurrence }: StoredTimer): void {
    const { database, clock, ids } = this.#options;
    // Written by #set.
    const next =
      recurrence === null ? undefined : nextInstant(JSON.parse(String(recurrence)) as Recurrence, clock.now());
    if (next === undefined) {
      database.exec("DELETE FROM sluice_timers WHERE name = ? AND token = ?", name, token);
      return;
    }
    database.exec(
      "UPDATE sluice_timers SET due = ?, attempts = 0, token = ? WHERE name = ? AND token = ?",
      next,
      ids.hex(),
      name,
      token,
    );
  }

  /** The timer is due again after a back-off, unless the endpoint has set or deleted it since. */
  #failed(timer: StoredTimer, { error, current }: { readonly error: Error; readonly current: boolean }): void {
    const { database, clock, log } = this.#options;
    log.error(`timer ${timer.name} failed: ${error.message}`, { stack: error.stack });
    if (!current) return;
    const backOff = milliseconds(Math.min(MAX_RETRY, FIRST_RETRY * 2 ** timer.attempts));
    database.exec(
      "UPDATE sluice_timers SET due = ?, attempts = attempts + 1 WHERE name = ? AND token = ?",
      clock.now() + backOff,
      timer.name,
      timer.token,
    );
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
  readonly token: string;
  readonly recurrence: SqlValue;
}
