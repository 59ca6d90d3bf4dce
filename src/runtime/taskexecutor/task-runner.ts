import { ACKNOWLEDGE } from "../../common/acknowledge.ts";
import type { Acknowledge } from "../../common/acknowledge.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { AllocationID, ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { Later } from "../../rpc/later.ts";
import type { JobModuleReference } from "../jobgraph/job-graph.ts";
import type { DeclineCheckpoint } from "../messages/checkpoint-messages.ts";
import type { TaskExecutorToJobMasterPayload } from "../messages/heartbeat-payloads.ts";
import { isTerminalExecutionState } from "../messages/execution-state.ts";
import type { RunningTask } from "../messages/running-task.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import type { SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskDeploymentDescriptor } from "../messages/task-deployment-descriptor.ts";
import type { TaskExecutionState } from "../messages/task-execution-state.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";
import type {
  CheckpointAcknowledgements,
  CheckpointTrigger,
  TaskHost,
  TaskHostFactory,
  TaskHostReport,
} from "./task-host.ts";
import { TaskHostWatchdog } from "./task-host-watchdog.ts";
import { TaskPump } from "./task-pump.ts";
import type { TaskHostRun } from "./task-pump.ts";
import { TaskTable } from "./task-table.ts";
import type { Task } from "./task-table.ts";

export interface TaskRunnerListener {
  /** States for the JobMaster, in order. */
  onStates(states: readonly TaskExecutionState[]): void;
  onAcknowledgements(acknowledgements: CheckpointAcknowledgements): void;
  onDecline(decline: DeclineCheckpoint): void;
  onEndOfData(attemptIds: readonly ExecutionAttemptID[]): void;
  /** Sinks have committed. */
  onCommitted(): void;
  /** Counters have changed. */
  onMetrics(): void;
  /** Tasks have ended, whose slots may wait for it (SCH-35). */
  onTasksEnded(): void;
  /** The host cannot take tasks, for no fault of theirs: the slots are to be given up. */
  onHostUnusable(cause: SerializedThrowable): void;
}

/** The tasks of one TaskExecutor, and the host that runs them. Main thread only. */
export class TaskRunner {
  readonly #services: TaskExecutorServices;
  readonly #hosts: TaskHostFactory;
  readonly #self: ResourceID;
  readonly #listener: TaskRunnerListener;
  readonly #tasks: TaskTable;
  readonly #pump: TaskPump;
  readonly #watchdog: TaskHostWatchdog;
  readonly #submissions = new Set<Promise<void>>();
  #host: TaskHost | undefined;

  constructor(
    services: TaskExecutorServices,
    host: { readonly factory: TaskHostFactory; readonly self: ResourceID },
    listener: TaskRunnerListener,
  ) {
    this.#services = services;
    this.#hosts = host.factory;
    this.#self = host.self;
    this.#listener = listener;
    this.#tasks = new TaskTable(services.storage);
    this.#watchdog = new TaskHostWatchdog(services.executor);
    this.#pump = new TaskPump(services, () => this.#nextRun());
  }

  /** The reports owed for attempts that an earlier life of the TaskExecutor held. */
  recover(): readonly TaskExecutionState[] {
    return this.#tasks.recover(`TaskExecutor ${this.#self} lost its memory`);
  }

  /** For a JobMaster of a new epoch. */
  runningTasks(): readonly RunningTask[] {
    return this.#tasks.runningTasks();
  }

  /** Ends that no JobMaster has acknowledged. */
  unacknowledged(): readonly TaskExecutionState[] {
    return this.#tasks.unacknowledged();
  }

  get hasLiveTasks(): boolean {
    return this.#tasks.live().length > 0;
  }

  hasLiveTasksIn(allocationId: AllocationID): boolean {
    return this.#tasks.liveIn(allocationId).length > 0;
  }

  /** Changes when all tasks have come to rest, or have come to rest anew; `undefined` while any works. */
  get rest(): string | undefined {
    return this.#tasks.rest;
  }

  payload(): TaskExecutorToJobMasterPayload {
    return this.#tasks.deployed();
  }

  /** Opens the host, which may load from now on. @returns the one that is open. */
  prepare(module: JobModuleReference): TaskHost {
    return (this.#host ??= this.#watchdog.watch(this.#hosts.open(this.#self, module)));
  }

  /** Takes a task; how it goes is reported. @returns false if the attempt is here already (DEP-01). */
  submit(descriptor: TaskDeploymentDescriptor): boolean {
    const { attemptId, allocationId, jobId, attemptNumber, jobVertexId, subtaskIndex } = descriptor;
    const host = this.prepare(descriptor.module);
    if (!this.#tasks.add({ attemptId, allocationId, jobId }, { attemptNumber, jobVertexId, subtaskIndex })) {
      return false;
    }
    const submission = host.submitTask(descriptor);
    this.#submissions.add(submission);
    this.#services.ask(
      submission,
      () => {
        this.#submissions.delete(submission);
        this.#tasks.markSubmitted(attemptId);
        if (this.#tasks.get(attemptId)?.cancelRequested === true) this.#cancelInHost(attemptId);
        return undefined;
      },
      (error) => {
        this.#submissions.delete(submission);
        // No answer of the host's own: it is gone, and with it all else that it held.
        if (isNoAnswer(error) && this.#host === host) this.#onHostLost(error);
        else this.#onSubmissionFailed(attemptId, error);
        return undefined;
      },
    );
    this.#pump.ensureRunning();
    return true;
  }

  /**
   * Acknowledged when the host has been told; an attempt that has ended acknowledges too.
   *
   * @throws SluiceException CANCEL_TASK if the attempt is unknown (CAN-12).
   */
  cancel(attemptId: ExecutionAttemptID): Acknowledge | Later<Acknowledge> {
    const task = this.#tasks.get(attemptId);
    if (task === undefined) throw new SluiceException("CANCEL_TASK", `attempt ${attemptId} is not on ${this.#self}`);
    if (task.terminal !== undefined) return ACKNOWLEDGE;
    return this.#cancelInHost(attemptId);
  }

  /** Ends what runs in a slot that is freed: its JobMaster does not count on it any more, nothing is reported. */
  abandon(allocationId: AllocationID): void {
    for (const { attemptId } of this.#tasks.liveIn(allocationId)) this.abandonTask(attemptId);
  }

  /** {@link abandon} for all tasks, those included whose end was to be reported. */
  abandonAll(): void {
    for (const { attemptId } of this.#tasks.all()) this.abandonTask(attemptId);
  }

  abandonTask(attemptId: ExecutionAttemptID): void {
    const task = this.#tasks.get(attemptId);
    this.#tasks.detach(attemptId);
    if (task !== undefined && task.terminal === undefined) this.#cancelInHost(attemptId);
  }

  /** The JobMaster knows how the attempt ended. */
  acknowledgeEnd(attemptId: ExecutionAttemptID): void {
    this.#tasks.remove(attemptId);
  }

  /** @throws SluiceException CHECKPOINT if one of the attempts is not here. */
  triggerCheckpoint(trigger: CheckpointTrigger): Later<Acknowledge> {
    const live = new Set(this.#tasks.live().map(({ attemptId }) => attemptId));
    const unknown = trigger.attemptIds.filter((attemptId) => !live.has(attemptId));
    const host = this.#host;
    if (unknown.length > 0 || host === undefined) {
      throw new SluiceException(
        "CHECKPOINT",
        `checkpoint ${trigger.checkpointId}: attempts ${unknown.join(", ")} are not on ${this.#self}`,
      );
    }
    return this.#services.ask<void, Acknowledge>(
      host.triggerCheckpoint(trigger),
      () => ACKNOWLEDGE,
      (error) => {
        throw new SluiceException("CHECKPOINT", `checkpoint ${trigger.checkpointId}: ${error.message}`, {
          cause: error,
        });
      },
    );
  }

  /** Best effort, as in Flink: a later notice makes up for a lost one (CP-19). */
  notifyCheckpoint(checkpointId: number, outcome: "complete" | "aborted"): void {
    const host = this.#host;
    if (host === undefined) return;
    this.#services.ask(
      outcome === "complete" ? host.notifyCheckpointComplete(checkpointId) : host.notifyCheckpointAborted(checkpointId),
      () => undefined,
      (error) => {
        this.#services.log.warn("checkpoint notice failed", { checkpointId, outcome, error: error.message });
        return undefined;
      },
    );
  }

  /** Its durable timer is due. */
  onPumpTimer(): Later<undefined> | undefined {
    return this.#pump.onTimer();
  }

  /** Takes the work up again should its timer have been lost. */
  ensureRunning(): void {
    if (this.hasLiveTasks) this.#pump.ensureRunning();
  }

  /** {@link closeHost}, after which the tasks that were live have ended. */
  endHost(): void {
    const lost = this.#tasks.live();
    const ended = (): undefined =>
      this.#fail(lost, new SluiceException("TASK_NOT_RUNNING", `the task host of ${this.#self} was closed`));
    this.#services.ask(this.closeHost(), ended, (error) => {
      this.#services.log.warn("task host did not close", { error: error.message });
      return ended();
    });
  }

  /** Ends the host with everything in it. Idempotent. */
  closeHost(): Promise<void> {
    this.#host = undefined;
    this.#watchdog.close();
    return this.#hosts.close(this.#self);
  }

  #nextRun(): TaskHostRun | undefined {
    const live = this.#tasks.live();
    const host = this.#host;
    if (live.length === 0 || host === undefined) return undefined;
    const held = live.filter(({ phase }) => phase === "submitted");
    return {
      host,
      submissions: Promise.allSettled(this.#submissions),
      onReport: (report) => {
        if (this.#host === host) this.#onReport(report, held);
      },
      onHostLost: (error) => {
        if (this.#host === host) this.#onHostLost(error);
      },
    };
  }

  /** @param held what the host held when it was asked. */
  #onReport(report: TaskHostReport, held: readonly Task[]): void {
    this.#tasks.updateMetrics(report.metrics);
    this.#takeStates(report.states);
    const attached = (attemptId: ExecutionAttemptID): boolean => this.#tasks.get(attemptId)?.detached === false;
    for (const attemptId of report.endOfData) this.#tasks.markEndOfData(attemptId);
    const ended = report.endOfData.filter(attached);
    if (ended.length > 0) this.#listener.onEndOfData(ended);
    for (const { checkpointId, acknowledgements } of report.acknowledgements) {
      const ours = acknowledgements.filter(({ attemptId }) => attached(attemptId));
      if (ours.length > 0) this.#listener.onAcknowledgements({ checkpointId, acknowledgements: ours });
    }
    if (report.committed === true) this.#listener.onCommitted();
    for (const decline of report.declines) if (attached(decline.attemptId)) this.#listener.onDecline(decline);
    this.#listener.onMetrics();
    if (report.active) return;
    const lost = held.filter(
      ({ attemptId }) => this.#tasks.get(attemptId)?.terminal === undefined && this.#has(attemptId),
    );
    this.#fail(lost, new SluiceException("TASK_NOT_RUNNING", `the task host of ${this.#self} has lost the task`));
  }

  #onHostLost(error: SluiceException): void {
    this.#services.log.error("task host lost", { error: error.message });
    this.#services.ask(
      this.closeHost(),
      () => undefined,
      () => undefined,
    );
    this.#fail(this.#tasks.live(), error);
  }

  #onSubmissionFailed(attemptId: ExecutionAttemptID, error: SluiceException): void {
    const task = this.#tasks.get(attemptId);
    if (task === undefined || task.terminal !== undefined) return;
    const unusable = !task.detached && SluiceException.is(error, "UNAVAILABLE");
    // Of an attempt whose slot is given up the JobMaster hears with the slot.
    if (unusable) this.#tasks.detach(attemptId);
    this.#fail([task], error);
    if (unusable) this.#listener.onHostUnusable(serializeThrowable(error));
  }

  #fail(tasks: readonly Task[], error: SluiceException): undefined {
    const failure = serializeThrowable(
      error,
      SluiceException.is(error, "INVALID_PROGRAM") ? { nonRecoverable: true } : {},
    );
    this.#takeStates(tasks.map(({ jobId, attemptId }) => ({ jobId, attemptId, state: "FAILED", failure })));
  }

  #takeStates(states: readonly TaskExecutionState[]): void {
    const reported = states.filter((state) => this.#tasks.report(state));
    if (reported.length > 0) this.#listener.onStates(reported);
    if (states.some(({ state }) => isTerminalExecutionState(state))) this.#listener.onTasksEnded();
  }

  #cancelInHost(attemptId: ExecutionAttemptID): Acknowledge | Later<Acknowledge> {
    const host = this.#host;
    // The host ignores what it does not know yet, so the cancel waits for the submission.
    this.#tasks.requestCancel(attemptId);
    if (host === undefined || this.#tasks.get(attemptId)?.phase !== "submitted") return ACKNOWLEDGE;
    return this.#services.ask<void, Acknowledge>(
      host.cancelTask(attemptId),
      () => ACKNOWLEDGE,
      (error) => {
        if (this.#host === host) this.#onHostLost(error);
        return ACKNOWLEDGE;
      },
    );
  }

  #has(attemptId: ExecutionAttemptID): boolean {
    return this.#tasks.get(attemptId) !== undefined;
  }
}

/** Nothing that the host itself said: it is gone, or hangs. */
function isNoAnswer(error: SluiceException): boolean {
  return SluiceException.is(error, "UNEXPECTED") || SluiceException.is(error, "TIMEOUT");
}
