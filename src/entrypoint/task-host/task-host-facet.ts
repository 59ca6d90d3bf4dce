import type { ErrorData } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { CheckpointTrigger, TaskHostReport, TaskHostRunRequest } from "../../runtime/taskexecutor/task-host.ts";
import type { ExchangeLink } from "../../streaming/network/exchange-link.ts";

/** What a call into the user's isolate came to. Errors travel as data: their codes would not survive as exceptions. */
export type Outcome<T> =
  | { readonly kind: "success"; readonly value: T }
  | { readonly kind: "failure"; readonly error: ErrorData };

/**
 * The task host as the TaskExecutor's object sees it: a facet in the isolate of the job's module. Stubs in arguments are valid for the
 * duration of the call, except the link of `addPeer`, which the facet keeps until the next one for the same peer or its end.
 */
export interface TaskHostFacet {
  /** Peers to which the facet has no link of this generation or a later one. */
  missingPeers(self: ResourceID, peers: readonly ResourceID[], generation: number): Promise<readonly ResourceID[]>;
  addPeer(peer: ResourceID, link: ExchangeLink, generation: number): Promise<void>;
  /** The link that peers deliver to. */
  openLink(self: ResourceID): Promise<ExchangeLink>;
  submitTask(self: ResourceID, descriptor: TaskDeploymentDescriptor): Promise<Outcome<void>>;
  cancelTask(attemptId: ExecutionAttemptID): Promise<void>;
  triggerCheckpoint(trigger: CheckpointTrigger): Promise<void>;
  notifyCheckpointComplete(checkpointId: number): Promise<void>;
  notifyCheckpointAborted(checkpointId: number): Promise<void>;
  run(request: TaskHostRunRequest, objects: ObjectStore): Promise<Outcome<TaskHostReport>>;
  /** Lets go of every link, so that nothing keeps this facet or its peers in memory. */
  dispose(): Promise<void>;
}
