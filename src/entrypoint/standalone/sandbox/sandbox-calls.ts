import type { ResourceID } from "../../../common/ids.ts";
import type { ObjectStore } from "../../../runtime/blob/object-store.ts";
import type { JobGraph, JobModuleReference } from "../../../runtime/jobgraph/job-graph.ts";
import type { GraphExtractionRequest } from "../../../runtime/jobgraph/job-module-inspector.ts";
import type { TaskHost } from "../../../runtime/taskexecutor/task-host.ts";
import type { CreditGrant, ExchangeFlush, ExchangeLink } from "../../../streaming/network/exchange-link.ts";

/** What the host calls in a sandbox: first `load`, then the rest. Tasks are those of one TaskExecutor. */
export interface SandboxCalls extends TaskHost, ExchangeLink {
  /** What of the host is within reach in there; empty if nothing is. */
  reach(): Promise<readonly string[]>;
  /** @returns the job's name. @throws INVALID_PROGRAM naming the fault of the module. */
  load(text: string, name: string): Promise<string>;
  extractGraph(module: JobModuleReference, request: GraphExtractionRequest): Promise<JobGraph>;
  /** Before the first call of a task. */
  startTasks(self: ResourceID): Promise<void>;
}

export const SANDBOX_METHODS: readonly (keyof SandboxCalls)[] = [
  "reach",
  "load",
  "extractGraph",
  "startTasks",
  "submitTask",
  "cancelTask",
  "triggerCheckpoint",
  "notifyCheckpointComplete",
  "notifyCheckpointAborted",
  "run",
  "deliver",
  "credit",
];

/** What a sandbox can call in the host, and all that it can do outside of itself. */
export interface HostCalls extends ObjectStore {
  /** @param link the sandbox's name of the connection: each leads to the peer's tasks as they were at its first call. */
  deliverTo(peer: ResourceID, link: number, flush: ExchangeFlush): Promise<readonly CreditGrant[]>;
  creditTo(peer: ResourceID, link: number, grants: readonly CreditGrant[]): Promise<void>;
}

export const HOST_METHODS: readonly (keyof HostCalls)[] = [
  "get",
  "head",
  "put",
  "list",
  "delete",
  "deliverTo",
  "creditTo",
];
