import type { Alarm } from "../../rpc/ports/alarm.ts";
import type { SqlDatabase, SqlRow, SqlValue } from "../../rpc/ports/storage.ts";
import type { SqliteDatabase } from "../../storage/sqlite/sqlite-database.ts";

/** What of an object outlives its activations. */
export interface DurableState {
  readonly database: SqliteDatabase;
  /** Due time of its alarm, as far as it is durable. */
  alarmMillis: number | undefined;
}

export interface SimulatedStorageOptions {
  readonly durable: DurableState;
  /** Something was written: {@link SimulatedStorage.confirm} is to be called in a while. */
  readonly onWritten: () => void;
  /** What was written is durable now. */
  readonly onConfirmed: () => void;
  /** A superseded instance has touched the storage, and dies of it. */
  readonly onFenced: () => void;
}

const READ = /^\s*SELECT\b/i;
const GATE = "sluice_gate";

/**
 * The storage of one activation, with the platform's output gate: what it wrote is durable only once confirmed, and whatever it
 * sends meanwhile waits for that. A crash before loses both, as if the turns had not been.
 */
export class SimulatedStorage {
  readonly database: SqlDatabase;
  readonly alarm: Alarm;
  readonly #options: SimulatedStorageOptions;
  readonly #held: (() => void)[] = [];
  #alarmMillis: number | undefined;
  // A savepoint around everything that is not confirmed.
  #begun = false;
  #dirty = false;
  #depth = 0;
  #fenced = false;
  #abandoned = false;

  constructor(options: SimulatedStorageOptions) {
    this.#options = options;
    this.#alarmMillis = options.durable.alarmMillis;
    this.database = {
      exec: (sql, ...bindings) => this.#exec(sql, bindings),
      transactionSync: (body) => this.#transaction(body),
      deleteAll: () => {
        if (!this.#write()) return;
        options.durable.database.deleteAll();
        this.#alarmMillis = undefined;
      },
    };
    this.alarm = {
      get: () => this.#alarmMillis,
      set: (dueMillis) => this.#setAlarm(dueMillis),
      delete: () => this.#setAlarm(undefined),
    };
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  /** Does it once everything written so far is durable; at once if nothing waits. Never after a crash. */
  whenConfirmed(send: () => void): void {
    if (this.#abandoned) return;
    if (this.#dirty) this.#held.push(send);
    else send();
  }

  /** What was written becomes durable, and what waited for it leaves, in order. */
  confirm(): void {
    if (!this.#dirty) return;
    const { durable, onConfirmed } = this.#options;
    this.#release();
    durable.alarmMillis = this.#alarmMillis;
    onConfirmed();
    for (const send of this.#held.splice(0)) send();
  }

  /** The activation ends: what is not confirmed is undone, what waits is never sent. */
  abandon(): void {
    this.#abandoned = true;
    this.#held.length = 0;
    if (!this.#begun) return;
    const { database } = this.#options.durable;
    database.exec(`ROLLBACK TO ${GATE}`);
    this.#release();
  }

  /** Another instance of the object is current from now on: this one cannot reach the storage any more. */
  fence(): void {
    this.abandon();
    this.#abandoned = false;
    this.#fenced = true;
  }

  /** The platform has taken the alarm away to deliver it. */
  alarmTaken(): void {
    if (this.#alarmMillis === this.#options.durable.alarmMillis) this.#alarmMillis = undefined;
    this.#options.durable.alarmMillis = undefined;
  }

  #exec(sql: string, bindings: readonly SqlValue[]): readonly SqlRow[] {
    const reaches = READ.test(sql) ? this.#isCurrent() : this.#write();
    if (!reaches) return [];
    return this.#options.durable.database.exec(sql, ...bindings);
  }

  #transaction<T>(body: () => T): T {
    this.#depth += 1;
    try {
      // An empty transaction does not reach the storage.
      if (this.#fenced || this.#abandoned) return body();
      this.#begin();
      return this.#options.durable.database.transactionSync(body);
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0 && this.#begun && !this.#dirty) this.#release();
    }
  }

  #setAlarm(dueMillis: number | undefined): void {
    if (this.#write()) this.#alarmMillis = dueMillis;
  }

  /** @returns whether the write reaches the storage. */
  #write(): boolean {
    if (!this.#isCurrent()) return false;
    this.#begin();
    if (!this.#dirty) {
      this.#dirty = true;
      this.#options.onWritten();
    }
    return true;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#options.durable.database.exec(`SAVEPOINT ${GATE}`);
  }

  #release(): void {
    this.#begun = false;
    this.#dirty = false;
    this.#options.durable.database.exec(`RELEASE ${GATE}`);
  }

  /**
   * An instance that is not current fails in its turn, and is lost with everything it still had to send; outside of turns what it
   * asks of the storage has no effect.
   */
  #isCurrent(): boolean {
    if (!this.#fenced && !this.#abandoned) return true;
    if (!this.#abandoned) this.#options.onFenced();
    this.#abandoned = true;
    if (this.#depth > 0) throw new Error("simulated: the storage belongs to another instance of this object");
    return false;
  }
}
