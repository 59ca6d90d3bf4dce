import type { Clock } from "../../common/clock.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { CheckpointOptions, TaskCheckpointFailureReason } from "../../runtime/messages/checkpoint-messages.ts";
import { serializeThrowable } from "../../runtime/messages/serialized-throwable.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { ArrivedBarrier } from "../network/barrier-aligner.ts";
import type { OperatorChain } from "./operator-chain.ts";
import { encodeSubtaskState, storeSubtaskState } from "./subtask-state.ts";
import type { TaskReport } from "./task-report.ts";

interface SubtaskCheckpointsSetup {
  readonly descriptor: TaskDeploymentDescriptor;
  readonly clock: Clock;
  readonly report: TaskReport;
}

/** A snapshot between its synchronous and its asynchronous part. */
interface TakenSnapshot {
  readonly checkpointId: number;
  readonly stateKey: string;
  readonly state: Uint8Array | undefined;
  readonly sourcePosition: number | undefined;
  readonly takenMillis: number;
  readonly alignmentMillis: number;
  readonly startDelayMillis: number;
  readonly processedBytes: number;
}

/** The savepoint at which the task stopped. */
export interface StopSavepoint {
  readonly checkpointId: number;
  readonly drain: boolean;
}

/** One subtask's part of the checkpoints (Flink `SubtaskCheckpointCoordinatorImpl`): snapshot, upload, ack, commit. */
export class SubtaskCheckpoints {
  readonly #setup: SubtaskCheckpointsSetup;
  #snapshots: TakenSnapshot[] = [];
  readonly #aborted = new Set<number>();
  #lastTaken = 0;
  #lastCompleted = 0;
  #lastCommitted = 0;
  #endOfData = false;
  /** First checkpoint taken after the end of data. */
  #final: number | undefined;
  #stop: StopSavepoint | undefined;

  constructor(setup: SubtaskCheckpointsSetup) {
    this.#setup = setup;
    // Its pending output is committed before the task runs.
    this.#lastCommitted = this.#lastCompleted = setup.descriptor.restore?.checkpointId ?? 0;
  }

  /** A snapshot is taken and not yet acknowledged. */
  get hasSnapshot(): boolean {
    return this.#snapshots.length > 0;
  }

  /** A completed checkpoint is not yet committed. */
  get hasCommit(): boolean {
    return this.#lastCompleted > this.#lastCommitted;
  }

  /**
   * The task's end of data is covered by a completed checkpoint, or the savepoint it stopped at is complete, and its sinks have
   * committed that (CP-29, SVP-05).
   */
  get isFinalCommitted(): boolean {
    const last = this.#stop?.checkpointId ?? this.#final;
    return last !== undefined && this.#lastCommitted >= last;
  }

  /** Set once the task has taken the savepoint that it ends with. */
  get stop(): StopSavepoint | undefined {
    return this.#stop;
  }

  /** The newest checkpoint that the sinks have committed; 0 before the first. */
  get lastCommitted(): number {
    return this.#lastCommitted;
  }

  isAborted(checkpointId: number): boolean {
    return this.#aborted.has(checkpointId);
  }

  /** The snapshots from now on cover all data. */
  endOfData(): void {
    this.#endOfData = true;
  }

  /** The synchronous part: the chain's state as of now. */
  take(chain: OperatorChain, barrier: ArrivedBarrier, processedBytes: number): void {
    const { checkpointId, options } = barrier;
    const takenMillis = this.#setup.clock.now();
    this.#snapshots.push({
      checkpointId,
      stateKey: this.#stateKey(checkpointId, options),
      state: encodeSubtaskState(chain.snapshot(checkpointId)),
      sourcePosition: chain.source?.recordsRead(),
      takenMillis,
      alignmentMillis: takenMillis - barrier.arrivedMillis,
      startDelayMillis: Math.max(0, barrier.arrivedMillis - barrier.timestampMillis),
      processedBytes: processedBytes - barrier.processedBytes,
    });
    this.#lastTaken = checkpointId;
    for (const id of this.#aborted) if (id <= checkpointId) this.#aborted.delete(id);
    if (this.#endOfData) this.#final ??= checkpointId;
    if (options?.kind === "stop-with-savepoint") this.#stop = { checkpointId, drain: options.drain };
  }

  /** The asynchronous part of the oldest snapshot: stages the sinks, stores the state, acknowledges. */
  async store(chain: OperatorChain, objects: ObjectStore): Promise<void> {
    const [snapshot] = this.#snapshots;
    if (snapshot === undefined) return;
    const { checkpointId } = snapshot;
    try {
      await chain.stage(objects);
      const handle = await storeSubtaskState(snapshot.state, { objects, key: snapshot.stateKey });
      if (!this.#snapshots.includes(snapshot)) return;
      this.#setup.report.acknowledge(checkpointId, {
        attemptId: this.#setup.descriptor.attemptId,
        metrics: {
          alignmentMillis: snapshot.alignmentMillis,
          syncMillis: 0,
          asyncMillis: this.#setup.clock.now() - snapshot.takenMillis,
          startDelayMillis: snapshot.startDelayMillis,
          processedBytes: snapshot.processedBytes,
          ...(snapshot.sourcePosition === undefined ? {} : { sourcePosition: snapshot.sourcePosition }),
        },
        ...(handle === undefined ? {} : { state: handle }),
      });
    } catch (error) {
      if (this.#snapshots.includes(snapshot)) this.decline(checkpointId, "CHECKPOINT_ASYNC_EXCEPTION", error);
    }
    this.#drop(checkpointId);
  }

  completed(checkpointId: number): void {
    this.#lastCompleted = Math.max(this.#lastCompleted, checkpointId);
  }

  /** No snapshot is taken for it any more, and one under way is not acknowledged. */
  aborted(checkpointId: number): void {
    if (checkpointId > this.#lastTaken) this.#aborted.add(checkpointId);
    if (this.#stop?.checkpointId === checkpointId) this.#stop = undefined;
    this.#drop(checkpointId);
  }

  async commit(chain: OperatorChain, objects: ObjectStore): Promise<void> {
    const checkpointId = this.#lastCompleted;
    await chain.commit(checkpointId, objects);
    this.#lastCommitted = checkpointId;
  }

  decline(checkpointId: number, reason: TaskCheckpointFailureReason, error?: unknown): void {
    const { attemptId } = this.#setup.descriptor;
    const failure = error === undefined ? {} : { failure: serializeThrowable(error) };
    this.#setup.report.decline({ checkpointId, attemptId, reason, ...failure });
  }

  /** The task is over: snapshots under way are neither acknowledged nor declined (CP-16). */
  close(): void {
    this.#snapshots = [];
  }

  #drop(checkpointId: number): void {
    this.#snapshots = this.#snapshots.filter((snapshot) => snapshot.checkpointId !== checkpointId);
  }

  #stateKey(checkpointId: number, options: CheckpointOptions | undefined): string {
    const { jobVertexId, subtaskIndex } = this.#setup.descriptor;
    const directory =
      options === undefined || options.kind === "checkpoint" ? `state/chk-${checkpointId}/` : options.directory;
    return `${directory}${jobVertexId}-${subtaskIndex}`;
  }
}
