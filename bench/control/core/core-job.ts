import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { fromUnknown } from "../../../src/common/exceptions.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { AllocationID, ExecutionAttemptID, InstanceID, ResourceID } from "../../../src/common/ids.ts";
import { silentLogger } from "../../../src/common/log.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { SLOTS_PER_TASK_EXECUTOR } from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { JobGraph } from "../../../src/runtime/jobgraph/job-graph.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import type { JobMasterServices } from "../../../src/runtime/jobmaster/job-master-services.ts";
import { JobMasterStorage } from "../../../src/runtime/jobmaster/job-master-storage.ts";
import { RunningJob } from "../../../src/runtime/jobmaster/running-job.ts";
import { MAX_CLUSTER_QUOTAS } from "../../../src/runtime/messages/cluster-quotas.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { SlotOffer, TaskExecutorRegistration } from "../../../src/runtime/messages/slots.ts";
import type { TaskExecutionState } from "../../../src/runtime/messages/task-execution-state.ts";
import type { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import type { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { manualMainThread } from "../../../src/testing/manual-main-thread.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { InMemoryStorage } from "./in-memory-storage.ts";

const START_MILLIS = Date.UTC(2024, 0, 1);
const CHECKPOINT_INTERVAL_MILLIS = 1_000;
const RESTART_DELAY_MILLIS = 1;
const ACKNOWLEDGED = Promise.resolve(ACKNOWLEDGE);
const TAKEN = Promise.resolve([]);
const PROFILE = { cpuCores: 1, memoryMegabytes: 64 };
const ACK_METRICS = { alignmentMillis: 0, syncMillis: 0, asyncMillis: 0, startDelayMillis: 0, processedBytes: 0 };

/** What a JobMaster is given, by users and by TaskExecutors. */
export interface CoreInputs {
  readonly jobGraph: JobGraph;
  readonly taskExecutors: readonly {
    readonly registration: TaskExecutorRegistration;
    readonly offers: readonly SlotOffer[];
  }[];
}

/** A source exchanged all to all with a sink, each of half the subtasks, and TaskExecutors with as many slots. */
export function coreInputs(subtasks: number): CoreInputs {
  const parallelism = subtasks / 2;
  const jobGraph = testingJobGraph({
    parallelism,
    configuration: {
      checkpointing: {
        intervalMillis: CHECKPOINT_INTERVAL_MILLIS,
        timeoutMillis: 600_000,
        minPauseMillis: 0,
        maxConcurrent: 1,
        tolerableFailed: 0,
        retained: 1,
      },
      restartStrategy: { kind: "fixed-delay", attempts: 1_000, delayMillis: RESTART_DELAY_MILLIS },
    },
  });
  const { jobId } = jobGraph;
  const taskExecutors = Array.from({ length: Math.ceil(parallelism / SLOTS_PER_TASK_EXECUTOR) }, (_, index) => {
    const resourceId = brandId<ResourceID>(`te-${index}`);
    const instanceId = brandId<InstanceID>(`instance-${index}`);
    const offers = Array.from({ length: SLOTS_PER_TASK_EXECUTOR }, (__, slotIndex) => ({
      allocationId: brandId<AllocationID>(`slot-${index}-${slotIndex}`),
      slotIndex,
      profile: PROFILE,
    }));
    return {
      registration: { resourceId, address: resourceId, instanceId, jobId, slots: SLOTS_PER_TASK_EXECUTOR },
      offers,
    };
  });
  return { jobGraph, taskExecutors };
}

/**
 * The core of one JobMaster, whole, with simulated TaskExecutors. What TaskExecutors would report, the caller lets them report.
 */
export class CoreJob {
  readonly #clock = new ManualClock(START_MILLIS);
  readonly #job: RunningJob;
  readonly #subtasks: number;
  readonly #taskExecutors: CoreInputs["taskExecutors"];
  /** By TaskExecutor. */
  readonly #tasks: (readonly ExecutionAttemptID[])[] = [];
  readonly #canceling: ExecutionAttemptID[] = [];
  readonly #triggered = new Set<number>();

  /** Builds the graph and its attempts. */
  constructor({ jobGraph, taskExecutors }: CoreInputs) {
    this.#subtasks = jobGraph.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0);
    this.#taskExecutors = taskExecutors;
    this.#job = new RunningJob(
      {
        services: this.#services(),
        storage: new JobMasterStorage(new InMemoryStorage()),
        objects: new InMemoryObjectStore(this.#clock),
        cluster: "default",
        resourceManager: {
          jobId: jobGraph.jobId,
          address: "resource-manager",
          // The slots come by themselves.
          connect: () => Promise.withResolvers<ResourceManagerGateway>().promise,
        },
        onTerminated: () => undefined,
        onQuiescent: () => undefined,
        onGraphAdopted: () => undefined,
        inlets: {
          discardRead: () => undefined,
          isDrained: () => true,
          withProducers: (checkpoint) => checkpoint,
          adoptProducers: () => undefined,
        },
      },
      { jobGraph, dispatcherAddress: "dispatcher", quotas: MAX_CLUSTER_QUOTAS, submittedMillis: START_MILLIS },
    );
    this.#job.begin("created");
  }

  get status(): string {
    return this.#job.status;
  }

  /** TaskExecutors register and offer their slots; all tasks are deployed and come to RUNNING. */
  async schedule(): Promise<void> {
    const gateway = this.#taskExecutor();
    for (const { registration, offers } of this.#taskExecutors) {
      this.#job.registerTaskManager({ registration, incarnation: 1, gateway }, []);
      this.#job.offerSlots(registration.resourceId, offers);
    }
    await this.#run();
  }

  /** Every task reports that it has finished. */
  finish(): void {
    this.#report("FINISHED");
  }

  /** One task fails: all are cancelled, deployed again and come to RUNNING. */
  async failover(): Promise<void> {
    const attemptId = this.#tasks[0]?.[0];
    if (attemptId === undefined) throw new RangeError("nothing runs");
    const failure = serializeThrowable(new Error("a record was bad"));
    this.#job.updateTask({ jobId: this.#job.jobId, attemptId, state: "FAILED", failure });
    this.#tasks.length = 0;
    for (const canceled of this.#canceling.splice(0)) {
      this.#job.updateTask({ jobId: this.#job.jobId, attemptId: canceled, state: "CANCELED" });
    }
    await this.#clock.advance(RESTART_DELAY_MILLIS);
    await this.#run();
  }

  /** Time passes until a checkpoint is triggered. */
  async trigger(): Promise<void> {
    await this.#clock.advance(CHECKPOINT_INTERVAL_MILLIS);
  }

  /** The acknowledgements of the newest checkpoint, one per TaskExecutor, to be sent. */
  acknowledgements(): readonly (() => void)[] {
    const checkpointId = Math.max(...this.#triggered);
    return this.#tasks.map((attemptIds) => {
      const acknowledgements = attemptIds.map((attemptId) => ({
        attemptId,
        metrics: ACK_METRICS,
        state: { kind: "inline", bytes: new Uint8Array(8) } as const,
      }));
      return () => this.#job.checkpoint({ kind: "acknowledged", checkpointId, acknowledgements });
    });
  }

  /** @throws Error unless the checkpoint is complete. */
  async completed(count: number): Promise<void> {
    await this.#clock.settle();
    const completed = this.#job.checkpointStats?.counts.completed;
    if (completed !== count) throw new Error(`expected ${count} completed checkpoints, got ${completed}`);
  }

  async #run(): Promise<void> {
    await this.#clock.settle();
    const deployed = this.#tasks.reduce((sum, tasks) => sum + tasks.length, 0);
    if (deployed !== this.#subtasks) throw new Error(`expected ${this.#subtasks} deployed tasks, got ${deployed}`);
    this.#report("INITIALIZING");
    this.#report("RUNNING");
  }

  #report(state: TaskExecutionState["state"]): void {
    const { jobId } = this.#job;
    for (const tasks of this.#tasks) for (const attemptId of tasks) this.#job.updateTask({ jobId, attemptId, state });
  }

  /** All of them in one: takes everything at once. */
  #taskExecutor(): TaskExecutorGateway {
    const taken: Partial<TaskExecutorGateway> = {
      submitTasks: ({ tasks }) => {
        this.#tasks.push(tasks.map(({ attemptId }) => attemptId));
        return TAKEN;
      },
      cancelTask: (attemptId) => {
        this.#canceling.push(attemptId);
        return ACKNOWLEDGED;
      },
      triggerCheckpoint: (_attemptIds, { checkpointId }) => {
        this.#triggered.add(checkpointId);
        return ACKNOWLEDGED;
      },
      freeSlot: () => ACKNOWLEDGED,
      confirmCheckpoint: () => undefined,
      abortCheckpoint: () => undefined,
      heartbeatFromJobManager: () => undefined,
      disconnectJobManager: () => undefined,
    };
    // What a JobMaster calls.
    return taken as TaskExecutorGateway;
  }

  #services(): JobMasterServices {
    let ids = 0;
    return {
      address: "job-master",
      jobMasterId: 1 as Epoch as JobMasterId,
      clock: this.#clock,
      random: { next: () => 0.5 },
      ids: { hex: () => (ids += 1).toString(16).padStart(32, "0") },
      log: silentLogger,
      executor: manualMainThread(this.#clock),
      whenSettled: (promise, onResult, onError) =>
        void promise.then(onResult, (error: unknown) => onError(fromUnknown(error))),
    };
  }
}
