import type { ScheduledCallback } from "../common/clock.ts";
import { brandId } from "../common/ids.ts";
import type { IdSource, JobID, ResourceID } from "../common/ids.ts";
import type { Logger } from "../common/log.ts";
import { silentLogger } from "../common/log.ts";
import type { EndpointContext } from "../rpc/endpoint-context.ts";
import type { RequestEnvelope } from "../rpc/envelope/v1.ts";
import type { GatewayDescriptor } from "../rpc/gateway-descriptor.ts";
import type { RpcEndpoint } from "../rpc/rpc-endpoint.ts";
import { ClusterRegistry } from "../runtime/cluster/cluster-registry.ts";
import { ClusterRegistryGateway } from "../runtime/cluster/cluster-registry-gateway.ts";
import { Dispatcher } from "../runtime/dispatcher/dispatcher.ts";
import { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import { JobMaster } from "../runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../runtime/jobmaster/job-master-gateway.ts";
import {
  clusterName,
  clusterRegistryAddress,
  dispatcherAddress,
  jobMasterAddress,
  parseObjectName,
  resourceManagerAddress,
  taskExecutorAddress,
} from "../runtime/object-name.ts";
import type { EndpointKind } from "../runtime/object-name.ts";
import { ResourceManager } from "../runtime/resourcemanager/resource-manager.ts";
import { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutor } from "../runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../runtime/taskexecutor/task-executor-gateway.ts";
import type { TaskHostFactory } from "../runtime/taskexecutor/task-host.ts";
import { SqliteDatabase } from "../storage/sqlite/sqlite-database.ts";
import { LocalRpcService } from "../transport/local/local-rpc-service.ts";
import type { LocalDelivery } from "../transport/local/local-rpc-service.ts";
import { InMemoryObjectStore } from "./in-memory-object-store.ts";
import { ManualClock } from "./manual-clock.ts";

export interface MiniClusterOptions {
  /** Makes the task hosts; `lose` is told when a TaskExecutor's memory is lost, and its host with it. */
  readonly hosts: (
    clock: ManualClock,
    objects: InMemoryObjectStore,
  ) => TaskHostFactory & { lose?(self: ResourceID): void };
  readonly log?: Logger;
  /** Makes the database of an endpoint. */
  readonly database?: (address: string) => SqliteDatabase;
  /** Decides the fate of every message. */
  readonly intercept?: (call: TracedCall, envelope: RequestEnvelope) => LocalDelivery;
}

/** One message: who sent it, and what it called. */
export interface TracedCall {
  /** `client` for callers outside of the cluster. */
  readonly caller: EndpointKind | "client";
  readonly callee: EndpointKind;
  readonly method: string;
  readonly address: string;
}

const START_MILLIS = Date.UTC(2024, 0, 1);

/**
 * A whole cluster in one process, on virtual time: all four kinds of endpoints over the local transport, with the life of
 * Durable Objects: an object exists as soon as it is called, a killed one comes back with the next message or the next
 * of its durable timers, with what it had stored and nothing else.
 */
export class MiniCluster {
  readonly clock = new ManualClock(START_MILLIS);
  readonly objects = new InMemoryObjectStore(this.clock);
  /** All messages, oldest first. */
  readonly trace: TracedCall[] = [];
  readonly #cluster = clusterName();
  readonly #service: LocalRpcService;
  readonly #newDatabase: (address: string) => SqliteDatabase;
  readonly #hosts: TaskHostFactory & { lose?(self: ResourceID): void };
  readonly #databases = new Map<string, SqliteDatabase>();
  /** Objects without memory, with what will wake them. */
  readonly #killed = new Map<string, ScheduledCallback | undefined>();

  constructor(options: MiniClusterOptions) {
    this.#newDatabase = options.database ?? (() => new SqliteDatabase());
    this.#hosts = options.hosts(this.clock, this.objects);
    const intercept = options.intercept ?? ((): LocalDelivery => "deliver");
    this.#service = new LocalRpcService({
      clock: this.clock,
      random: { next: () => 0.5 },
      ids: countingIds(),
      log: options.log ?? silentLogger,
      intercept: (envelope) => {
        const fate = this.#traced(envelope, intercept);
        if (fate !== "lose-request") this.#activate(envelope.endpoint);
        return fate;
      },
    });
  }

  get clusters(): ClusterRegistryGateway {
    return this.#service.gateway(ClusterRegistryGateway, clusterRegistryAddress());
  }

  get dispatcher(): DispatcherGateway {
    return this.dispatcherOf();
  }

  dispatcherOf(cluster?: string): DispatcherGateway {
    return this.#service.gateway(DispatcherGateway, dispatcherAddress(clusterName(cluster)));
  }

  get resourceManager(): ResourceManagerGateway {
    return this.#service.gateway(ResourceManagerGateway, resourceManagerAddress(this.#cluster));
  }

  jobMaster(jobId: JobID): JobMasterGateway {
    return this.#service.gateway(JobMasterGateway, jobMasterAddress(this.#cluster, jobId));
  }

  taskExecutor(resourceId: ResourceID): TaskExecutorGateway {
    return this.#service.gateway(TaskExecutorGateway, taskExecutorAddress(this.#cluster, resourceId));
  }

  /** Addresses of this kind that were ever called. */
  addresses(kind?: EndpointKind): readonly string[] {
    return [...this.#databases.keys()].filter(
      (address) => kind === undefined || parseObjectName(address)?.kind === kind,
    );
  }

  /** The object loses its memory, as in a crash of its process. */
  kill(address: string): void {
    const name = parseObjectName(address);
    if (!this.#databases.has(address) || name === undefined || this.#killed.has(address)) return;
    this.#service.kill(address);
    if (name.kind === "task-executor") this.#hosts.lose?.(brandId<ResourceID>(name.id));
    const due = this.nextTimer(address);
    const delay = due === undefined ? undefined : Math.max(0, due - this.clock.now());
    const alarm = delay === undefined ? undefined : this.clock.schedule(delay, () => this.#activate(address));
    this.#killed.set(address, alarm);
  }

  killAll(kind?: EndpointKind): void {
    for (const address of this.addresses(kind)) this.kill(address);
  }

  /** When the earliest durable timer of the object is due, that is its alarm. */
  nextTimer(address: string): number | undefined {
    const row = this.#databases.get(address)?.exec("SELECT min(due) AS due FROM sluice_timers")[0];
    return typeof row?.["due"] === "number" ? row["due"] : undefined;
  }

  /** Keys of what the object stores, those of the RPC layer aside. */
  storedKeys(address: string): readonly string[] {
    const rows = this.#databases.get(address)?.exec("SELECT key FROM sluice_kv ORDER BY key") ?? [];
    return rows.map(({ key }) => String(key));
  }

  /** Moves time in steps of `stepMillis` until `condition` holds. @throws Error after `limitMillis` of virtual time. */
  async until(
    condition: () => boolean | Promise<boolean>,
    { stepMillis = 100, limitMillis = 600_000 }: { readonly stepMillis?: number; readonly limitMillis?: number } = {},
  ): Promise<void> {
    const end = this.clock.now() + limitMillis;
    while (!(await this.#settled(condition))) {
      if (this.clock.now() >= end)
        throw new Error(`the condition does not hold after ${limitMillis} ms of virtual time`);
      await this.clock.advance(stepMillis);
    }
  }

  /** The result of an ask, with time moving on while it is under way. */
  async resolve<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    await this.until(() => settled, { stepMillis: 10 });
    return promise;
  }

  /** Ends everything at once, without a proper stop. */
  close(): void {
    for (const address of this.addresses()) this.#service.kill(address);
    for (const database of this.#databases.values()) database.close();
  }

  async #settled(condition: () => boolean | Promise<boolean>): Promise<boolean> {
    await this.clock.settle();
    const holds = condition();
    return typeof holds === "boolean" ? holds : this.resolve(holds);
  }

  #traced(envelope: RequestEnvelope, intercept: NonNullable<MiniClusterOptions["intercept"]>): LocalDelivery {
    const callee = parseObjectName(envelope.endpoint)?.kind;
    if (callee === undefined) return "deliver";
    const caller = parseObjectName(envelope.sender?.address ?? "")?.kind ?? "client";
    const call: TracedCall = { caller, callee, method: envelope.method, address: envelope.endpoint };
    if (envelope.kind !== "handshake") this.trace.push(call);
    return intercept(call, envelope);
  }

  #activate(address: string): void {
    const kind = parseObjectName(address)?.kind;
    if (kind === undefined) return;
    if (this.#killed.has(address)) {
      this.#killed.get(address)?.cancel();
      this.#killed.delete(address);
      this.#service.restart(address);
      return;
    }
    if (this.#databases.has(address)) return;
    const database = this.#newDatabase(address);
    this.#databases.set(address, database);
    this.#service.startServer(address, { ...this.#endpointOf(kind), database });
  }

  #endpointOf(kind: EndpointKind): {
    readonly gateways: readonly GatewayDescriptor[];
    readonly factory: (context: EndpointContext) => RpcEndpoint;
  } {
    const { objects } = this;
    switch (kind) {
      case "cluster-registry":
        return {
          gateways: [ClusterRegistryGateway],
          factory: (context) => new ClusterRegistry(context, { objects, placement: { place: async () => undefined } }),
        };
      case "dispatcher":
        return { gateways: [DispatcherGateway], factory: (context) => new Dispatcher(context, { objects }) };
      case "resource-manager":
        return { gateways: [ResourceManagerGateway], factory: (context) => new ResourceManager(context) };
      case "job-master":
        return { gateways: [JobMasterGateway], factory: (context) => new JobMaster(context, { objects }) };
      case "task-executor":
        return {
          gateways: [TaskExecutorGateway],
          factory: (context) => new TaskExecutor(context, { hosts: this.#hosts }),
        };
      default:
        throw new Error(`a mini cluster has no ${String(kind)}`);
    }
  }
}

/** Ids that are the same in every run. */
function countingIds(): IdSource {
  let next = 0;
  return {
    hex: () => {
      next += 1;
      return next.toString(16).padStart(32, "0");
    },
  };
}
