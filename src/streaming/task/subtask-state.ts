import { SluiceException } from "../../common/exceptions.ts";
import type { OperatorID } from "../../common/ids.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { INLINE_STATE_LIMIT_BYTES, type StateHandle } from "../../runtime/messages/state-handle.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";
import { keyGroupRangeOf } from "../state/key-group-assignment.ts";
import { encodeSnapshot, readSnapshot, snapshotInMemory, type SnapshotBytes } from "../state/snapshot-format.ts";
import type { RestoredSnapshot, RestoredState } from "./operator-chain.ts";

/** One subtask's snapshot as bytes; `undefined` if no operator has state. */
export function encodeSubtaskState(snapshots: readonly OperatorSnapshot[]): Uint8Array | undefined {
  return snapshots.length === 0 ? undefined : encodeSnapshot(snapshots);
}

/** Small state travels in the acknowledgement, larger state is one object under `key`. */
export async function storeSubtaskState(
  state: Uint8Array | undefined,
  target: { readonly objects: ObjectStore; readonly key: string },
): Promise<StateHandle | undefined> {
  if (state === undefined) return undefined;
  if (state.byteLength <= INLINE_STATE_LIMIT_BYTES) return { kind: "inline", bytes: state };
  await target.objects.put(target.key, state);
  return { kind: "object", key: target.key, size: state.byteLength };
}

/**
 * The snapshots that `descriptor` starts from; of keyed state only the subtask's own key groups are read.
 *
 * @throws NOT_FOUND naming the object if a snapshot is gone.
 */
export async function loadRestoredState(
  descriptor: TaskDeploymentDescriptor,
  objects: ObjectStore,
): Promise<RestoredState> {
  const { restore, subtaskIndex, parallelism, maxParallelism } = descriptor;
  const keyGroups = keyGroupRangeOf(subtaskIndex, parallelism, maxParallelism);
  const byOperator = new Map<OperatorID, RestoredSnapshot[]>();
  const handles = [
    ...(restore?.state ?? []).map((handle) => ({ handle, owned: true })),
    ...(restore?.shared ?? []).map((handle) => ({ handle, owned: false })),
  ];
  for (const { handle, owned } of handles) {
    for (const snapshot of await readSnapshot(bytesOf(handle, objects), keyGroups)) {
      const { operatorId } = snapshot;
      byOperator.set(operatorId, [...(byOperator.get(operatorId) ?? []), { snapshot, owned }]);
    }
  }
  return byOperator;
}

function bytesOf(handle: StateHandle, objects: ObjectStore): SnapshotBytes {
  if (handle.kind === "inline") return snapshotInMemory(handle.bytes);
  return {
    size: handle.size,
    read: async (offset, length) => {
      const object = await objects.get(handle.key, { offset, length });
      if (object === undefined) {
        throw new SluiceException("NOT_FOUND", `the checkpointed state ${handle.key} does not exist`);
      }
      return object.bytes;
    },
  };
}
