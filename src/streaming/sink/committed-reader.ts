import { SluiceException } from "../../common/exceptions.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { decodeManifest, isManifest } from "./commit-manifest.ts";

/** How far a reader has come: the last checkpoint read of each writer. Plain data of the reader's, empty at first. */
export type CommitCursor = Map<string, number>;

/**
 * The committed lines under `prefix`, without their newlines: manifests by name, which is by checkpoint within each folder, and
 * each one's parts in order. `cursor` moves behind a manifest when its last line was taken; called again with it, the reader gives
 * what was committed since. Writers commit their checkpoints in order, so nothing is missed.
 *
 * @param prefix a sink's folder, or one above several; absolute or relative as `objects` sees keys.
 * @throws NOT_FOUND if a part that a manifest names is gone.
 */
export async function* readCommitted(
  objects: Pick<ObjectStore, "get" | "list">,
  prefix: string,
  cursor: CommitCursor = new Map(),
): AsyncGenerator<string, void, undefined> {
  for (const { key } of await objects.list(prefix)) {
    if (!isManifest(key) || isRead(key, cursor)) continue;
    const stored = await objects.get(key);
    if (stored === undefined) continue;
    const manifest = decodeManifest(key, stored.bytes);
    const folder = key.slice(0, key.lastIndexOf("/") + 1);
    for (const part of manifest.parts) yield* linesOf(folder + part.name, objects);
    cursor.set(writerKey(folder, manifest.writer), manifest.checkpointId);
  }
}

/** Decided by the name, so that what was read before costs no request. */
function isRead(key: string, cursor: CommitCursor): boolean {
  const folder = key.slice(0, key.lastIndexOf("/") + 1);
  const [, checkpoint = "", writer = ""] = /^manifest-(\d+)-(.+)\.json$/.exec(key.slice(folder.length)) ?? [];
  return Number(checkpoint) <= (cursor.get(writerKey(folder, writer)) ?? 0);
}

function writerKey(folder: string, writer: string): string {
  return `${folder}${writer}`;
}

async function* linesOf(key: string, objects: Pick<ObjectStore, "get">): AsyncGenerator<string, void, undefined> {
  const part = await objects.get(key);
  if (part === undefined) throw new SluiceException("NOT_FOUND", `the committed part ${key} does not exist`);
  const text = new TextDecoder().decode(part.bytes);
  yield* text.split("\n").filter((line) => line !== "");
}
