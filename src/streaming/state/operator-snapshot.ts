import type { OperatorID } from "../../common/ids.ts";
import type { SerializerSnapshot } from "../../common/types/type-information.ts";

/** One operator's state in one subtask's snapshot. */
export interface OperatorSnapshot {
  readonly operatorId: OperatorID;
  /** Keyed state by key group; only groups that hold something. */
  readonly keyed?: KeyedSnapshot;
  /** State of the subtask itself: source positions, a sink's pending output. */
  readonly operator?: { readonly serializer: SerializerSnapshot; readonly bytes: Uint8Array };
}

export interface KeyedSnapshot {
  readonly keySerializer: SerializerSnapshot;
  /** Scheme that hashed keys to groups; a snapshot is only readable under the same. */
  readonly keyHash: "flink-v1";
  /** Number of key groups; it cannot change while the state lives. */
  readonly maxParallelism: number;
  /** Serializers of the named states. */
  readonly states: readonly { readonly name: string; readonly serializer: SerializerSnapshot }[];
  readonly groups: readonly { readonly keyGroup: number; readonly bytes: Uint8Array }[];
}
