import type { ExecutionAttemptID } from "../../common/ids.ts";
import { seconds } from "../../common/duration.ts";
import type { ExecutionGraph } from "../executiongraph/execution-graph.ts";
import type { AttemptMetrics } from "../messages/heartbeat-payloads.ts";
import type { TaskIdleness } from "../messages/task-idleness.ts";

/** How long nothing happens before a job goes to sleep: what comes in quick succession is met awake. */
export const LINGER_MILLIS: number = seconds(5);

/** What is to be done about a job in which nothing happens. */
export type QuiescenceVerdict =
  | { readonly kind: "stay-awake" }
  /** All tasks are at rest, and what they did last is in no checkpoint yet. */
  | { readonly kind: "take-checkpoint" }
  /** The newest checkpoint holds the job exactly as it is. */
  | { readonly kind: "sleep"; readonly dueMillis?: number };

const STAY_AWAKE: QuiescenceVerdict = { kind: "stay-awake" };

/** When a job may sleep, by what its TaskExecutors report of its tasks. Plain bookkeeping: no calls, no timers. */
export class Quiescence {
  readonly #idle = new Map<ExecutionAttemptID, TaskIdleness>();
  readonly #records = new Map<ExecutionAttemptID, number>();
  #lastWorkMillis: number;
  /** The job was woken to do something: its result is committed when it is done, not at the next period. */
  #eager: boolean;

  constructor(life: { readonly nowMillis: number; readonly woken: boolean }) {
    this.#lastWorkMillis = life.nowMillis;
    this.#eager = life.woken;
  }

  /** What a TaskExecutor reports. */
  report(attempts: readonly AttemptMetrics[], nowMillis: number): void {
    for (const { attemptId, metrics, idle } of attempts) {
      const records = metrics.recordsIn + (metrics.sourcePosition ?? 0);
      if (this.#records.get(attemptId) !== records) this.#lastWorkMillis = nowMillis;
      this.#records.set(attemptId, records);
      if (idle === undefined) this.#idle.delete(attemptId);
      else this.#idle.set(attemptId, idle);
    }
  }

  /**
   * Linear in the tasks once as many are at rest as run, constant before.
   *
   * @param checkpointId the newest completed checkpoint.
   */
  assess(graph: ExecutionGraph, checkpointId: number | undefined, nowMillis: number): QuiescenceVerdict {
    const { counts, size } = graph;
    if (counts.RUNNING === 0 || counts.RUNNING + counts.FINISHED !== size) return STAY_AWAKE;
    if (this.#idle.size < counts.RUNNING) return STAY_AWAKE;
    const lingered = nowMillis - this.#lastWorkMillis >= LINGER_MILLIS;
    if (!lingered && !this.#eager) return STAY_AWAKE;
    let covered = checkpointId !== undefined;
    let dueMillis: number | undefined;
    for (let place = 0; place < size; place += 1) {
      const { attemptId, state } = graph.executionAt(place);
      if (state === "FINISHED") continue;
      const idle = this.#idle.get(attemptId);
      if (idle === undefined) return STAY_AWAKE;
      covered &&= idle.sinceCheckpointId !== undefined && idle.sinceCheckpointId <= (checkpointId ?? 0);
      if (idle.dueMillis !== undefined) dueMillis = Math.min(idle.dueMillis, dueMillis ?? Number.POSITIVE_INFINITY);
    }
    this.#forgetOthers(graph);
    if (!covered) {
      this.#eager = false;
      return { kind: "take-checkpoint" };
    }
    if (!lingered) return STAY_AWAKE;
    return { kind: "sleep", ...(dueMillis === undefined ? {} : { dueMillis }) };
  }

  #forgetOthers(graph: ExecutionGraph): void {
    for (const attempts of [this.#idle, this.#records]) {
      for (const attemptId of attempts.keys()) {
        if (graph.stateOf(attemptId) === undefined) attempts.delete(attemptId);
      }
    }
  }
}
