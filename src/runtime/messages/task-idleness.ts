/**
 * A task sleeps through a time that is at least this long: shorter waits are cheaper awake than a release and a new
 * deployment.
 */
export const LEAST_SLEEP_MILLIS = 10_000;

/** A running task that has nothing to do, now and for {@link LEAST_SLEEP_MILLIS}, unless somebody gives it something. */
export interface TaskIdleness {
  /**
   * The first checkpoint since whose barrier the task has done nothing, its sinks' part committed: its state is what that
   * checkpoint and every later one holds. Absent while there is none.
   */
  readonly sinceCheckpointId?: number;
  /** When it has something to do by itself. */
  readonly dueMillis?: number;
}
