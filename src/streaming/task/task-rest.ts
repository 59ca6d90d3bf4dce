import { LEAST_SLEEP_MILLIS, type TaskIdleness } from "../../runtime/messages/task-idleness.ts";
import type { PollStatus } from "../source/source.ts";

/** What a source waits for that has found nothing to read. */
interface SourceRest {
  /** Absent: for somebody to send something. */
  readonly dueMillis?: number;
}

/**
 * Whether a task has done anything since its last snapshots, and whether its source has anything to do. Channels keep
 * order, so tasks that have all been at rest since one checkpoint have nothing under way between them either.
 */
export class TaskRest {
  /** The first checkpoint since the task last did something. */
  #sinceCheckpointId: number | undefined;
  #source: SourceRest | undefined;

  /** @param restored the checkpoint that the task starts from. */
  constructor(restored: number | undefined) {
    this.#sinceCheckpointId = restored;
  }

  /** The task has processed something. */
  worked(): void {
    this.#sinceCheckpointId = undefined;
  }

  snapshotTaken(checkpointId: number): void {
    this.#sinceCheckpointId ??= checkpointId;
  }

  /** @param records that the poll emitted. */
  polled(status: PollStatus, records: number): void {
    if (records > 0) this.worked();
    switch (status.kind) {
      case "wait-until":
        this.#source = { dueMillis: status.dueMillis };
        return;
      case "wait-for-records":
        this.#source = {};
        return;
      case "needs-fetch":
        // A source that nobody sends anything looks again and again.
        if (records > 0 || this.#source?.dueMillis !== undefined) this.#source = undefined;
        return;
      case "more":
      case "end":
        this.#source = undefined;
    }
  }

  /** `undefined` if the source of the task has something to do, or soon will. */
  idleness(task: {
    readonly isSource: boolean;
    readonly committed: number;
    readonly nowMillis: number;
  }): TaskIdleness | undefined {
    const { isSource, committed, nowMillis } = task;
    if (isSource && this.#source === undefined) return undefined;
    const dueMillis = isSource ? this.#source?.dueMillis : undefined;
    if (dueMillis !== undefined && dueMillis - nowMillis < LEAST_SLEEP_MILLIS) return undefined;
    const since = this.#sinceCheckpointId;
    return {
      ...(since === undefined || since > committed ? {} : { sinceCheckpointId: since }),
      ...(dueMillis === undefined ? {} : { dueMillis }),
    };
  }
}
