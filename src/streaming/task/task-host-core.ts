import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type {
  CheckpointTrigger,
  TaskHost,
  TaskHostReport,
  TaskHostRunRequest,
} from "../../runtime/taskexecutor/task-host.ts";
import type { JobDefinition } from "../graph/job-definition.ts";
import type { ChannelId, CreditGrant, ExchangeFlush, ExchangeLink } from "../network/exchange-link.ts";
import { ExchangeRouter } from "../network/exchange-router.ts";
import { rebuildPlans, type JobPlans } from "./job-plans.ts";
import { StreamTask } from "./stream-task.ts";
import { TaskChannels } from "./task-channels.ts";
import { TaskReport } from "./task-report.ts";
import { WakeUp } from "./wake-up.ts";

/** Records the sources of a host read in one slice: about 5 ms of work. The clock stands still inside an event. */
export const SLICE_RECORDS = 2_000;
/** Records one source reads before the next one's turn and the tasks behind it. */
const POLL_RECORDS = 500;

export interface TaskHostCoreOptions {
  /** Default export of the job's module. */
  readonly definition: JobDefinition;
  readonly clock: Clock;
  /** The job's view of the object store; called, and its result used, during {@link TaskHostCore.run} only. */
  readonly objects: () => ObjectStore;
  /** The link to a peer; asked again after a link broke and after all tasks ended. The caller keeps ownership. */
  readonly links: (peer: ResourceID) => ExchangeLink;
  /** This host's TaskExecutor. */
  readonly self: ResourceID;
}

/**
 * Runs all tasks of one TaskExecutor: the data plane behind the {@link TaskHost} port, and the {@link ExchangeLink} its peers
 * call. Everything happens inside a call: records are processed in the event that delivered them; sources are pulled, I/O is
 * awaited and peers are called in {@link run} alone, so calls between hosts never nest.
 */
export class TaskHostCore implements TaskHost, ExchangeLink {
  readonly #options: TaskHostCoreOptions;
  readonly #router: ExchangeRouter;
  readonly #wakeUp: WakeUp;
  readonly #report = new TaskReport();
  readonly #tasks = new Map<ExecutionAttemptID, StreamTask>();
  #plans: { readonly graphHash: string; readonly plans: Promise<JobPlans> } | undefined;
  #pendingIo = 0;
  /** How the tasks were at rest at the last report. */
  #reportedRest: string | undefined;
  #running = false;

  constructor(options: TaskHostCoreOptions) {
    this.#options = options;
    this.#wakeUp = new WakeUp(options.clock);
    this.#router = new ExchangeRouter({
      self: options.self,
      links: options.links,
      onFault: (channel, error) => this.#failConsumer(channel, error),
      onLinkBroken: (peer, error) => this.#failTasksOf(peer, error),
      onCredit: () => this.#resume(),
    });
  }

  /** Messages that came for attempts that are not here, since the host's start. */
  get droppedMessages(): number {
    return this.#router.droppedMessages;
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    const { attemptId, jobVertexId, taskName } = descriptor;
    const plans = await this.#plansOf(descriptor);
    const plan = plans.get(jobVertexId);
    if (plan === undefined) {
      throw new SluiceException("TASK_SUBMISSION", `${taskName}: the job has no vertex ${jobVertexId}`);
    }
    if (this.#tasks.has(attemptId)) {
      throw new SluiceException("TASK_SUBMISSION", `${taskName}: attempt ${attemptId} runs already`);
    }
    const { clock, self } = this.#options;
    const channels = new TaskChannels({ self, descriptor, plans, plan, router: this.#router, clock });
    this.#tasks.set(attemptId, new StreamTask({ descriptor, plan, channels, clock, report: this.#report }));
    this.#wakeUp.wake();
  }

  async cancelTask(attemptId: ExecutionAttemptID): Promise<void> {
    this.#tasks.get(attemptId)?.cancel();
    this.#wakeUp.wake();
  }

  async triggerCheckpoint(trigger: CheckpointTrigger): Promise<void> {
    const { attemptIds, ...barrier } = trigger;
    const { checkpointId } = barrier;
    for (const attemptId of attemptIds) {
      const task = this.#tasks.get(attemptId);
      if (task === undefined) this.#report.decline({ checkpointId, attemptId, reason: "TASK_CHECKPOINT_FAILURE" });
      else task.triggerCheckpoint(barrier);
    }
    this.#resume();
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    for (const task of this.#tasks.values()) task.notifyCheckpointComplete(checkpointId);
    this.#wakeUp.wake();
  }

  async notifyCheckpointAborted(checkpointId: number): Promise<void> {
    for (const task of this.#tasks.values()) task.notifyCheckpointAborted(checkpointId);
    this.#resume();
  }

  async deliver(flush: ExchangeFlush): Promise<readonly CreditGrant[]> {
    this.#router.receive(flush);
    this.#resume();
    return this.#router.takeGrantsFor(flush);
  }

  async credit(grants: readonly CreditGrant[]): Promise<void> {
    this.#router.credit(grants);
    this.#resume();
  }

  async run(request: TaskHostRunRequest): Promise<TaskHostReport> {
    if (this.#running) throw new SluiceException("ILLEGAL_STATE", "run: the previous call has not returned");
    this.#running = true;
    try {
      await this.#work(this.#options.clock.now() + request.maxWaitMillis);
      return this.#takeReport();
    } finally {
      this.#running = false;
    }
  }

  /** Once per graph. */
  #plansOf(descriptor: TaskDeploymentDescriptor): Promise<JobPlans> {
    const { graphHash } = descriptor;
    if (this.#plans?.graphHash !== graphHash) {
      this.#plans = { graphHash, plans: rebuildPlans(this.#options.definition, descriptor) };
    }
    return this.#plans.plans;
  }

  async #work(deadlineMillis: number): Promise<void> {
    const { clock } = this.#options;
    let polled = 0;
    for (;;) {
      polled += this.#slice(SLICE_RECORDS - polled);
      this.#startIo();
      this.#router.flush();
      if (this.#report.hasNews || polled >= SLICE_RECORDS || !this.#isActive() || clock.now() >= deadlineMillis) break;
      const rest = this.#rest();
      if (rest !== undefined && rest !== this.#reportedRest) break;
      await this.#wakeUp.sleepUntil(Math.min(deadlineMillis, ...this.#dueTimes()));
    }
    // The object store is the caller's, for the length of this call.
    while (this.#pendingIo > 0) await this.#wakeUp.sleep();
    this.#router.flush();
  }

  /** @returns what it cost, in records read. */
  #slice(limit: number): number {
    let polled = 0;
    this.#processInput();
    for (;;) {
      const sources = [...this.#tasks.values()].filter((task) => task.canPoll);
      if (sources.length === 0 || polled >= limit) break;
      for (const source of sources) {
        if (polled < limit) polled += source.poll(Math.min(POLL_RECORDS, limit - polled));
      }
      this.#processInput();
    }
    this.#drain();
    return polled;
  }

  /** Messages, credits or time have changed what the tasks can do. Sources wait for `run`. */
  #resume(): void {
    this.#drain();
    this.#wakeUp.wake();
  }

  /** Until nothing is left to process or to send. */
  #drain(): void {
    do {
      for (const task of this.#tasks.values()) task.flush();
    } while (this.#processInput());
  }

  #processInput(): boolean {
    let progress = false;
    let again = true;
    while (again) {
      again = false;
      for (const task of this.#tasks.values()) while (task.step()) again = true;
      progress ||= again;
    }
    return progress;
  }

  #startIo(): void {
    for (const task of this.#tasks.values()) {
      if (!task.wantsIo) continue;
      this.#pendingIo += 1;
      void task.runIo(this.#options.objects()).then(() => {
        this.#pendingIo -= 1;
        this.#resume();
      });
    }
  }

  #dueTimes(): readonly number[] {
    return [...this.#tasks.values()].flatMap((task) => task.dueMillis ?? []);
  }

  /** Changes with what the JobMaster makes of it; `undefined` while any task works. */
  #rest(): string | undefined {
    let rest = "";
    for (const { attemptId, isTerminal, idleness } of this.#tasks.values()) {
      if (isTerminal) continue;
      if (idleness === undefined) return undefined;
      rest += `${attemptId} ${idleness.sinceCheckpointId ?? ""} ${idleness.dueMillis ?? ""};`;
    }
    return rest;
  }

  #isActive(): boolean {
    return [...this.#tasks.values()].some((task) => !task.isTerminal);
  }

  #takeReport(): TaskHostReport {
    for (const task of this.#tasks.values()) task.sampleTime();
    const metrics = [...this.#tasks.values()].map((task) => {
      const { attemptId, idleness } = task;
      return { attemptId, metrics: task.metrics(), ...(idleness === undefined ? {} : { idle: idleness }) };
    });
    this.#reportedRest = this.#rest();
    for (const task of this.#tasks.values()) if (task.isTerminal) this.#tasks.delete(task.attemptId);
    const active = this.#tasks.size > 0;
    if (!active) this.#router.close();
    return this.#report.take({ metrics, active });
  }

  #failConsumer(channel: ChannelId, error: unknown): void {
    this.#tasks.get(channel.consumer)?.fail(error);
  }

  #failTasksOf(peer: ResourceID, error: SluiceException): void {
    for (const task of this.#tasks.values()) if (task.channels.peers.has(peer)) task.fail(error);
    this.#wakeUp.wake();
  }
}
