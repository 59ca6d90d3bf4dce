import { DurableObject, RpcTarget } from "cloudflare:workers";
import { systemClock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { CheckpointTrigger, TaskHostReport, TaskHostRunRequest } from "../../runtime/taskexecutor/task-host.ts";
import { requireJobDefinition } from "../../streaming/graph/job-definition.ts";
import type { CreditGrant, ExchangeFlush, ExchangeLink } from "../../streaming/network/exchange-link.ts";
import { TaskHostCore } from "../../streaming/task/task-host-core.ts";
import { attempt } from "./graph-extractor.ts";
import type { Outcome, TaskHostFacet } from "./task-host-facet.ts";

/** A peer's link as a stub that can be kept beyond the call it came with. */
type LinkStub = ExchangeLink & Disposable & { dup(): LinkStub };

/**
 * The facet class of the isolate that holds `definition`, the default export of the user's module. It binds the platform to the
 * task host core: stubs of peers, the object store of the current `run`, the clock. All capabilities stay in private
 * fields of the instance; user code shares the isolate, not the references.
 */
export function createTaskHost(definition: unknown) {
  return class extends DurableObject implements TaskHostFacet {
    readonly #peers = new Map<ResourceID, { readonly link: LinkStub; readonly generation: number }>();
    #core: TaskHostCore | undefined;
    #objects: ObjectStore | undefined;

    async missingPeers(
      self: ResourceID,
      peers: readonly ResourceID[],
      generation: number,
    ): Promise<readonly ResourceID[]> {
      return peers.filter((peer) => {
        const known = this.#peers.get(peer);
        return peer !== self && (known === undefined || known.generation < generation);
      });
    }

    async addPeer(peer: ResourceID, link: ExchangeLink, generation: number): Promise<void> {
      const known = this.#peers.get(peer);
      if (known !== undefined && known.generation >= generation) return;
      // A stub in an argument lives as long as the call; the copy lives until it is disposed.
      const kept = (link as LinkStub).dup();
      this.#peers.set(peer, { link: kept, generation });
      known?.link[Symbol.dispose]();
    }

    async openLink(self: ResourceID): Promise<ExchangeLink> {
      return new ExchangeLinkTarget(this.#host(self));
    }

    async submitTask(self: ResourceID, descriptor: TaskDeploymentDescriptor): Promise<Outcome<void>> {
      return attempt(() => this.#host(self).submitTask(descriptor));
    }

    async cancelTask(attemptId: ExecutionAttemptID): Promise<void> {
      await this.#core?.cancelTask(attemptId);
    }

    async triggerCheckpoint(trigger: CheckpointTrigger): Promise<void> {
      await this.#core?.triggerCheckpoint(trigger);
    }

    async notifyCheckpointComplete(checkpointId: number): Promise<void> {
      await this.#core?.notifyCheckpointComplete(checkpointId);
    }

    async notifyCheckpointAborted(checkpointId: number): Promise<void> {
      await this.#core?.notifyCheckpointAborted(checkpointId);
    }

    async run(request: TaskHostRunRequest, objects: ObjectStore): Promise<Outcome<TaskHostReport>> {
      const core = this.#core;
      if (core === undefined) {
        return attempt(async () => {
          throw new SluiceException("TASK_MANAGER", "the task host was lost: its isolate was started anew");
        });
      }
      this.#objects = objects;
      try {
        return await attempt(() => core.run(request));
      } finally {
        this.#objects = undefined;
      }
    }

    async dispose(): Promise<void> {
      for (const { link } of this.#peers.values()) link[Symbol.dispose]();
      this.#peers.clear();
      this.#core = undefined;
    }

    #host(self: ResourceID): TaskHostCore {
      this.#core ??= new TaskHostCore({
        self,
        definition: requireJobDefinition(definition),
        clock: systemClock,
        objects: () => this.#requireObjects(),
        links: (peer) => this.#link(peer),
      });
      return this.#core;
    }

    #requireObjects(): ObjectStore {
      if (this.#objects === undefined) {
        throw new SluiceException("ILLEGAL_STATE", "the object store can be used during run() only");
      }
      return this.#objects;
    }

    #link(peer: ResourceID): ExchangeLink {
      const known = this.#peers.get(peer);
      if (known === undefined) {
        throw new SluiceException("PARTITION_CONNECTION", `no link to TaskExecutor ${peer} was handed over`);
      }
      return known.link;
    }
  };
}

/** What peers hold of this facet: deliver and credit, nothing else. */
class ExchangeLinkTarget extends RpcTarget implements ExchangeLink {
  readonly #core: TaskHostCore;

  constructor(core: TaskHostCore) {
    super();
    this.#core = core;
  }

  deliver(flush: ExchangeFlush): Promise<readonly CreditGrant[]> {
    return this.#core.deliver(flush);
  }

  credit(grants: readonly CreditGrant[]): Promise<void> {
    return this.#core.credit(grants);
  }
}
