import type { JobID, OperatorID } from "../../common/ids.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";

/** A sink as the graph knows it (Flink `Sink` with two-phase commit). */
export interface Sink<T> {
  readonly name: string;
  /** Canonical description for the graph's hash. */
  readonly description: string;
  createWriter(context: SinkWriterContext<T>): SinkWriter<T>;
}

export interface SinkWriterContext<T> {
  readonly jobId: JobID;
  readonly operatorId: OperatorID;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** Rises with every restart of the job: output of different attempts never shares a name. */
  readonly attemptNumber: number;
  readonly type: TypeInformation<T>;
  readonly restored: readonly NonNullable<OperatorSnapshot["operator"]>[];
}

/**
 * One subtask's writer. Writing is synchronous; I/O happens in `stage` and `commit`, which the task host awaits.
 *
 * At a barrier the host calls `prepareCommit(id)`, takes the rest of the chain's state in the same synchronous stretch
 * with `snapshotState`, then awaits `stage` before it acknowledges. `commit(id)` makes everything staged up to a
 * completed checkpoint visible; it is repeated after a restore, so it is idempotent.
 */
export interface SinkWriter<T> {
  write(value: T, timestamp: number | undefined): void;
  /** Closes what was written since the last barrier under this checkpoint's id. */
  prepareCommit(checkpointId: number): void;
  /** Everything staged or being staged, and not known to be committed. */
  snapshotState(): NonNullable<OperatorSnapshot["operator"]>;
  /** Puts closed parts under their deterministic names. Repeatable. */
  stage(objects: ObjectStore): Promise<void>;
  /** Commits all parts of checkpoints up to this id. Repeatable; a part that is committed already stays as it is. */
  commit(checkpointId: number, objects: ObjectStore): Promise<void>;
  /** Bytes held in memory and not staged; the host applies back-pressure above its limit. */
  bufferedBytes(): number;
}
