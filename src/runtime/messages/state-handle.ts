/**
 * Where a subtask's snapshot (snapshot format v1) lies: inside the acknowledgement up to
 * {@link INLINE_STATE_LIMIT_BYTES}, else in one object of the object store.
 */
export type StateHandle =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  | { readonly kind: "object"; readonly key: string; readonly size: number };

export const INLINE_STATE_LIMIT_BYTES = 20 * 1024;

export function stateSize(handle: StateHandle | undefined): number {
  if (handle === undefined) return 0;
  return handle.kind === "inline" ? handle.bytes.byteLength : handle.size;
}
