import { AttemptTable } from "../executiongraph/attempt-table.ts";
import { CHECKPOINT_DEFAULTS, type CheckpointConfiguration } from "../jobgraph/job-configuration.ts";
import type { CheckpointEvent } from "./checkpoint-messages.ts";
import { rankOf, type CheckpointRequest } from "./checkpoint-request.ts";
import { stateKeysOf, type StoredCheckpoint } from "./completed-checkpoint.ts";
import type { MutablePendingCheckpoint, PendingCheckpoint } from "./pending-checkpoint.ts";

/**
 * A job without periodic checkpoints still needs one at its end, and another if that one fails or its notice is lost:
 * the pause between two attempts.
 */
const FINAL_CHECKPOINT_RETRY_MILLIS = 10_000;

/** What earlier lives of the JobMaster left behind. */
export interface CheckpointHistory {
  /** Retained, oldest first. */
  readonly completed: readonly StoredCheckpoint[];
  /** Highest id that may have been used. */
  readonly reservedUpTo: number;
}

/** State of a job's checkpoint coordinator. */
export class CheckpointCoordinatorState {
  /** Settings with defaults; {@link periodMillis} says whether there are periodic checkpoints. */
  readonly settings: Omit<CheckpointConfiguration, "intervalMillis">;
  readonly #configuredPeriodMillis: number | undefined;
  readonly #pending = new Map<number, MutablePendingCheckpoint>();
  #queued: readonly CheckpointRequest[] = [];
  #completed: readonly StoredCheckpoint[];
  #active = false;
  #endOfData = false;
  #paused = false;
  #nextTriggerMillis: number | undefined;
  #nextId: number;
  #reservedUpTo: number;
  #lastCompletionMillis: number | undefined;
  #consecutiveFailures = 0;

  constructor(configuration: CheckpointConfiguration | undefined, history: CheckpointHistory) {
    this.settings = configuration ?? CHECKPOINT_DEFAULTS;
    // CP-01
    this.#configuredPeriodMillis =
      configuration === undefined ? undefined : Math.max(configuration.intervalMillis, configuration.minPauseMillis);
    this.#completed = history.completed;
    this.#reservedUpTo = history.reservedUpTo;
    this.#nextId = history.reservedUpTo + 1;
    this.#lastCompletionMillis = history.completed.at(-1)?.completionTimestampMillis;
  }

  get active(): boolean {
    return this.#active;
  }

  get endOfData(): boolean {
    return this.#endOfData;
  }

  /** Time between two periodic triggers. */
  get periodMillis(): number | undefined {
    return this.#configuredPeriodMillis ?? (this.#endOfData ? FINAL_CHECKPOINT_RETRY_MILLIS : undefined);
  }

  get nextTriggerMillis(): number | undefined {
    return this.#nextTriggerMillis;
  }

  /** The id the next checkpoint gets; at least 1, never used before (CP-09). */
  get nextId(): number {
    return this.#nextId;
  }

  get reservedUpTo(): number {
    return this.#reservedUpTo;
  }

  /** By id, lowest first. */
  get pending(): ReadonlyMap<number, PendingCheckpoint> {
    return this.#pending;
  }

  /** In the order in which they are served. */
  get queued(): readonly CheckpointRequest[] {
    return this.#queued;
  }

  /** Whether nothing is begun by itself, because the job is about to end with a savepoint. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Retained, oldest first. */
  get completed(): readonly StoredCheckpoint[] {
    return this.#completed;
  }

  get latestCompleted(): StoredCheckpoint | undefined {
    return this.#completed.at(-1);
  }

  /** Checkpoints can be taken, and none is under way or asked for; nor is the job about to end. */
  get isQuiet(): boolean {
    return this.#active && !this.#endOfData && !this.#paused && this.#pending.size === 0 && this.#queued.length === 0;
  }

  get lastCompletionMillis(): number | undefined {
    return this.#lastCompletionMillis;
  }

  /** Counted failures since the last completed checkpoint (CP-23). */
  get consecutiveFailures(): number {
    return this.#consecutiveFailures;
  }

  /** When `tick` has something to do; `undefined`: never, as things are. */
  get nextWakeMillis(): number | undefined {
    const times = [...this.#pending.values()].map((pending) => this.expiryOf(pending));
    if (this.#nextTriggerMillis !== undefined) times.push(this.#nextTriggerMillis);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  expiryOf(pending: PendingCheckpoint): number {
    return pending.triggerTimestampMillis + this.settings.timeoutMillis;
  }

  /** Whether a retained checkpoint needs this object. */
  isRetained(stateKey: string): boolean {
    return this.#completed.some((checkpoint) => stateKeysOf(checkpoint).includes(stateKey));
  }

  apply(event: CheckpointEvent): void {
    switch (event.kind) {
      case "activated":
        this.#active = true;
        return;
      case "deactivated":
        this.#active = false;
        this.#endOfData = false;
        this.#paused = false;
        this.#nextTriggerMillis = undefined;
        this.#queued = [];
        return;
      case "end-of-data-reached":
        this.#endOfData = true;
        return;
      case "trigger-scheduled":
        this.#nextTriggerMillis = event.atMillis;
        return;
      case "request-queued":
        this.#queued = [...this.#queued, event.request].sort((left, right) => rankOf(left) - rankOf(right));
        return;
      case "request-taken":
        this.#queued = this.#queued.filter((request) => request !== event.request);
        return;
      case "scheduling-paused":
        this.#paused = true;
        this.#nextTriggerMillis = undefined;
        return;
      case "scheduling-resumed":
        this.#paused = false;
        return;
      case "ids-reserved":
        this.#reservedUpTo = event.upTo;
        return;
      case "triggered":
        this.#nextId = event.checkpointId + 1;
        this.#pending.set(event.checkpointId, {
          checkpointId: event.checkpointId,
          request: event.request,
          triggerTimestampMillis: event.nowMillis,
          plan: event.plan,
          acknowledged: new AttemptTable(event.plan.places.size),
          finalizing: undefined,
        });
        return;
      case "acknowledged":
        this.#pending.get(event.checkpointId)?.acknowledged.put(event.acknowledgement);
        return;
      case "finalizing": {
        const pending = this.#pending.get(event.checkpoint.checkpointId);
        if (pending !== undefined) pending.finalizing = event.checkpoint;
        return;
      }
      case "completed": {
        const dropped = new Set(event.dropped);
        this.#pending.delete(event.checkpoint.checkpointId);
        this.#completed = [...this.#completed, event.checkpoint].filter(
          ({ checkpointId }) => !dropped.has(checkpointId),
        );
        this.#lastCompletionMillis = event.nowMillis;
        this.#consecutiveFailures = 0;
        return;
      }
      case "savepoint-completed":
        this.#pending.delete(event.checkpoint.checkpointId);
        // CP-06: success of any kind.
        this.#lastCompletionMillis = event.nowMillis;
        this.#consecutiveFailures = 0;
        return;
      case "aborted":
        this.#pending.delete(event.checkpointId);
        if (event.counted) this.#consecutiveFailures += 1;
        return;
      case "failures-exceeded":
        this.#consecutiveFailures = 0;
        return;
      case "trigger-refused":
      case "restored":
        return;
    }
  }
}
