import type { Clock } from "../common/clock.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { JobID, ResourceID } from "../common/ids.ts";
import { JobObjectStore } from "../runtime/blob/job-object-store.ts";
import type { ObjectStore } from "../runtime/blob/object-store.ts";
import type { JobModuleReference } from "../runtime/jobgraph/job-graph.ts";
import type { TaskDeploymentDescriptor } from "../runtime/messages/task-deployment-descriptor.ts";
import { DEFAULT_CLUSTER } from "../runtime/object-name.ts";
import type {
  CheckpointTrigger,
  TaskHost,
  TaskHostFactory,
  TaskHostReport,
  TaskHostRunRequest,
} from "../runtime/taskexecutor/task-host.ts";
import type { JobDefinition } from "../streaming/graph/job-definition.ts";
import type { CreditGrant, ExchangeFlush, ExchangeLink } from "../streaming/network/exchange-link.ts";
import { TaskHostCore } from "../streaming/task/task-host-core.ts";

export interface InProcessTaskHostsOptions {
  readonly clock: Clock;
  /** The cluster's, with real keys; tasks see their job's view of it. */
  readonly objects: ObjectStore;
  /** Default export of the module. */
  readonly definitionOf: (module: JobModuleReference) => JobDefinition;
}

/**
 * The real data plane in this process, without isolation: what facets are on Durable Objects. A host that was lost answers
 * nobody any more, peers included.
 */
export class InProcessTaskHosts implements TaskHostFactory {
  readonly #options: InProcessTaskHostsOptions;
  readonly #hosts = new Map<ResourceID, InProcessTaskHost>();

  constructor(options: InProcessTaskHostsOptions) {
    this.#options = options;
  }

  open(self: ResourceID, module: JobModuleReference): TaskHost {
    let host = this.#hosts.get(self);
    if (host === undefined) {
      host = new InProcessTaskHost(self, module, {
        ...this.#options,
        peer: (resourceId) => this.#hosts.get(resourceId),
      });
      this.#hosts.set(self, host);
    }
    return host;
  }

  async close(self: ResourceID): Promise<void> {
    this.lose(self);
  }

  /** The host's memory is gone, as with its TaskExecutor's. */
  lose(self: ResourceID): void {
    this.#hosts.get(self)?.end();
    this.#hosts.delete(self);
  }

  get size(): number {
    return this.#hosts.size;
  }
}

class InProcessTaskHost implements TaskHost, ExchangeLink {
  readonly #core: TaskHostCore;
  readonly #options: InProcessTaskHostsOptions;
  readonly #ended = Promise.withResolvers<never>();
  #alive = true;
  #jobId: JobID | undefined;

  constructor(
    self: ResourceID,
    module: JobModuleReference,
    options: InProcessTaskHostsOptions & { readonly peer: (self: ResourceID) => InProcessTaskHost | undefined },
  ) {
    this.#options = options;
    this.#ended.promise.catch(() => undefined);
    this.#core = new TaskHostCore({
      self,
      definition: options.definitionOf(module),
      clock: options.clock,
      objects: () => this.#objects(),
      links: (peer) => {
        const link = options.peer(peer);
        if (link === undefined) throw new SluiceException("PARTITION_CONNECTION", `there is no task host ${peer}`);
        return link;
      },
    });
  }

  end(): void {
    this.#alive = false;
    this.#ended.reject(new SluiceException("PARTITION_CONNECTION", "the task host has ended"));
  }

  submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    this.#jobId = descriptor.jobId;
    return this.#call(() => this.#core.submitTask(structuredClone(descriptor)));
  }

  cancelTask(attemptId: TaskDeploymentDescriptor["attemptId"]): Promise<void> {
    return this.#call(() => this.#core.cancelTask(attemptId));
  }

  triggerCheckpoint(trigger: CheckpointTrigger): Promise<void> {
    return this.#call(() => this.#core.triggerCheckpoint(trigger));
  }

  notifyCheckpointComplete(checkpointId: number): Promise<void> {
    return this.#call(() => this.#core.notifyCheckpointComplete(checkpointId));
  }

  notifyCheckpointAborted(checkpointId: number): Promise<void> {
    return this.#call(() => this.#core.notifyCheckpointAborted(checkpointId));
  }

  run(request: TaskHostRunRequest): Promise<TaskHostReport> {
    return this.#call(() => this.#core.run(request));
  }

  deliver(flush: ExchangeFlush): Promise<readonly CreditGrant[]> {
    return this.#call(() => this.#core.deliver(structuredClone(flush)));
  }

  credit(grants: readonly CreditGrant[]): Promise<void> {
    return this.#call(() => this.#core.credit(structuredClone(grants)));
  }

  /** Ends with the host, whatever the call itself does. */
  #call<T>(body: () => Promise<T>): Promise<T> {
    return this.#alive ? Promise.race([body(), this.#ended.promise]) : this.#ended.promise;
  }

  #objects(): ObjectStore {
    // A host that was lost must not write any more: its successor may be at work.
    if (!this.#alive || this.#jobId === undefined)
      throw new SluiceException("ILLEGAL_STATE", "the task host has ended");
    return new JobObjectStore(this.#options.objects, DEFAULT_CLUSTER, this.#jobId);
  }
}
