import { RpcTarget } from "cloudflare:workers";
import { fromErrorData, fromUnknown, SluiceException } from "../common/exceptions.ts";
import type { ExecutionAttemptID, JobID, ResourceID } from "../common/ids.ts";
import { JobObjectStore } from "../runtime/blob/job-object-store.ts";
import type { ByteRange, ObjectStore, PutCondition } from "../runtime/blob/object-store.ts";
import type { JobModuleReference } from "../runtime/jobgraph/job-graph.ts";
import type { TaskDeploymentDescriptor } from "../runtime/messages/task-deployment-descriptor.ts";
import type {
  CheckpointTrigger,
  TaskHost,
  TaskHostFactory,
  TaskHostReport,
  TaskHostRunRequest,
} from "../runtime/taskexecutor/task-host.ts";
import type { ExchangeLink } from "../streaming/network/exchange-link.ts";
import type { TaskHostFacet } from "./task-host/task-host-facet.ts";

/** How long a facet may take to let go of its links; one that hangs is ended all the same. */
const DISPOSE_MILLIS = 1_000;

/** How the TaskExecutor's object reaches its facet and its peers. */
export interface FacetPlatform {
  /** The facet of `module`; loaded when it is first used. */
  facet(module: JobModuleReference): TaskHostFacet;
  abortFacet(reason: string): void;
  /** Asks the peer's object for the link into its facet; the caller disposes it. */
  openExchange(peer: ResourceID, module: JobModuleReference): Promise<ExchangeLink & Disposable>;
  readonly objects: ObjectStore;
  readonly cluster: string;
  readonly jobId: JobID;
}

/** Runs a TaskExecutor's tasks in a facet of its object: own isolate, no network, no bindings. */
export class FacetTaskHostFactory implements TaskHostFactory {
  readonly #platform: FacetPlatform;
  #facet: TaskHostFacet | undefined;

  constructor(platform: FacetPlatform) {
    this.#platform = platform;
  }

  open(self: ResourceID, module: JobModuleReference): TaskHost {
    if (this.#facet === undefined) {
      this.#facet = this.#platform.facet(module);
      // Any call loads it. Whether it could is seen at the first use.
      this.#facet.missingPeers(self, [], 0).catch(() => undefined);
    }
    return new FacetTaskHost({ self, module, facet: this.#facet, platform: this.#platform });
  }

  async close(): Promise<void> {
    const facet = this.#facet;
    this.#facet = undefined;
    if (facet === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DISPOSE_MILLIS);
    });
    try {
      await Promise.race([facet.dispose(), patience]);
    } finally {
      clearTimeout(timer);
      this.#platform.abortFacet("the TaskExecutor closed its task host");
    }
  }
}

class FacetTaskHost implements TaskHost {
  readonly #self: ResourceID;
  readonly #module: JobModuleReference;
  readonly #facet: TaskHostFacet;
  readonly #platform: FacetPlatform;
  /** Linking that has not begun yet, by generation. */
  readonly #rounds = new Map<number, LinkRound>();

  constructor(parts: {
    readonly self: ResourceID;
    readonly module: JobModuleReference;
    readonly facet: TaskHostFacet;
    readonly platform: FacetPlatform;
  }) {
    this.#self = parts.self;
    this.#module = parts.module;
    this.#facet = parts.facet;
    this.#platform = parts.platform;
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    await this.#linked(descriptor);
    const outcome = await loaded(() => this.#facet.submitTask(this.#self, descriptor));
    if (outcome.kind === "failure") throw fromErrorData(outcome.error);
  }

  async cancelTask(attemptId: ExecutionAttemptID): Promise<void> {
    await this.#facet.cancelTask(attemptId);
  }

  async triggerCheckpoint(trigger: CheckpointTrigger): Promise<void> {
    await this.#facet.triggerCheckpoint(trigger);
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    await this.#facet.notifyCheckpointComplete(checkpointId);
  }

  async notifyCheckpointAborted(checkpointId: number): Promise<void> {
    await this.#facet.notifyCheckpointAborted(checkpointId);
  }

  async run(request: TaskHostRunRequest): Promise<TaskHostReport> {
    const { objects, cluster, jobId } = this.#platform;
    const outcome = await this.#facet.run(
      request,
      new ObjectStoreCapability(new JobObjectStore(objects, cluster, jobId)),
    );
    if (outcome.kind === "failure") throw fromErrorData(outcome.error);
    return outcome.value;
  }

  /**
   * Settles when the facet has a link to every peer of the task. Links are made anew for every attempt number: a peer that lost its
   * facet has lost its end of the old one. Tasks that are submitted together ask together.
   */
  #linked({ attemptNumber: generation, ...descriptor }: TaskDeploymentDescriptor): Promise<void> {
    const round = this.#rounds.get(generation) ?? this.#beginRound(generation);
    for (const peer of peersOf(descriptor)) round.peers.add(peer);
    return round.done;
  }

  #beginRound(generation: number): LinkRound {
    const peers = new Set<ResourceID>();
    const link = async (): Promise<void> => {
      this.#rounds.delete(generation);
      const missing = await loaded(() => this.#facet.missingPeers(this.#self, [...peers], generation));
      await Promise.all(missing.map((peer) => this.#link(peer, generation)));
    };
    const round = { peers, done: Promise.resolve().then(link) };
    this.#rounds.set(generation, round);
    return round;
  }

  async #link(peer: ResourceID, generation: number): Promise<void> {
    using link = await this.#openExchange(peer);
    await this.#facet.addPeer(peer, link, generation);
  }

  async #openExchange(peer: ResourceID): Promise<ExchangeLink & Disposable> {
    try {
      return await this.#platform.openExchange(peer, this.#module);
    } catch (error) {
      const { message } = fromUnknown(error);
      throw new SluiceException("PARTITION_CONNECTION", `no link to TaskExecutor ${peer}: ${message}`, {
        cause: error,
      });
    }
  }
}

/** Links that some tasks need. */
interface LinkRound {
  readonly peers: Set<ResourceID>;
  readonly done: Promise<void>;
}

/** The facet answers with outcomes; what it throws is the platform's: the isolate did not load, or was reset. */
async function loaded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { message } = fromUnknown(error);
    throw new SluiceException("UNAVAILABLE", `the task host does not load: ${message}`, { cause: error });
  }
}

function peersOf(descriptor: Pick<TaskDeploymentDescriptor, "inputGates" | "resultPartitions">): readonly ResourceID[] {
  const producers = descriptor.inputGates.flatMap((gate) => gate.producers);
  const consumers = descriptor.resultPartitions.flatMap((partition) => partition.consumers);
  return [...new Set([...producers, ...consumers].map((peer) => peer.taskExecutor))];
}

/** The object store as the facet gets it: an argument of `run`, gone when that call ends. */
class ObjectStoreCapability extends RpcTarget implements ObjectStore {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    super();
    this.#store = store;
  }

  get(key: string, range?: ByteRange) {
    return this.#store.get(key, range);
  }
  head(key: string) {
    return this.#store.head(key);
  }
  put(key: string, bytes: Uint8Array, condition?: PutCondition) {
    return this.#store.put(key, bytes, condition);
  }
  list(prefix: string) {
    return this.#store.list(prefix);
  }
  delete(keys: readonly string[]) {
    return this.#store.delete(keys);
  }
}
