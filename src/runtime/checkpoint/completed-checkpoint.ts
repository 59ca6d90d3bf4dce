import type { JobVertexID, OperatorID } from "../../common/ids.ts";
import type { Producer } from "../messages/pushed-records.ts";
import type { StateHandle } from "../messages/state-handle.ts";

/** One subtask's part of a checkpoint. */
export interface SubtaskSnapshot {
  /** It had ended before the checkpoint began; its state is the one of its last checkpoint (CP-08). */
  readonly finished: boolean;
  /** Absent for a stateless subtask. */
  readonly state?: StateHandle;
  /** Records a source subtask has read as of this checkpoint. */
  readonly sourcePosition?: number;
}

/** An operator as it was when the checkpoint was taken. */
export interface OperatorInSnapshot {
  readonly id: OperatorID;
  readonly name: string;
  /** Whether the handles may hold state of it. */
  readonly stateful: boolean;
}

/** One vertex's part of a checkpoint; the operators key the state inside the handles. */
export interface VertexSnapshot {
  readonly jobVertexId: JobVertexID;
  readonly operators: readonly OperatorInSnapshot[];
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** By subtask index. */
  readonly subtasks: readonly SubtaskSnapshot[];
}

/** Everything a checkpoint holds: what its `_metadata` object contains (Flink `CompletedCheckpoint`). */
export interface CompletedCheckpoint {
  readonly checkpointId: number;
  /** Absent: a checkpoint. */
  readonly savepoint?: boolean;
  readonly triggerTimestampMillis: number;
  /** When the last acknowledgement came. */
  readonly completionTimestampMillis: number;
  /** Bytes of state, inline and in objects. */
  readonly stateSize: number;
  readonly vertices: readonly VertexSnapshot[];
  /** Of a savepoint that holds all that was sent to its job: the last batch of each sender. */
  readonly producers?: readonly ProducerInSnapshot[];
}

/** What a sender had sent to a source of the job. */
export interface ProducerInSnapshot extends Producer {
  readonly inlet: string;
}

/** A checkpoint whose metadata is durable. */
export interface StoredCheckpoint extends CompletedCheckpoint {
  /** Key of the `_metadata` object in the store, and its etag. */
  readonly pointer: string;
  readonly etag: string;
  /** The job started from it without claiming it: it is never deleted (RST-03). */
  readonly unclaimed?: boolean;
}

/** Whether it is a checkpoint of the job whose objects begin with `prefix`; a savepoint is nobody's. */
export function isCheckpointOf(prefix: string, { pointer }: Pick<StoredCheckpoint, "pointer">): boolean {
  return pointer.startsWith(prefix);
}

/** Records all sources together had read. */
export function sourcePositionOf(checkpoint: CompletedCheckpoint): number {
  let position = 0;
  for (const { subtasks } of checkpoint.vertices)
    for (const subtask of subtasks) position += subtask.sourcePosition ?? 0;
  return position;
}

/** Keys of the state objects a checkpoint refers to. */
export function stateKeysOf(checkpoint: CompletedCheckpoint): readonly string[] {
  const keys: string[] = [];
  for (const { subtasks } of checkpoint.vertices) {
    for (const { state } of subtasks) if (state?.kind === "object") keys.push(state.key);
  }
  return keys;
}
