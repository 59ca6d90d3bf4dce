import type { ScheduledCallback } from "../../common/clock.ts";
import { milliseconds } from "../../common/duration.ts";
import type { DispatcherGateway } from "../dispatcher/dispatcher-gateway.ts";
import type { ExecutionGraphInfo } from "../messages/execution-graph-info.ts";
import type { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { HandoverState, JobMasterStorage } from "./job-master-storage.ts";

const INITIAL_RETRY_MILLIS = 1_000;
const MAX_RETRY_MILLIS = 60_000;

export interface HandoverPeers {
  readonly dispatcher: DispatcherGateway;
  readonly resourceManager: ResourceManagerGateway;
}

/**
 * Tells Dispatcher and ResourceManager that the job has ended, each until it acknowledges (HA-07, HB-07). What was
 * acknowledged is stored, so that a later life of the JobMaster tells only the rest.
 */
export class TerminalHandover {
  readonly #services: JobMasterServices;
  readonly #storage: JobMasterStorage;
  readonly #peers: HandoverPeers;
  readonly #retries = new Set<ScheduledCallback>();

  constructor(services: JobMasterServices, storage: JobMasterStorage, peers: HandoverPeers) {
    this.#services = services;
    this.#storage = storage;
    this.#peers = peers;
  }

  /** @param onDone both have acknowledged. */
  start(info: ExecutionGraphInfo, onDone: () => void): void {
    const { jobMasterId } = this.#services;
    const { dispatcher, resourceManager } = this.#peers;
    const { handover } = this.#storage;
    const calls = {
      dispatcher: () => dispatcher.jobReachedTerminalState(jobMasterId, info),
      resourceManager: () => resourceManager.disconnectJobManager(info.jobId, jobMasterId, info.status),
    };
    for (const peer of ["resourceManager", "dispatcher"] as const) {
      if (!handover[peer]) this.#tell(peer, { call: calls[peer], delayMillis: INITIAL_RETRY_MILLIS, onDone });
    }
    if (isDone(handover)) onDone();
  }

  /** Nothing is told any more. */
  stop(): void {
    for (const retry of this.#retries) retry.cancel();
    this.#retries.clear();
  }

  #tell(
    peer: keyof HandoverState,
    attempt: { readonly call: () => Promise<unknown>; readonly delayMillis: number; readonly onDone: () => void },
  ): void {
    const { whenSettled, executor, log } = this.#services;
    const acknowledged = (): void => {
      const state = { ...this.#storage.handover, [peer]: true };
      this.#storage.putHandover(state);
      if (isDone(state)) attempt.onDone();
    };
    whenSettled(attempt.call(), acknowledged, (error) => {
      log.warn("the end of the job was not acknowledged", { peer, reason: error.message });
      const retry = executor.schedule(() => {
        this.#retries.delete(retry);
        this.#tell(peer, { ...attempt, delayMillis: Math.min(attempt.delayMillis * 2, MAX_RETRY_MILLIS) });
        return undefined;
      }, milliseconds(attempt.delayMillis));
      this.#retries.add(retry);
    });
  }
}

function isDone(state: HandoverState): boolean {
  return state.dispatcher && state.resourceManager;
}
