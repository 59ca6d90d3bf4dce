import { SluiceException } from "../../common/exceptions.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { decodeManifest, isManifest } from "./commit-manifest.ts";

/** Objects that are loaded before they are asked for: manifests are small, parts are not. */
const MANIFESTS_AHEAD = 16;
const PARTS_AHEAD = 2;

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
  const listed = await objects.list(prefix);
  const keys = listed.map(({ key }) => key).filter((key) => isManifest(key) && !isRead(key, cursor));
  const manifests = inOrder(keys, MANIFESTS_AHEAD, async (key) => ({ key, stored: await objects.get(key) }));
  for await (const { key, stored } of manifests) {
    if (stored === undefined) continue;
    const manifest = decodeManifest(key, stored.bytes);
    const folder = key.slice(0, key.lastIndexOf("/") + 1);
    const parts = inOrder(manifest.parts, PARTS_AHEAD, ({ name }) => linesOf(folder + name, objects));
    for await (const lines of parts) yield* lines;
    cursor.set(writerKey(folder, manifest.writer), manifest.checkpointId);
  }
}

/** The results in the order of the items, of which some are loaded before they are asked for. */
async function* inOrder<T, R>(
  items: readonly T[],
  ahead: number,
  load: (item: T) => Promise<R>,
): AsyncGenerator<Awaited<R>, void, undefined> {
  const loading: Promise<R>[] = [];
  for (let next = 0; next < items.length || loading.length > 0;) {
    for (const item of items.slice(next, next + ahead + 1 - loading.length)) {
      const result = load(item);
      // Whoever takes it hears of it; a reader that leaves before takes it never.
      result.catch(() => undefined);
      loading.push(result);
      next += 1;
    }
    const first = loading.shift();
    if (first !== undefined) yield await first;
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

async function linesOf(key: string, objects: Pick<ObjectStore, "get">): Promise<readonly string[]> {
  const part = await objects.get(key);
  if (part === undefined) throw new SluiceException("NOT_FOUND", `the committed part ${key} does not exist`);
  const text = new TextDecoder().decode(part.bytes);
  return text.split("\n").filter((line) => line !== "");
}
