import { fromErrorData, SluiceException } from "../../common/exceptions.ts";
import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import { isUndelivered } from "../../rpc/heartbeat/heartbeat-monitor.ts";
import type { AssignedSlot } from "../executiongraph/execution.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { TaskDeploymentBatch, TaskRefusal } from "../messages/task-deployment-batch.ts";
import type { TaskDeployment } from "../scheduler/task-deployment.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { TaskManagerTracker } from "./task-manager-tracker.ts";

/** Calls to cancel one attempt before it counts as canceled (CAN-09). */
const CANCEL_TRIES = 3;

export interface TaskOperationsListener {
  onDeployed(attemptIds: readonly ExecutionAttemptID[]): void;
  onDeploymentFailed(attemptId: ExecutionAttemptID, failure: SerializedThrowable): void;
  /** @param reachable whether its TaskExecutor answered at all; if not, its slot is not to be trusted. */
  onCancelFailed(attemptId: ExecutionAttemptID, slot: AssignedSlot | undefined, reachable: boolean): void;
}

/** Deploys and cancels tasks on TaskExecutors. */
export class TaskOperations {
  readonly #services: JobMasterServices;
  readonly #taskManagers: TaskManagerTracker;
  readonly #listener: TaskOperationsListener;

  constructor(services: JobMasterServices, taskManagers: TaskManagerTracker, listener: TaskOperationsListener) {
    this.#services = services;
    this.#taskManagers = taskManagers;
    this.#listener = listener;
  }

  /** One call per TaskExecutor. @param isDeploying whether an attempt is to be deployed still. */
  deploy(deployments: Iterable<TaskDeployment>, isDeploying: (attemptId: ExecutionAttemptID) => boolean): void {
    for (const { location, batch } of deployments) {
      const all = batch.tasks.map(({ attemptId }) => attemptId);
      // An earlier one of these may have failed, and its region with it.
      const attemptIds = all.every(isDeploying) ? all : all.filter(isDeploying);
      if (attemptIds.length === 0) continue;
      const gateway = this.#taskManagers.get(location)?.gateway;
      if (gateway === undefined) {
        const gone = new SluiceException("TASK_SUBMISSION", `TaskExecutor ${location} is not registered any more`);
        this.#deploymentFailed(attemptIds, serializeThrowable(gone, { infrastructure: true }));
        continue;
      }
      this.#services.whenSettled(
        gateway.submitTasks(
          attemptIds.length === batch.tasks.length ? batch : tasksOf(batch, attemptIds),
          this.#services.jobMasterId,
        ),
        (refusals) => this.#onSubmitted(location, attemptIds, refusals),
        (cause) => this.#deploymentFailed(attemptIds, submissionFailure(location, cause)),
      );
    }
  }

  #onSubmitted(
    location: ResourceID,
    attemptIds: readonly ExecutionAttemptID[],
    refusals: readonly TaskRefusal[],
  ): void {
    if (refusals.length === 0) return this.#listener.onDeployed(attemptIds);
    const refused = new Set(refusals.map(({ attemptId }) => attemptId));
    this.#listener.onDeployed(attemptIds.filter((attemptId) => !refused.has(attemptId)));
    for (const { attemptId, error } of refusals) {
      this.#listener.onDeploymentFailed(attemptId, submissionFailure(location, fromErrorData(error)));
    }
  }

  #deploymentFailed(attemptIds: readonly ExecutionAttemptID[], failure: SerializedThrowable): void {
    for (const attemptId of attemptIds) this.#listener.onDeploymentFailed(attemptId, failure);
  }

  /** Best effort: a heartbeat shows whether one is still there (DEP-06). */
  cancelStray(location: ResourceID, attemptIds: readonly ExecutionAttemptID[]): void {
    const gateway = attemptIds.length === 0 ? undefined : this.#taskManagers.get(location)?.gateway;
    if (gateway === undefined) return;
    for (const attemptId of attemptIds) {
      this.#services.whenSettled(gateway.cancelTask(attemptId, this.#services.jobMasterId), ignore, ignore);
    }
  }

  /** @param slotOf where an attempt is to run. */
  cancel(
    attemptIds: readonly ExecutionAttemptID[],
    slotOf: (attemptId: ExecutionAttemptID) => AssignedSlot | undefined,
  ): void {
    for (const attemptId of attemptIds) this.#tryCancel(attemptId, slotOf(attemptId), 1);
  }

  #tryCancel(attemptId: ExecutionAttemptID, slot: AssignedSlot | undefined, tries: number): void {
    const gateway = slot === undefined ? undefined : this.#taskManagers.get(slot.location)?.gateway;
    const gaveUp = (reachable: boolean): undefined => this.#gaveUp(attemptId, slot, reachable);
    if (gateway === undefined) return this.#services.executor.execute(() => gaveUp(false));
    this.#services.whenSettled(gateway.cancelTask(attemptId, this.#services.jobMasterId), ignore, (error) => {
      if (tries < CANCEL_TRIES) this.#tryCancel(attemptId, slot, tries + 1);
      else gaveUp(!isUndelivered(error));
    });
  }

  #gaveUp(attemptId: ExecutionAttemptID, slot: AssignedSlot | undefined, reachable: boolean): undefined {
    this.#listener.onCancelFailed(attemptId, slot, reachable);
  }
}

function tasksOf(batch: TaskDeploymentBatch, attemptIds: readonly ExecutionAttemptID[]): TaskDeploymentBatch {
  const wanted = new Set(attemptIds);
  return { ...batch, tasks: batch.tasks.filter(({ attemptId }) => wanted.has(attemptId)) };
}

function ignore(): void {}

/** DEP-03: the message names the TaskExecutor; one that did not answer is the infrastructure's fault. */
function submissionFailure(location: ResourceID, cause: SluiceException): SerializedThrowable {
  const undelivered = isUndelivered(cause);
  const what = undelivered ? "did not answer the deployment of a task" : "refused a task";
  const error = new SluiceException("TASK_SUBMISSION", `TaskExecutor ${location} ${what}: ${cause.message}`, { cause });
  // A refusal that is retryable says that slots or connections there have changed, nothing against the task.
  return serializeThrowable(error, undelivered || cause.retryable ? { infrastructure: true } : {});
}
