import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID } from "../../common/ids.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { CheckpointTrigger } from "../../runtime/taskexecutor/task-host.ts";
import { serializeThrowable } from "../../runtime/messages/serialized-throwable.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../../runtime/messages/task-execution-state.ts";
import type { TaskIdleness } from "../../runtime/messages/task-idleness.ts";
import type { TaskMetrics } from "../../runtime/messages/task-metrics.ts";
import type { JobVertexPlan } from "../graph/stream-node.ts";
import type { ArrivedBarrier } from "../network/barrier-aligner.ts";
import { CHANNEL_CREDIT_BYTES } from "../network/exchange-link.ts";
import type { InputEvent } from "../network/input-gate.ts";
import { RecordBatchReader } from "../network/record-batch-reader.ts";
import { MIN_WATERMARK } from "../operators/stream-operator.ts";
import type { PollStatus } from "../source/source.ts";
import { OperatorChain } from "./operator-chain.ts";
import { SubtaskCheckpoints } from "./subtask-checkpoints.ts";
import { TaskRest } from "./task-rest.ts";
import { loadRestoredState } from "./subtask-state.ts";
import type { TaskChannels } from "./task-channels.ts";
import type { TaskReport } from "./task-report.ts";
import { TaskTime, type TaskActivity } from "./task-time.ts";

/** Bytes a task's sinks may hold before the task stops taking records. */
export const SINK_BUFFER_LIMIT_BYTES = 1024 * 1024;
/** From here on staging starts, so that the limit is seldom met. */
const SINK_STAGE_BYTES = SINK_BUFFER_LIMIT_BYTES / 2;

export interface StreamTaskSetup {
  readonly descriptor: TaskDeploymentDescriptor;
  readonly plan: JobVertexPlan;
  readonly channels: TaskChannels;
  readonly clock: Clock;
  readonly report: TaskReport;
}

type StreamTaskState = "INITIALIZING" | "RUNNING" | "FINISHED" | "CANCELED" | "FAILED";

/** What a source waits for before its next poll. */
type SourceWait =
  | { readonly kind: "none" }
  | { readonly kind: "fetch" }
  | { readonly kind: "due"; readonly dueMillis: number };

/**
 * One attempt of one subtask. It never runs by itself: its host calls {@link step} and {@link poll} inside an event, and
 * {@link runIo} where waiting is allowed. Whatever the work throws fails the task and nothing else.
 *
 * ```
 * INITIALIZING -> RUNNING -> FINISHED     after the checkpoint that covers its end of data (CP-29)
 *      |             |
 *      +-------------+-----> CANCELED | FAILED
 * ```
 */
export class StreamTask {
  readonly #setup: StreamTaskSetup;
  readonly #readers: readonly RecordBatchReader[];
  readonly #checkpoints: SubtaskCheckpoints;
  readonly #time: TaskTime;
  readonly #rest: TaskRest;
  #state: StreamTaskState = "INITIALIZING";
  #chain: OperatorChain | undefined;
  #sourceWait: SourceWait = { kind: "none" };
  #endOfData = false;
  #ioRunning = false;
  #recordsIn = 0;

  constructor(setup: StreamTaskSetup) {
    this.#setup = setup;
    this.#readers = setup.plan.inputs.map((input) => new RecordBatchReader(input.type));
    this.#checkpoints = new SubtaskCheckpoints(setup);
    this.#time = new TaskTime(setup.clock.now());
    this.#rest = new TaskRest(setup.descriptor.restore?.checkpointId);
    this.#reportState("INITIALIZING");
  }

  get attemptId(): ExecutionAttemptID {
    return this.#setup.descriptor.attemptId;
  }

  get isTerminal(): boolean {
    return this.#state !== "INITIALIZING" && this.#state !== "RUNNING";
  }

  get channels(): TaskChannels {
    return this.#setup.channels;
  }

  /** Whether {@link poll} would read now. */
  get canPoll(): boolean {
    if (this.#chain?.source === undefined || !this.#readsOn()) return false;
    const wait = this.#sourceWait;
    return wait.kind === "none" || (wait.kind === "due" && wait.dueMillis <= this.#setup.clock.now());
  }

  /** When a waiting source wants to be polled; `undefined` if it waits for nothing or for something else. */
  get dueMillis(): number | undefined {
    // A source that has ended waits for nothing: its last wait lies in the past and would never let the host sleep.
    if (this.#sourceWait.kind !== "due" || !this.#readsOn()) return undefined;
    return this.#sourceWait.dueMillis;
  }

  /** `undefined` while it works, or will soon. */
  get idleness(): TaskIdleness | undefined {
    if (this.#chain === undefined || !this.#readsOn()) return undefined;
    if (this.#checkpoints.hasSnapshot || this.#checkpoints.hasCommit) return undefined;
    const isSource = this.#chain.source !== undefined;
    return this.#rest.idleness({
      isSource,
      committed: this.#checkpoints.lastCommitted,
      nowMillis: this.#setup.clock.now(),
    });
  }

  /** Processes one input event. @returns false if there is none or the task is back-pressured. */
  step(): boolean {
    if (!this.#takesInput()) return false;
    return this.#guarded(() => {
      const event = this.channels.gate.poll();
      if (event === undefined) return false;
      this.#leaveStop();
      if (this.#state === "RUNNING") this.#process(event);
      return true;
    });
  }

  /** One slice of the source: at most `limit` records. @returns what it cost, in records; at least one. */
  poll(limit: number): number {
    const source = this.#chain?.source;
    if (source === undefined || !this.canPoll) return 1;
    const before = source.recordsRead();
    this.#guarded(() => {
      const status = source.poll(limit);
      this.#rest.polled(status, source.recordsRead() - before);
      this.#take(status);
    });
    return Math.max(1, source.recordsRead() - before);
  }

  /** Sends what the slice gathered. */
  flush(): void {
    for (const partition of this.channels.partitions) partition.flush();
  }

  triggerCheckpoint(trigger: Omit<CheckpointTrigger, "attemptIds">): void {
    const { checkpointId } = trigger;
    const { aligner, processedBytes } = this.channels.gate;
    if (this.#state === "RUNNING" && checkpointId > aligner.lastHandledCheckpointId) this.#leaveStop();
    if (this.#state !== "RUNNING") {
      this.#checkpoints.decline(
        checkpointId,
        this.isTerminal ? "CHECKPOINT_DECLINED_TASK_CLOSING" : "CHECKPOINT_DECLINED_TASK_NOT_READY",
      );
      return;
    }
    if (checkpointId <= aligner.lastHandledCheckpointId) return;
    if (this.#chain?.source === undefined && !this.#endOfData) {
      this.#checkpoints.decline(checkpointId, "CHECKPOINT_DECLINED");
      return;
    }
    aligner.handled(checkpointId);
    const arrivedMillis = this.#setup.clock.now();
    this.#guarded(() => {
      if (trigger.options?.kind === "stop-with-savepoint" && trigger.options.drain) this.#drain();
      this.#snapshot({ ...trigger, arrivedMillis, processedBytes });
    });
  }

  /** Dropped if the task is not RUNNING (CP-19). */
  notifyCheckpointComplete(checkpointId: number): void {
    if (this.#state === "RUNNING") this.#checkpoints.completed(checkpointId);
  }

  /** A task that has stopped at this savepoint goes on; one that was drained cannot, and fails. */
  notifyCheckpointAborted(checkpointId: number): void {
    const { stop } = this.#checkpoints;
    this.#checkpoints.aborted(checkpointId);
    if (stop?.checkpointId !== checkpointId || !stop.drain) return;
    this.fail(new SluiceException("CHECKPOINT", `savepoint ${checkpointId} was aborted after it had drained the task`));
  }

  /** Whatever comes after the barrier the task was to end with says that this savepoint failed: the notice got lost. */
  #leaveStop(): void {
    const { stop } = this.#checkpoints;
    if (stop !== undefined) this.notifyCheckpointAborted(stop.checkpointId);
  }

  cancel(): void {
    this.#end("CANCELED");
  }

  fail(error: unknown): void {
    this.#end("FAILED", error);
  }

  /** Whether {@link runIo} has something to do. */
  get wantsIo(): boolean {
    return !this.#ioRunning && this.#nextIo() !== undefined;
  }

  /** The next piece of I/O, one at a time: restore, snapshot upload, commit, staging, fetch. Never rejects. */
  async runIo(objects: ObjectStore): Promise<void> {
    const io = this.#nextIo();
    if (io === undefined) return;
    this.#ioRunning = true;
    try {
      await io(objects);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#ioRunning = false;
    }
  }

  /** Charges the time since the last call to what the task does. */
  sampleTime(): void {
    if (this.#state === "RUNNING") this.#time.sample(this.#setup.clock.now(), this.#activity());
  }

  metrics(): TaskMetrics {
    const { gate, partitions } = this.channels;
    const sourcePosition = this.#chain?.source?.recordsRead();
    const sinkRecords = this.#chain?.sinkRecords;
    const lateRecordsDropped = this.#chain?.lateRecordsDropped;
    const sum = (count: "records" | "bytes" | "remoteRecords"): number =>
      partitions.reduce((total, partition) => total + partition.counters[count], 0);
    return {
      recordsIn: this.#recordsIn,
      recordsOut: sum("records"),
      bytesIn: gate.processedBytes,
      bytesOut: sum("bytes"),
      remoteRecordsOut: sum("remoteRecords"),
      ...this.#time.metrics,
      peakChannelBytes: gate.peakChannelBytes,
      channelCreditBytes: CHANNEL_CREDIT_BYTES,
      ...(gate.watermark === MIN_WATERMARK ? {} : { currentInputWatermark: gate.watermark }),
      ...(sourcePosition === undefined ? {} : { sourcePosition }),
      ...(sinkRecords === undefined ? {} : { sinkRecords }),
      ...(lateRecordsDropped === undefined ? {} : { lateRecordsDropped }),
    };
  }

  #readsOn(): boolean {
    return !this.#endOfData && this.#checkpoints.stop === undefined && this.#takesInput();
  }

  #takesInput(): boolean {
    return this.#state === "RUNNING" && !this.#isBackPressured();
  }

  #isBackPressured(): boolean {
    return (
      this.channels.partitions.some((partition) => !partition.isAvailable) ||
      (this.#chain?.bufferedBytes() ?? 0) >= SINK_BUFFER_LIMIT_BYTES
    );
  }

  #activity(): TaskActivity {
    if (this.#isBackPressured()) return "back-pressured";
    return this.canPoll || this.#ioRunning ? "busy" : "idle";
  }

  #process(event: InputEvent): void {
    const head = this.#requireChain().head;
    if (event.kind === "batch" || event.kind === "watermark") this.#rest.worked();
    switch (event.kind) {
      case "batch":
        this.#recordsIn += event.batch.count;
        this.#readers[event.input]?.forEach(event.batch, (value, timestamp) => head.collect(value, timestamp));
        return;
      case "watermark":
        head.emitWatermark(event.watermark);
        return;
      case "end-of-data":
        this.#endData();
        return;
      case "aligned":
        this.#snapshot(event.firstBarrier);
        return;
      case "superseded":
        this.#checkpoints.decline(
          event.checkpointId,
          "CHECKPOINT_DECLINED",
          new SluiceException(
            "CHECKPOINT",
            `the barrier of checkpoint ${event.by} came before all of ${event.checkpointId}`,
          ),
        );
        this.#forwardCancel(event.checkpointId);
        return;
      case "canceled":
        this.#forwardCancel(event.checkpointId);
        return;
    }
  }

  #take(status: PollStatus): void {
    switch (status.kind) {
      case "more":
        this.#sourceWait = { kind: "none" };
        return;
      case "needs-fetch":
        this.#sourceWait = { kind: "fetch" };
        return;
      case "wait-until":
        this.#sourceWait = { kind: "due", dueMillis: status.dueMillis };
        return;
      case "wait-for-records":
        this.#sourceWait = { kind: "due", dueMillis: status.lookMillis };
        return;
      case "end":
        this.#endData();
        return;
    }
  }

  /** Ends the data here and now, as if the source had none left (SVP-05). */
  #drain(): void {
    if (this.#endOfData) return;
    this.#requireChain().source?.end();
    this.#endData();
  }

  #endData(): void {
    this.#requireChain().endInput();
    this.#endOfData = true;
    this.#checkpoints.endOfData();
    for (const partition of this.channels.partitions) partition.broadcast({ kind: "end-of-data" });
    this.#setup.report.endOfData(this.attemptId);
  }

  #snapshot(barrier: ArrivedBarrier): void {
    const { checkpointId, timestampMillis, options } = barrier;
    if (this.#checkpoints.isAborted(checkpointId)) {
      this.#forwardCancel(checkpointId);
      return;
    }
    for (const partition of this.channels.partitions) {
      partition.broadcast({
        kind: "barrier",
        checkpointId,
        timestampMillis,
        ...(options === undefined ? {} : { options }),
      });
    }
    this.#checkpoints.take(this.#requireChain(), barrier, this.channels.gate.processedBytes);
    this.#rest.snapshotTaken(checkpointId);
  }

  #forwardCancel(checkpointId: number): void {
    for (const partition of this.channels.partitions) partition.broadcast({ kind: "cancel-barrier", checkpointId });
  }

  #nextIo(): ((objects: ObjectStore) => Promise<void>) | undefined {
    if (this.#state === "INITIALIZING") return (objects) => this.#restore(objects);
    if (this.#state !== "RUNNING") return undefined;
    const chain = this.#requireChain();
    if (this.#checkpoints.hasSnapshot) return (objects) => this.#checkpoints.store(chain, objects);
    if (this.#checkpoints.hasCommit) return (objects) => this.#commit(chain, objects);
    if (chain.bufferedBytes() >= SINK_STAGE_BYTES) return (objects) => chain.stage(objects);
    if (this.#sourceWait.kind === "fetch") return (objects) => this.#fetch(chain, objects);
    return undefined;
  }

  /** Pending output of the checkpoint is committed before the task counts as RUNNING. */
  async #restore(objects: ObjectStore): Promise<void> {
    const { descriptor, plan, clock } = this.#setup;
    const restored = await loadRestoredState(descriptor, objects);
    if (this.isTerminal) return;
    this.#chain = new OperatorChain({ descriptor, plan, partitions: this.channels.partitions, clock, restored });
    if (descriptor.restore !== undefined) await this.#chain.commit(descriptor.restore.checkpointId, objects);
    if (this.isTerminal) return;
    this.#state = "RUNNING";
    this.#time.sample(clock.now(), "idle");
    this.#reportState("RUNNING");
    if (descriptor.restore?.final === true) return this.#end("FINISHED");
    this.channels.gate.open();
  }

  async #commit(chain: OperatorChain, objects: ObjectStore): Promise<void> {
    await this.#checkpoints.commit(chain, objects);
    if (chain.sinkRecords !== undefined) this.#setup.report.committed();
    if (this.#checkpoints.isFinalCommitted) this.#end("FINISHED");
  }

  async #fetch(chain: OperatorChain, objects: ObjectStore): Promise<void> {
    await chain.source?.fetch(objects);
    this.#sourceWait = { kind: "none" };
  }

  #requireChain(): OperatorChain {
    if (this.#chain === undefined) throw new SluiceException("ILLEGAL_STATE", "the task is not initialized");
    return this.#chain;
  }

  #guarded<T>(body: () => T): T | false {
    try {
      return body();
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  #end(state: "FINISHED" | "CANCELED" | "FAILED", error?: unknown): void {
    if (this.isTerminal) return;
    this.#state = state;
    this.channels.close();
    this.#checkpoints.close();
    this.#reportState(state, error);
    try {
      this.#chain?.close();
    } catch {
      // The attempt is over, and its outcome is decided; a failing close() cannot change it.
    }
  }

  #reportState(state: StreamTaskState, error?: unknown): void {
    const { jobId, attemptId } = this.#setup.descriptor;
    const report: TaskExecutionState = {
      jobId,
      attemptId,
      state,
      ...(error === undefined ? {} : { failure: serializeThrowable(error) }),
      ...(this.isTerminal ? { metrics: this.metrics() } : {}),
    };
    this.#setup.report.state(report);
  }
}
