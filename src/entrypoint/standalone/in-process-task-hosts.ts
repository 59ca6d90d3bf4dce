import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { JobID, ResourceID } from "../../common/ids.ts";
import { JobObjectStore } from "../../runtime/blob/job-object-store.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { JobModuleReference } from "../../runtime/jobgraph/job-graph.ts";
import { parseObjectName } from "../../runtime/object-name.ts";
import type { TaskHost, TaskHostFactory } from "../../runtime/taskexecutor/task-host.ts";
import type { ExchangeLink } from "../../streaming/network/exchange-link.ts";
import { TaskHostCore } from "../../streaming/task/task-host-core.ts";
import type { JobModuleLoader } from "./job-module-loader.ts";

export interface InProcessTaskHostsOptions {
  readonly objects: ObjectStore;
  readonly loader: JobModuleLoader;
  readonly clock: Clock;
}

/** A TaskExecutor's task host: its core when the module is loaded, until it is closed. */
interface Host {
  readonly core: Promise<TaskHostCore>;
  closed: boolean;
}

/** Runs the tasks of all TaskExecutors of this process in it, user code included; see {@link JobModuleLoader}. */
export class InProcessTaskHosts {
  readonly #options: InProcessTaskHostsOptions;
  readonly #hosts = new Map<string, Host>();

  constructor(options: InProcessTaskHostsOptions) {
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
  }

  /** Also made by the first peer that sends to it. */
  #host(address: string, module: JobModuleReference): Host {
    let host = this.#hosts.get(address);
    if (host === undefined) {
      const core = this.#start(address, module);
      // Who uses it hears of the failure.
      core.catch(() => undefined);
      this.#hosts.set(address, (host = { core, closed: false }));
    }
    return host;
  }

  async #start(address: string, module: JobModuleReference): Promise<TaskHostCore> {
    const { objects, loader, clock } = this.#options;
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
    return new TaskHostCore({
      self: brandId<ResourceID>(name.id),
      definition: await loader.load(new TextDecoder().decode(stored.bytes), module.name),
      clock,
      objects: () => jobObjects,
      links: (peer) => this.#link(address.slice(0, -name.id.length) + peer, module),
    });
  }

  /** Bound to the peer's host as it is at the first call. */
  #link(address: string, module: JobModuleReference): ExchangeLink {
    let host: Host | undefined;
    const connect = async (): Promise<TaskHostCore> => {
      host ??= this.#host(address, module);
      const core = await host.core;
      if (host.closed) throw new SluiceException("PARTITION_CONNECTION", `${address} has closed its task host`);
      return core;
    };
    return {
      deliver: async (flush) => (await connect()).deliver(flush),
      credit: async (grants) => (await connect()).credit(grants),
    };
  }

  #taskHost({ core }: Host): TaskHost {
    return {
      submitTask: async (descriptor) => (await core).submitTask(descriptor),
      cancelTask: async (attemptId) => (await core).cancelTask(attemptId),
      triggerCheckpoint: async (trigger) => (await core).triggerCheckpoint(trigger),
      notifyCheckpointComplete: async (checkpointId) => (await core).notifyCheckpointComplete(checkpointId),
      notifyCheckpointAborted: async (checkpointId) => (await core).notifyCheckpointAborted(checkpointId),
      run: async (request) => {
        // Slices follow one another in microtasks; requests and timers get their turn here.
        await setImmediate();
        return (await core).run(request);
      },
    };
  }
}
