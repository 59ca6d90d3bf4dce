/** What a running task's time went to. */
export type TaskActivity = "busy" | "idle" | "back-pressured";

/**
 * Splits a task's running time by activity, sampled whenever its host runs. The clock stands still inside an event, so the
 * interval between two samples is charged to what the task was found to be at its end.
 */
export class TaskTime {
  readonly #millis: Record<TaskActivity, number> = { busy: 0, idle: 0, "back-pressured": 0 };
  #sampledMillis: number;

  constructor(nowMillis: number) {
    this.#sampledMillis = nowMillis;
  }

  sample(nowMillis: number, activity: TaskActivity): void {
    this.#millis[activity] += Math.max(0, nowMillis - this.#sampledMillis);
    this.#sampledMillis = nowMillis;
  }

  get metrics(): { readonly busyMillis: number; readonly idleMillis: number; readonly backPressuredMillis: number } {
    return {
      busyMillis: this.#millis.busy,
      idleMillis: this.#millis.idle,
      backPressuredMillis: this.#millis["back-pressured"],
    };
  }
}
