import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { JobObjectStore } from "../../../src/runtime/blob/job-object-store.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";

const JOB = brandId<JobID>("a".repeat(32));
const OTHER = brandId<JobID>("b".repeat(32));
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const clock = { now: () => 42 };

describe("InMemoryObjectStore", () => {
  it("puts, gets, lists in order, and deletes again and again", async () => {
    const store = new InMemoryObjectStore(clock);
    for (const key of ["b/2", "a/1", "b/1"]) await store.put(key, bytes(1, 2, 3));
    expect((await store.list("b/")).map(({ key }) => key)).toEqual(["b/1", "b/2"]);
    expect(await store.head("a/1")).toMatchObject({ key: "a/1", size: 3, uploadedMillis: 42 });
    await store.delete(["a/1", "b/1", "none"]);
    await store.delete(["a/1"]);
    expect(await store.get("a/1")).toBeUndefined();
    expect(await store.head("a/1")).toBeUndefined();
    expect((await store.list("")).map(({ key }) => key)).toEqual(["b/2"]);
  });

  it("clips ranges to the object", async () => {
    const store = new InMemoryObjectStore(clock);
    await store.put("key", bytes(0, 1, 2, 3));
    const range = async (offset: number, length?: number): Promise<readonly number[]> => [
      ...((await store.get("key", length === undefined ? { offset } : { offset, length }))?.bytes ?? []),
    ];
    expect(await range(1, 2)).toEqual([1, 2]);
    expect(await range(2)).toEqual([2, 3]);
    expect(await range(3, 10)).toEqual([3]);
    expect(await range(9, 1)).toEqual([]);
  });

  it("puts under conditions, or not at all", async () => {
    const store = new InMemoryObjectStore(clock);
    const first = await store.put("key", bytes(1), { kind: "if-absent" });
    expect(await store.put("key", bytes(2), { kind: "if-absent" })).toBeUndefined();
    const second = await store.put("key", bytes(3), { kind: "if-match", etag: first?.etag ?? "" });
    expect(second?.etag).not.toBe(first?.etag);
    expect(await store.put("key", bytes(4), { kind: "if-match", etag: first?.etag ?? "" })).toBeUndefined();
    expect(await store.put("none", bytes(5), { kind: "if-match", etag: "etag" })).toBeUndefined();
    expect([...((await store.get("key"))?.bytes ?? [])]).toEqual([3]);
  });

  it("shares no bytes with its callers", async () => {
    const store = new InMemoryObjectStore(clock);
    const given = bytes(1);
    await store.put("key", given);
    given[0] = 9;
    const got = await store.get("key");
    if (got !== undefined) got.bytes[0] = 8;
    expect([...((await store.get("key"))?.bytes ?? [])]).toEqual([1]);
  });
});

describe("JobObjectStore", () => {
  it("maps the three spaces of a job, and shows keys as the job knows them", async () => {
    const store = new InMemoryObjectStore(clock);
    const view = new JobObjectStore(store, "default", JOB);
    for (const key of ["objects/in.ndjson", "state/chk-1/v-0", "results/rows/part"]) {
      expect(await view.put(key, bytes(1))).toMatchObject({ key });
      expect(await view.get(key)).toMatchObject({ key });
      expect(await view.head(key)).toMatchObject({ key });
      expect((await view.list(key)).map((info) => info.key)).toEqual([key]);
    }
    expect((await store.list("")).map(({ key }) => key)).toEqual([
      `v1/default/jobs/${JOB}/chk-1/v-0`,
      `v1/default/jobs/${JOB}/results/rows/part`,
      "v1/default/objects/in.ndjson",
    ]);
    await view.delete(["state/chk-1/v-0"]);
    expect(await view.head("state/chk-1/v-0")).toBeUndefined();
  });

  it("reads savepoints and other jobs of the cluster, writes savepoints and results, deletes neither", async () => {
    const store = new InMemoryObjectStore(clock);
    const view = new JobObjectStore(store, "default", JOB);
    const refused = { code: "INVALID_ARGUMENT", message: expect.stringContaining("object key") as string };
    await store.put(`v1/default/jobs/${OTHER}/chk-1/v-0`, bytes(1));
    expect(await view.head(`jobs/${OTHER}/chk-1/v-0`)).toMatchObject({ size: 1 });
    await expect(view.put(`jobs/${OTHER}/chk-1/v-0`, bytes(2))).rejects.toMatchObject(refused);
    await view.put(`jobs/${OTHER}/results/rows/manifest`, bytes(2));
    await view.put("savepoints/one/v-0", bytes(3));
    for (const key of [`jobs/${OTHER}/results/rows/manifest`, "savepoints/one/v-0"]) {
      expect(await store.head(`v1/default/${key}`)).toMatchObject({ size: 1 });
      await expect(view.delete([key])).rejects.toMatchObject(refused);
    }
  });

  it.each([
    "",
    "chk-1",
    "/objects/x",
    "v1/default/modules/m.js",
    "objects/../modules/m.js",
    `state/../${OTHER}/chk-1`,
    "results/..",
  ])("refuses %j, which is nothing of the job's", async (key) => {
    const view = new JobObjectStore(new InMemoryObjectStore(clock), "default", JOB);
    const attempts: readonly Promise<unknown>[] = [
      view.get(key),
      view.head(key),
      view.put(key, bytes(1)),
      view.list(key),
      view.delete([key]),
    ];
    for (const outcome of await Promise.allSettled(attempts)) expect(outcome.status).toBe("rejected");
  });
});
