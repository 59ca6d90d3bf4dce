import { setImmediate } from "node:timers/promises";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { JobID, ResourceID } from "../../common/ids.ts";
import { JobObjectStore } from "../../runtime/blob/job-object-store.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { JobModuleReference } from "../../runtime/jobgraph/job-graph.ts";
import { parseObjectName } from "../../runtime/object-name.ts";
import type { TaskHost, TaskHostFactory } from "../../runtime/taskexecutor/task-host.ts";
import type { ExchangeLink } from "../../streaming/network/exchange-link.ts";

/** What the tasks of one TaskExecutor are made of. */
export interface TaskParts {
  readonly self: ResourceID;
  /** The job's module. */
  readonly text: string;
  /** The module's, for messages. */
  readonly name: string;
  /** The job's view of the object store. */
  readonly objects: ObjectStore;
  readonly links: (peer: ResourceID) => ExchangeLink;
}

/** The tasks of one TaskExecutor, wherever they run. */
export interface HostedTasks extends TaskHost, ExchangeLink {
  /** Ends them without notice. */
  close(): void;
}

export interface StandaloneTaskHostsOptions {
  readonly objects: ObjectStore;
  /** @throws SluiceException `INVALID_PROGRAM` for a module that cannot be loaded. */
  readonly start: (parts: TaskParts) => Promise<HostedTasks>;
}

/** A TaskExecutor's task host: its tasks when the module is loaded, until it is closed. */
interface Host {
  readonly tasks: Promise<HostedTasks>;
  closed: boolean;
}

/** Starts and ends the tasks of all TaskExecutors of this process, and links them to each other. */
export class StandaloneTaskHosts {
  readonly #options: StandaloneTaskHostsOptions;
  readonly #hosts = new Map<string, Host>();

  constructor(options: StandaloneTaskHostsOptions) {
    this.#options = options;
  }

  /** For one activation of the TaskExecutor at `address`; what an earlier one ran is lost with it. */
  forActivation(address: string): TaskHostFactory {
    this.#close(address);
    return {
      open: (_self, module) => this.#taskHost(this.#host(address, module)),
      close: async () => this.#close(address),
    };
  }

  #close(address: string): void {
    const host = this.#hosts.get(address);
    if (host === undefined) return;
    host.closed = true;
    this.#hosts.delete(address);
    host.tasks.then(
      (tasks) => tasks.close(),
      () => undefined,
    );
  }

  /** Also made by the first peer that sends to it. */
  #host(address: string, module: JobModuleReference): Host {
    let host = this.#hosts.get(address);
    if (host === undefined) {
      const tasks = this.#start(address, module);
      // Who uses them hears of the failure.
      tasks.catch(() => undefined);
      this.#hosts.set(address, (host = { tasks, closed: false }));
    }
    return host;
  }

  async #start(address: string, module: JobModuleReference): Promise<HostedTasks> {
    const { objects, start } = this.#options;
    const stored = await objects.get(module.key);
    if (stored === undefined) {
      throw new SluiceException(
        "NOT_FOUND",
        `module ${module.name} (${module.key}) is not in the object store any more`,
      );
    }
    const name = parseObjectName(address);
    if (name === undefined) throw new TypeError(`no object name of a TaskExecutor: ${address}`);
    const [jobId = ""] = name.id.split("-te-");
    const jobObjects = new JobObjectStore(objects, name.cluster, brandId<JobID>(jobId));
    return start({
      self: brandId<ResourceID>(name.id),
      text: new TextDecoder().decode(stored.bytes),
      name: module.name,
      objects: jobObjects,
      links: (peer) => this.#link(address.slice(0, -name.id.length) + peer, module),
    });
  }

  /** Bound to the peer's host as it is at the first call. */
  #link(address: string, module: JobModuleReference): ExchangeLink {
    let host: Host | undefined;
    const connect = async (): Promise<HostedTasks> => {
      host ??= this.#host(address, module);
      const tasks = await host.tasks;
      if (host.closed) throw new SluiceException("PARTITION_CONNECTION", `${address} has closed its task host`);
      return tasks;
    };
    return {
      deliver: async (flush) => (await connect()).deliver(flush),
      credit: async (grants) => (await connect()).credit(grants),
    };
  }

  #taskHost({ tasks }: Host): TaskHost {
    return {
      submitTask: async (descriptor) => (await tasks).submitTask(descriptor),
      cancelTask: async (attemptId) => (await tasks).cancelTask(attemptId),
      triggerCheckpoint: async (trigger) => (await tasks).triggerCheckpoint(trigger),
      notifyCheckpointComplete: async (checkpointId) => (await tasks).notifyCheckpointComplete(checkpointId),
      notifyCheckpointAborted: async (checkpointId) => (await tasks).notifyCheckpointAborted(checkpointId),
      run: async (request) => {
        // Slices follow one another in microtasks; requests and timers get their turn here.
        await setImmediate();
        return (await tasks).run(request);
      },
    };
  }
}
