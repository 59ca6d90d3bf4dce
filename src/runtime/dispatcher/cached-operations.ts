import { ACKNOWLEDGE, type Acknowledge } from "../../common/acknowledge.ts";
import { SluiceException, type ExceptionCode } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { Later } from "../../rpc/later.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import { isExpired, type SnapshotOperation, type SnapshotOperationStatus } from "../messages/snapshot-operations.ts";
import { storedValue } from "../stored-value.ts";
import type { DispatcherServices } from "./dispatcher-services.ts";

/** Names an operation: the trigger id of one job says nothing about another's (contract: rest-v1 6.2). */
export interface OperationKey {
  readonly jobId: JobID;
  readonly triggerId: string;
}

interface CachedOperation extends OperationKey {
  readonly operation: SnapshotOperation;
  readonly createdMillis: number;
  /** Whether the JobMaster has taken it: it is not sent again, since an old one might be begun anew. */
  readonly delivered: boolean;
  readonly status: SnapshotOperationStatus;
}

const PREFIX = "operation/";
const OPERATION = storedValue<CachedOperation>();
/** An operation that has not reached its JobMaster by then has failed. */
const DELIVERY_TIMEOUT_MILLIS = 60_000;

/**
 * The checkpoints and savepoints somebody asked for (Flink `DispatcherCachedOperationsHandler`). Idempotent by the key; the
 * outcome is kept for five minutes and expires when it is read. Nothing here runs by itself: who asks for the status makes
 * the Dispatcher ask the JobMaster.
 */
export class CachedOperations {
  readonly #services: DispatcherServices;
  readonly #storage: EndpointStorage;

  constructor(services: DispatcherServices, storage: EndpointStorage) {
    this.#services = services;
    this.#storage = storage;
  }

  /** Acknowledged for any job: that there is none is the outcome. */
  trigger(key: OperationKey, operation: SnapshotOperation): Acknowledge | Later<Acknowledge> {
    const { jobs, results, clock, ask } = this.#services;
    this.#discardExpired();
    const { kind } = operation;
    if (this.#get(kind, key) !== undefined) return ACKNOWLEDGE;
    const status = { kind: "in-progress" } as const;
    const cached: CachedOperation = { ...key, operation, createdMillis: clock.now(), delivered: false, status };
    const result = results.get(key.jobId);
    if (result !== undefined) this.#fail(cached, "CHECKPOINT", `job ${key.jobId} has ended: ${result.status}`);
    else if (jobs.get(key.jobId) === undefined || results.isExpired(key.jobId)) {
      this.#fail(cached, "JOB_NOT_FOUND", `job ${key.jobId} does not exist`);
    } else {
      this.#put(cached);
      return ask<SnapshotOperationStatus, Acknowledge>(
        this.#send(cached),
        (outcome) => {
          this.#put({ ...cached, delivered: true, status: outcome });
          return ACKNOWLEDGE;
        },
        // Whoever asks for its status sends it again.
        () => ACKNOWLEDGE,
      );
    }
    return ACKNOWLEDGE;
  }

  /** `undefined`: no such operation, or it has expired. */
  status(
    kind: SnapshotOperation["kind"],
    key: OperationKey,
  ): SnapshotOperationStatus | undefined | Later<SnapshotOperationStatus | undefined> {
    const { results, clock, ask } = this.#services;
    const cached = this.#get(kind, key);
    if (cached?.status.kind !== "in-progress") return cached?.status;
    const result = results.getInfo(key.jobId);
    if (result !== undefined) {
      const left = result.operations?.find(({ triggerId }) => triggerId === key.triggerId);
      if (left === undefined) return this.#fail(cached, "CHECKPOINT", `the job ended before: ${result.status}`);
      return this.#put({ ...cached, status: left.status });
    }
    if (!cached.delivered && clock.now() - cached.createdMillis > DELIVERY_TIMEOUT_MILLIS) {
      return this.#fail(cached, "TIMEOUT", "the JobMaster of the job did not answer in time");
    }
    return ask<SnapshotOperationStatus | undefined, SnapshotOperationStatus>(
      cached.delivered ? this.#ask(cached) : this.#send(cached),
      (status) => {
        if (status === undefined) return this.#fail(cached, "NOT_FOUND", "its outcome is not known any more");
        return this.#put({ ...cached, delivered: true, status });
      },
      () => cached.status,
    );
  }

  #send({ jobId, triggerId, operation }: CachedOperation): Promise<SnapshotOperationStatus> {
    const jobMaster = this.#services.jobMaster(jobId);
    if (operation.kind === "checkpoint") return jobMaster.triggerCheckpoint(triggerId);
    const { targetDirectory, afterwards } = operation;
    return afterwards === "go-on" || afterwards === "cancel"
      ? jobMaster.triggerSavepoint(triggerId, targetDirectory, afterwards === "cancel")
      : jobMaster.stopWithSavepoint(triggerId, targetDirectory, afterwards === "drain");
  }

  #ask({ jobId, triggerId }: CachedOperation): Promise<SnapshotOperationStatus | undefined> {
    return this.#services.jobMaster(jobId).requestSnapshotOperation(triggerId);
  }

  #fail(cached: CachedOperation, code: ExceptionCode, message: string): SnapshotOperationStatus {
    const failure = serializeThrowable(new SluiceException(code, message));
    return this.#put({ ...cached, status: { kind: "failed", failure, endedMillis: this.#services.clock.now() } });
  }

  #get(kind: SnapshotOperation["kind"], key: OperationKey): CachedOperation | undefined {
    const cached = this.#storage.get(keyOf(kind, key), OPERATION);
    return cached === undefined || isExpired(cached.status, this.#services.clock.now()) ? undefined : cached;
  }

  #put(cached: CachedOperation): SnapshotOperationStatus {
    this.#storage.put(keyOf(cached.operation.kind, cached), cached);
    return cached.status;
  }

  #discardExpired(): void {
    const now = this.#services.clock.now();
    for (const [key, { status }] of this.#storage.list(PREFIX, OPERATION)) {
      if (isExpired(status, now)) this.#storage.delete(key);
    }
  }
}

/** Checkpoints and savepoints are separate stores. */
function keyOf(kind: SnapshotOperation["kind"], { jobId, triggerId }: OperationKey): string {
  return `${PREFIX}${kind}/${jobId}/${triggerId}`;
}
