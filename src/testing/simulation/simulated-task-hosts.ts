import { fromErrorData, toErrorData } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { JobID, ResourceID } from "../../common/ids.ts";
import { JobObjectStore } from "../../runtime/blob/job-object-store.ts";
import type { JobModuleReference } from "../../runtime/jobgraph/job-graph.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import { clusterOf, parseObjectName, taskExecutorAddress } from "../../runtime/object-name.ts";
import type { TaskHost, TaskHostFactory } from "../../runtime/taskexecutor/task-host.ts";
import type { JobDefinition } from "../../streaming/graph/job-definition.ts";
import type { ExchangeLink } from "../../streaming/network/exchange-link.ts";
import { TaskHostCore } from "../../streaming/task/task-host-core.ts";
import type { SimulatedActivation } from "./simulated-activation.ts";
import type { SimulatedObjectStore } from "./simulated-object-store.ts";
import type { SimulatedPlatform } from "./simulated-platform.ts";

export interface SimulatedTaskHostsOptions {
  readonly platform: SimulatedPlatform;
  readonly objects: SimulatedObjectStore;
  readonly definitionOf: (module: JobModuleReference) => JobDefinition;
}

/** A task host in its own memory: the real core, called over a boundary that takes time and may break. */
interface Facet {
  readonly core: TaskHostCore;
  /** Owner of its events. */
  readonly memory: object;
  readonly owner: SimulatedActivation;
  readonly pending: Set<(error: Error) => void>;
  readonly peers: Map<ResourceID, { readonly generation: number; readonly link: ExchangeLink }>;
  alive: boolean;
  opened: boolean;
  dueMillis: number;
}

/** One link, in one direction. */
interface ExchangeWay {
  readonly from: Facet;
  readonly to: Facet;
  /** What it takes more than others, for its life. */
  readonly farMillis: number;
  dueMillis: number;
}

const CALL_MILLIS = [0, 1] as const;
const EXCHANGE_MILLIS = [1, 5] as const;
/** Some hosts are far from each other, so that barriers of several channels come far apart. */
const IS_FAR = 0.3;
const FAR_MILLIS = [50, 600] as const;
const EXCHANGE_DELAY_MILLIS = [50, 3_000] as const;

/**
 * The task hosts of a simulation, as facets of their TaskExecutors' instances: a host lives no longer than its instance, one of
 * an instance that was superseded works on beside its successor's, and links lead to the host they were opened to.
 */
export class SimulatedTaskHosts {
  readonly #options: SimulatedTaskHostsOptions;
  readonly #facets = new Map<SimulatedActivation, Facet>();

  constructor(options: SimulatedTaskHostsOptions) {
    this.#options = options;
  }

  /** Hosts that their TaskExecutors have opened and not closed; one that only a peer's link woke leaves with its object. */
  get size(): number {
    return [...this.#facets.values()].filter(({ opened }) => opened).length;
  }

  /** Links from host to host, as the hosts hold them. */
  get links(): number {
    return [...this.#facets.values()].reduce((total, { peers }) => total + peers.size, 0);
  }

  factoryFor(owner: SimulatedActivation): TaskHostFactory {
    owner.onEnd(() => this.#end(owner, "its TaskExecutor ended"));
    return {
      open: (_self, module) => this.#hostOf(owner, module),
      close: async () => this.#end(owner, "its TaskExecutor closed it"),
    };
  }

  /** A host's isolate ends by itself, as by a fault of user code. @returns false if there is none. */
  lose(): boolean {
    const { faults } = this.#options.platform;
    const owners = [...this.#facets.keys()];
    if (owners.length === 0) return false;
    const owner = faults.random.pick(owners);
    faults.happened("task-host-lost", owner.address);
    this.#end(owner, "its isolate was reset");
    return true;
  }

  #hostOf(owner: SimulatedActivation, module: JobModuleReference): TaskHost {
    const facet = this.#facetOf(owner, module);
    facet.opened = true;
    const call = <T>(body: (core: TaskHostCore) => Promise<T>, inOneStep = true): Promise<T> =>
      this.#call(facet, body, inOneStep);
    return {
      submitTask: async (descriptor) => {
        await call(async (core) => {
          this.#linkPeers(facet, descriptor);
          await core.submitTask(structuredClone(descriptor));
        });
      },
      cancelTask: (attemptId) => call((core) => core.cancelTask(attemptId)),
      triggerCheckpoint: (trigger) => call((core) => core.triggerCheckpoint(trigger)),
      notifyCheckpointComplete: (checkpointId) => call((core) => core.notifyCheckpointComplete(checkpointId)),
      notifyCheckpointAborted: (checkpointId) => call((core) => core.notifyCheckpointAborted(checkpointId)),
      run: (request) => call((core) => core.run(request), false),
    };
  }

  #facetOf(owner: SimulatedActivation, module: JobModuleReference): Facet {
    const present = this.#facets.get(owner);
    if (present !== undefined) return present;
    const { objects, definitionOf, platform } = this.#options;
    const { cluster } = clusterOf(owner.address);
    const self = parseObjectName(owner.address)?.id ?? "";
    const jobId = brandId<JobID>(self.split("-te-")[0] ?? "");
    const peers: Facet["peers"] = new Map();
    const memory = {};
    const core = new TaskHostCore({
      definition: definitionOf(module),
      clock: platform.time.clockOf(memory),
      objects: () =>
        new JobObjectStore(
          objects.view((send) => send()),
          cluster,
          jobId,
        ),
      links: (peer) => {
        const known = peers.get(peer);
        if (known === undefined) throw new Error(`simulated: no link to ${peer}`);
        return known.link;
      },
      self: brandId<ResourceID>(self),
    });
    const facet: Facet = { core, memory, owner, pending: new Set(), peers, alive: true, opened: false, dueMillis: 0 };
    this.#facets.set(owner, facet);
    return facet;
  }

  #end(owner: SimulatedActivation, reason: string): void {
    const facet = this.#facets.get(owner);
    if (facet === undefined) return;
    this.#facets.delete(owner);
    facet.alive = false;
    this.#options.platform.time.end(facet.memory);
    for (const fail of facet.pending) fail(new Error(`simulated: the task host is gone: ${reason}`));
    facet.pending.clear();
  }

  /**
   * One call into a facet, in the order of calls.
   *
   * @param inOneStep nothing else happens until it is done; for calls that wait for nothing that takes virtual time.
   */
  #call<T>(facet: Facet, body: (core: TaskHostCore) => Promise<T>, inOneStep: boolean): Promise<T> {
    const { time, faults } = this.#options.platform;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    const { owner } = facet;
    if (!facet.alive) reject(new Error("simulated: the task host is gone"));
    facet.pending.add(reject);
    const settle = (done: () => void): void => {
      facet.pending.delete(reject);
      time.schedule(faults.random.between(...CALL_MILLIS), done, owner);
    };
    owner.whenConfirmed(() => {
      facet.dueMillis = Math.max(facet.dueMillis, time.now() + faults.random.between(...CALL_MILLIS));
      const run = (): void | Promise<void> => {
        if (!facet.alive) return undefined;
        const done = body(facet.core).then(
          (result) => settle(() => resolve(structuredClone(result))),
          // As data, like every error that crosses the boundary.
          (error: unknown) => settle(() => reject(fromErrorData(toErrorData(error)))),
        );
        return inOneStep ? done : undefined;
      };
      time.schedule(facet.dueMillis - time.now(), run, owner);
    });
    return promise;
  }

  /** Links are made anew for every attempt number: a peer that lost its host has lost its end of the old one. */
  #linkPeers(facet: Facet, descriptor: TaskDeploymentDescriptor): void {
    const { platform } = this.#options;
    const generation = descriptor.attemptNumber;
    const ends = [
      ...descriptor.inputGates.flatMap(({ producers }) => producers),
      ...descriptor.resultPartitions.flatMap(({ consumers }) => consumers),
    ];
    for (const peer of new Set(ends.map(({ taskExecutor }) => taskExecutor))) {
      if ((facet.peers.get(peer)?.generation ?? -1) >= generation) continue;
      const address = taskExecutorAddress(clusterOf(facet.owner.address), peer);
      const target = platform.object(address)?.activate();
      if (target === undefined) throw new Error(`simulated: no TaskExecutor ${peer}`);
      facet.peers.set(peer, { generation, link: this.#link(facet, this.#facetOf(target, descriptor.module)) });
    }
  }

  #link(from: Facet, to: Facet): ExchangeLink {
    // What is delayed holds up what comes after it on this link, and nothing on others.
    const { random, active } = this.#options.platform.faults;
    const farMillis = active && random.chance(IS_FAR) ? random.between(...FAR_MILLIS) : 0;
    const way = { from, to, farMillis, dueMillis: 0 };
    return {
      deliver: (flush) => {
        const copy = structuredClone(flush);
        return this.#exchange(way, (core) => core.deliver(copy));
      },
      credit: (grants) => {
        const copy = structuredClone(grants);
        return this.#exchange(way, (core) => core.credit(copy));
      },
    };
  }

  #exchange<T>(way: ExchangeWay, body: (core: TaskHostCore) => Promise<T>): Promise<T> {
    const { from, to } = way;
    const { time, faults, network } = this.#options.platform;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    const ends = [from.owner.address, to.owner.address] as const;
    const broken = (): boolean => !to.alive || network.isPartitioned(...ends);
    const later = (run: () => void | Promise<void>): void =>
      void time.schedule(faults.random.between(...EXCHANGE_MILLIS), run, from.memory);
    const fail = (): void => later(() => reject(new Error("simulated: the link between the task hosts broke")));
    if (faults.strikes("exchange-broken", ends[0])) {
      fail();
      return promise;
    }
    const delayed = faults.strikes("message-delayed", ends[0]);
    const delay =
      way.farMillis +
      faults.random.between(...EXCHANGE_MILLIS) +
      (delayed ? faults.random.between(...EXCHANGE_DELAY_MILLIS) : 0);
    way.dueMillis = Math.max(way.dueMillis, time.now() + delay);
    const arrive = (run: () => Promise<void>): void => void time.schedule(way.dueMillis - time.now(), run, from.memory);
    arrive(async () => {
      if (broken()) return fail();
      try {
        const reply = await body(to.core);
        if (broken()) fail();
        else later(() => resolve(structuredClone(reply)));
      } catch (error) {
        later(() => reject(fromErrorData(toErrorData(error))));
      }
    });
    return promise;
  }
}
