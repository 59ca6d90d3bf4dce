import type { JobID } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import type { Logger } from "../../src/common/log.ts";
import type { JobModuleReference } from "../../src/runtime/jobgraph/job-graph.ts";
import { Dispatcher } from "../../src/runtime/dispatcher/dispatcher.ts";
import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { JobMaster } from "../../src/runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../../src/runtime/jobmaster/job-master-gateway.ts";
import { parseObjectName } from "../../src/runtime/object-name.ts";
import { ResourceManager } from "../../src/runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutor } from "../../src/runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../../src/runtime/taskexecutor/task-executor-gateway.ts";
import type { TaskHostFactory } from "../../src/runtime/taskexecutor/task-host.ts";
import type { JobDefinition } from "../../src/streaming/graph/job-definition.ts";
import { ScriptedTaskHosts } from "../../src/testing/scripted-task-host.ts";
import { ChaosSchedule } from "../../src/testing/simulation/chaos-schedule.ts";
import type { FaultRates } from "../../src/testing/simulation/faults.ts";
import type { SimulatedActivation, SimulatedEndpoint } from "../../src/testing/simulation/simulated-activation.ts";
import { SimulatedObjectStore } from "../../src/testing/simulation/simulated-object-store.ts";
import { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import { SimulatedTaskHosts } from "../../src/testing/simulation/simulated-task-hosts.ts";
import { CheckpointInvariants } from "./checkpoint-invariants.ts";
import { ControlPlaneInvariants } from "./control-plane-invariants.ts";
import { REAL_JOBS } from "./jobs.ts";
import type { RealJob } from "./jobs.ts";
import { MessageInvariants } from "./message-invariants.ts";
import { keysOf, timersOf } from "./stored-state.ts";
import { TaskRegistry } from "./task-registry.ts";
import { Violations } from "./violations.ts";

export interface SimulatedClusterOptions {
  readonly seed: number;
  readonly rates: FaultRates;
  readonly log?: Logger | undefined;
  readonly print?: (line: string) => void;
  /** Default {@link REAL_JOBS}. */
  readonly programs?: readonly RealJob[];
}

/** A whole cluster, real code, on the simulated platform, watched by every invariant. */
export class SimulatedCluster {
  readonly platform: SimulatedPlatform;
  readonly objects: SimulatedObjectStore;
  readonly chaos: ChaosSchedule;
  readonly violations = new Violations();
  readonly messages = new MessageInvariants(this.violations);
  readonly invariants: ControlPlaneInvariants;
  readonly checkpoints: CheckpointInvariants;
  readonly tasks: TaskRegistry;
  /** Scripted jobs whose tasks always fail. */
  readonly failingJobs = new Set<JobID>();
  readonly #hosts: SimulatedTaskHosts;
  readonly #scripted: ScriptedTaskHosts;
  readonly #programs: readonly RealJob[];

  constructor({ seed, rates, log = silentLogger, print, programs = REAL_JOBS }: SimulatedClusterOptions) {
    this.#programs = programs;
    this.platform = new SimulatedPlatform({
      seed,
      rates,
      log,
      endpointOf: (address) => this.#endpointOf(address),
      observer: {
        onDelivered: (envelope, receiver) => this.messages.delivered(envelope, receiver),
        onReply: (envelope, reply, receiver) => this.messages.replied(envelope, reply, receiver),
        onAnswered: (envelope, reply) => {
          this.messages.answered(envelope, reply);
          this.invariants.answered(envelope, reply);
        },
        onConfirmed: (object) => this.invariants.confirmed(object),
      },
      ...(print === undefined ? {} : { print }),
    });
    const { time, faults } = this.platform;
    this.objects = new SimulatedObjectStore(time, faults, (key) =>
      this.violations.report(`an object was written twice, with other bytes: ${key}`),
    );
    this.checkpoints = new CheckpointInvariants(this.violations, this.objects.content);
    this.tasks = new TaskRegistry(this.violations, this.checkpoints, (line) => this.platform.trace.record(line));
    this.invariants = new ControlPlaneInvariants({
      violations: this.violations,
      platform: this.platform,
      objects: this.objects.content,
      orphans: this.objects.orphans,
      tasks: this.tasks,
      checkpoints: this.checkpoints,
    });
    this.#hosts = new SimulatedTaskHosts({
      platform: this.platform,
      objects: this.objects,
      definitionOf: (module) => this.#definitionOf(module),
    });
    this.#scripted = new ScriptedTaskHosts(time.clockOf(this), {
      failWhenRunning: ({ jobId }) =>
        this.failingJobs.has(jobId) ? new Error("simulated: it always fails") : undefined,
    });
    this.chaos = new ChaosSchedule(this.platform, () => this.#loseTaskHost());
  }

  /** Long after the last job's end nothing is set, held, stored for later or under way. */
  requireQuiet(): void {
    const { platform, violations } = this;
    for (const object of platform.objects) {
      const { address, current, durable } = object;
      violations.require(
        timersOf(object).length === 0,
        `at the end: timers of ${address}: ${timersOf(object).join(", ")}`,
      );
      violations.require(durable.alarmMillis === undefined, `at the end: an alarm of ${address}`);
      const pending = current === undefined ? 0 : platform.time.pendingOf(current);
      const stored = address.includes("/task-executor/") ? keysOf(object) : [];
      violations.require(stored.length === 0, `at the end: ${address} stores ${stored.join(", ")}`);
      violations.require(pending === 0, `at the end: ${pending} timers in memory of ${address}`);
    }
    violations.require(platform.network.pendingCalls === 0, `at the end: ${platform.network.pendingCalls} calls`);
    const present = new Set<object>(platform.objects.flatMap(({ instances }) => instances));
    const gone = [...platform.network.senders].filter((sender) => sender.address !== "client" && !present.has(sender));
    violations.require(gone.length === 0, `at the end: ${gone.length} instances that are gone hold connections`);
    violations.require(this.#hosts.links === 0, `at the end: ${this.#hosts.links} links between task hosts`);
    violations.require(this.#hosts.size === 0, `at the end: ${this.#hosts.size} task hosts`);
    violations.require(this.tasks.liveTasks === 0, `at the end: ${this.tasks.liveTasks} tasks`);
    violations.require(this.#scripted.load.size === 0, `at the end: ${this.#scripted.load.size} scripted hosts`);
    const workers = platform.objects.flatMap((object) =>
      object.address.includes("/resource-manager/") ? keysOf(object) : [],
    );
    violations.require(workers.length === 0, `at the end: the ResourceManager holds ${workers.join(", ")}`);
  }

  close(): void {
    this.platform.close();
  }

  /** Of a real job or of a scripted one. */
  #loseTaskHost(): boolean {
    const { faults } = this.platform;
    const scripted = [...this.#scripted.load.keys()];
    if (scripted.length === 0 || faults.random.chance(this.#hosts.size / (this.#hosts.size + scripted.length))) {
      return this.#hosts.lose();
    }
    const self = faults.random.pick(scripted);
    faults.happened("task-host-lost", self);
    this.#scripted.crash(self);
    return true;
  }

  #endpointOf(address: string): SimulatedEndpoint | undefined {
    switch (parseObjectName(address)?.kind) {
      case "dispatcher":
        return {
          gateways: [DispatcherGateway],
          factory: (context, activation) => new Dispatcher(context, { objects: this.#storeOf(activation) }),
        };
      case "resource-manager":
        return { gateways: [ResourceManagerGateway], factory: (context) => new ResourceManager(context) };
      case "job-master":
        return {
          gateways: [JobMasterGateway],
          factory: (context, activation) => new JobMaster(context, { objects: this.#storeOf(activation) }),
        };
      case "task-executor":
        return {
          gateways: [TaskExecutorGateway],
          factory: (context, activation) =>
            new TaskExecutor(context, {
              hosts: this.#hostsOf(activation),
              runtimeVersion: `version ${this.platform.version}`,
            }),
        };
      // A cluster's registry has its own tests: no job passes it.
      case "cluster-registry":
      case undefined:
        return undefined;
    }
  }

  #storeOf(activation: SimulatedActivation) {
    return this.objects.view(
      (send) => activation.whenConfirmed(send),
      () => activation.alive,
    );
  }

  #hostsOf(activation: SimulatedActivation): TaskHostFactory {
    const real = this.#hosts.factoryFor(activation);
    const scripted = this.#scripted;
    const factory: TaskHostFactory = {
      open: (self, module) => (this.#isReal(module) ? real : scripted).open(self, module),
      close: async (self) => {
        await real.close(self);
        if (!activation.superseded) await scripted.close(self);
      },
    };
    // A new instance finds nothing of the one before.
    const name = parseObjectName(activation.address)?.id;
    for (const self of scripted.load.keys()) if (self === name) scripted.lose(self);
    return this.tasks.watch(factory, activation);
  }

  #isReal(module: JobModuleReference): boolean {
    return this.#programs.some(({ name }) => name === module.name);
  }

  #definitionOf(module: JobModuleReference): JobDefinition {
    const job = this.#programs.find(({ name }) => name === module.name);
    if (job === undefined) throw new Error(`no job ${module.name}`);
    return job.definition;
  }
}
