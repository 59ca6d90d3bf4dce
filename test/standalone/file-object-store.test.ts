import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemIds } from "../../src/common/ids.ts";
import { FileObjectStore } from "../../src/entrypoint/standalone/file-object-store.ts";
import { openDatabase } from "../../src/entrypoint/standalone/open-database.ts";
import type { DurableDatabase } from "../../src/entrypoint/standalone/open-database.ts";
import type { ObjectStore } from "../../src/runtime/blob/object-store.ts";
import { InMemoryObjectStore } from "../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const rethrow = (error: unknown): void => {
  throw error;
};

function openStore(folder: string): { readonly objects: FileObjectStore; readonly store: DurableDatabase } {
  const store = openDatabase(join(folder, "index.sqlite"), rethrow);
  const contents = join(folder, "contents");
  return {
    store,
    objects: new FileObjectStore({ folder: contents, store, clock: new ManualClock(7), ids: systemIds }),
  };
}

type Step = (store: ObjectStore) => Promise<unknown>;

const key = fc.constantFrom("a", "a/b", "a%", "A", "../x", "\u{1f600}", "a_b");
const bytes = fc.uint8Array({ maxLength: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(key, bytes).map(
    ([at, content]): Step =>
      async (store) =>
        (await store.put(at, content))?.size,
  ),
  fc.tuple(key, bytes).map(
    ([at, content]): Step =>
      async (store) =>
        (await store.put(at, content, { kind: "if-absent" }))?.size,
  ),
  // By the etag that is there, and by one that is not.
  fc.tuple(key, bytes, fc.boolean()).map(([at, content, right]): Step => async (store) => {
    const etag = right ? ((await store.head(at))?.etag ?? "none") : "another";
    return (await store.put(at, content, { kind: "if-match", etag }))?.size;
  }),
  fc
    .tuple(key, fc.nat(25), fc.option(fc.nat(25), { nil: undefined }))
    .map(([at, offset, length]): Step => async (store) => {
      const found = await store.get(at, { offset, ...(length === undefined ? {} : { length }) });
      return found === undefined ? undefined : [found.size, [...found.bytes]];
    }),
  fc.constantFrom("", "a", "a%", "a/").map(
    (prefix): Step =>
      async (store) =>
        (await store.list(prefix)).map((info) => [info.key, info.size]),
  ),
  fc.array(key, { maxLength: 2 }).map(
    (keys): Step =>
      (store) =>
        store.delete(keys),
  ),
);

describe("the object store in the file system", () => {
  it("answers every sequence of calls as the one in memory does", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        using folder = temporaryFolder();
        const { objects, store } = openStore(folder.path);
        const model = new InMemoryObjectStore(new ManualClock(7));
        for (const run of steps) expect(await run(objects)).toEqual(await run(model));
        store.close();
      }),
      { numRuns: 25 },
    );
  });

  it("lets one of many conditional puts at the same time win", async () => {
    using folder = temporaryFolder();
    const { objects, store } = openStore(folder.path);
    const put = (index: number): Promise<unknown> => objects.put("k", Uint8Array.of(index), { kind: "if-absent" });
    const winners = (await Promise.all([0, 1, 2, 3, 4].map(put))).filter((info) => info !== undefined);
    expect(winners).toHaveLength(1);
    expect(readdirSync(join(folder.path, "contents"))).toHaveLength(1);
    store.close();
  });

  it("is there again after a restart, without what a crash left half done", async () => {
    using folder = temporaryFolder();
    const first = openStore(folder.path);
    await first.objects.put("kept", Uint8Array.of(1, 2, 3));
    first.store.close();
    writeFileSync(join(folder.path, "contents/half.part"), "half");
    writeFileSync(join(folder.path, "contents/orphan"), "no key");
    const second = openStore(folder.path);
    expect((await second.objects.get("kept"))?.bytes).toEqual(Uint8Array.of(1, 2, 3));
    expect(readdirSync(join(folder.path, "contents"))).toHaveLength(1);
    second.store.close();
  });

  it("gives a reader the old content or the new one, never half of one", async () => {
    using folder = temporaryFolder();
    const { objects, store } = openStore(folder.path);
    await objects.put("k", new Uint8Array(1_000).fill(0));
    const reads = Array.from({ length: 20 }, () => objects.get("k"));
    const writes = Array.from({ length: 20 }, (_, index) => objects.put("k", new Uint8Array(1_000).fill(index)));
    for (const found of await Promise.all(reads)) expect(new Set(found?.bytes).size).toBe(1);
    await Promise.all(writes);
    store.close();
  });
});
