import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { RequestOutcome } from "../checkpoint/checkpoint-messages.ts";
import type { AwaitedRequest, SavepointRequest } from "../checkpoint/checkpoint-request.ts";
import type { StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import { SnapshotLocation } from "../checkpoint/snapshot-location.ts";
import type { JobStatus } from "../messages/job-status.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import {
  isExpired,
  type SnapshotOperation,
  type SnapshotOperationInfo,
  type SnapshotOperationStatus,
} from "../messages/snapshot-operations.ts";
import type { JobMasterServices } from "./job-master-services.ts";
import type { JobMasterStorage, StoredOperation } from "./job-master-storage.ts";

export interface SavepointOperationsListener {
  /** Hands the request to the checkpoint coordinator. @returns false if the job has none yet. */
  onRequest(request: AwaitedRequest): boolean;
  onCancel(): void;
  /** All tasks are ending: a failure of a task from here on ends the job with this failure instead of a restart (SVP-08). */
  onStopping(
    savepoint: StoredCheckpoint,
    stop: { readonly location: string; readonly failure: SerializedThrowable },
  ): void;
}

const NAME_ID_CHARACTERS = 6;
const NAME_RANDOM_CHARACTERS = 12;

/**
 * The checkpoints and savepoints somebody asked for, from the request to its outcome. Rows change with the turn that
 * decides; a loss of memory fails what is in progress, and its caller asks again (SVP-04).
 */
export class SavepointOperations {
  readonly #services: Pick<JobMasterServices, "clock" | "ids">;
  readonly #storage: JobMasterStorage;
  readonly #jobId: JobID;
  readonly #listener: SavepointOperationsListener;

  constructor(
    parts: {
      readonly services: Pick<JobMasterServices, "clock" | "ids">;
      readonly storage: JobMasterStorage;
      readonly jobId: JobID;
    },
    listener: SavepointOperationsListener,
  ) {
    this.#services = parts.services;
    this.#storage = parts.storage;
    this.#jobId = parts.jobId;
    this.#listener = listener;
  }

  /** What the job leaves behind. */
  get all(): readonly SnapshotOperationInfo[] {
    return this.#storage.operations.map(({ triggerId, status }) => ({ triggerId, status }));
  }

  get anyInProgress(): boolean {
    return this.#inProgress().length > 0;
  }

  /** Whatever an earlier life of the JobMaster had begun has failed, unless its savepoint is complete. */
  recover(): void {
    for (const operation of this.#inProgress()) {
      if (operation.stoppedAt !== undefined) continue;
      this.#end(operation, this.#failed("the JobMaster lost its memory while it was in progress; ask again"));
    }
  }

  /** Begins the operation, or says how the one of this id stands. */
  trigger(triggerId: string, operation: SnapshotOperation): SnapshotOperationStatus {
    this.#discardExpired();
    const known = this.#storage.operation(triggerId);
    if (known !== undefined) return known.status;
    const begun: StoredOperation = { triggerId, operation, status: { kind: "in-progress" } };
    const refusal = this.#refusalOf();
    if (refusal !== undefined) {
      this.#end(begun, refusal);
      return refusal;
    }
    this.#storage.putOperation(begun);
    const request = this.#requestOf(triggerId, operation);
    if (!this.#listener.onRequest(request)) this.#end(begun, this.#failed("the job does not run yet"));
    return this.#storage.operation(triggerId)?.status ?? begun.status;
  }

  /** The coordinator has an outcome. */
  settle(request: AwaitedRequest, outcome: RequestOutcome): void {
    const operation = this.#storage.operation(request.requestId);
    if (operation?.status.kind !== "in-progress") return;
    const { clock } = this.#services;
    if (outcome.kind === "failed") {
      return this.#end(operation, { kind: "failed", failure: outcome.failure, endedMillis: clock.now() });
    }
    const { checkpointId } = outcome.checkpoint;
    const location = request.kind === "savepoint" ? nameOf(request) : `jobs/${this.#jobId}/chk-${checkpointId}`;
    if (request.kind === "savepoint" && request.afterwards !== "go-on" && request.afterwards !== "cancel") {
      this.#storage.putOperation({ ...operation, stoppedAt: { checkpointId, location } });
      return this.#listener.onStopping(outcome.checkpoint, { location, failure: stoppedButFailed(location) });
    }
    this.#end(operation, { kind: "completed", checkpointId, location, endedMillis: clock.now() });
    if (request.kind === "savepoint" && request.afterwards === "cancel") this.#listener.onCancel();
  }

  /** SVP-06, SVP-08: the job has ended, with all tasks or otherwise. */
  onJobTerminated(status: JobStatus): void {
    for (const operation of this.#inProgress()) {
      const { stoppedAt } = operation;
      if (stoppedAt === undefined) this.#end(operation, this.#failed(`the job ended before: ${status}`));
      else if (status === "FINISHED") {
        this.#end(operation, { kind: "completed", ...stoppedAt, endedMillis: this.#services.clock.now() });
      } else {
        const failure = stoppedButFailed(stoppedAt.location);
        this.#end(operation, { kind: "failed", failure, endedMillis: this.#services.clock.now() });
      }
    }
  }

  #requestOf(triggerId: string, operation: SnapshotOperation): AwaitedRequest {
    if (operation.kind === "checkpoint") return { kind: "manual", requestId: triggerId };
    const { targetDirectory, afterwards } = operation;
    const random = this.#services.ids.hex().slice(0, NAME_RANDOM_CHARACTERS);
    const name = `savepoint-${this.#jobId.slice(0, NAME_ID_CHARACTERS)}-${random}`;
    const { directory } = SnapshotLocation.newSavepoint(targetDirectory, name);
    return { kind: "savepoint", requestId: triggerId, directory, afterwards };
  }

  /** A job that is about to end with a savepoint ends with that one; its tasks take no other. */
  #refusalOf(): SnapshotOperationStatus | undefined {
    const ending = this.#inProgress().find(
      ({ operation }) => operation.kind === "savepoint" && operation.afterwards !== "go-on",
    );
    return ending && this.#failed(`the job is about to end with the savepoint of operation ${ending.triggerId}`);
  }

  #inProgress(): readonly StoredOperation[] {
    return this.#storage.operations.filter(({ status }) => status.kind === "in-progress");
  }

  #end(operation: StoredOperation, status: SnapshotOperationStatus): void {
    this.#storage.putOperation({ ...operation, status });
  }

  #failed(reason: string): SnapshotOperationStatus & { readonly kind: "failed" } {
    const failure = serializeThrowable(new SluiceException("CHECKPOINT", reason));
    return { kind: "failed", failure, endedMillis: this.#services.clock.now() };
  }

  #discardExpired(): void {
    const now = this.#services.clock.now();
    for (const { triggerId, status } of this.#storage.operations) {
      if (isExpired(status, now)) this.#storage.deleteOperation(triggerId);
    }
  }
}

function nameOf({ directory }: SavepointRequest): string {
  return directory.slice(0, -1);
}

function stoppedButFailed(location: string): SerializedThrowable {
  const message =
    `the savepoint ${location} is complete, but the job failed while it was stopping. ` +
    "Start a job from the savepoint: what the tasks had not committed yet is committed then.";
  return serializeThrowable(new SluiceException("CHECKPOINT", message), { nonRecoverable: true });
}
