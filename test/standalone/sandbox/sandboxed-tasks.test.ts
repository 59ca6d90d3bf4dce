import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import type { ResourceID } from "../../../src/common/ids.ts";
import type { HostCalls } from "../../../src/entrypoint/standalone/sandbox/sandbox-calls.ts";
import { hostCalls } from "../../../src/entrypoint/standalone/sandbox/sandboxed-tasks.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

const FLUSH = { deliveries: [], grants: [] };
const peer = (name: string): ResourceID => brandId<ResourceID>(name);

const setUp = () => {
  const linked: string[] = [];
  const calls: HostCalls = hostCalls({
    self: peer("job1-te-0"),
    objects: new InMemoryObjectStore(new ManualClock()),
    links: (to) => {
      linked.push(to);
      return { deliver: async () => [], credit: async () => undefined };
    },
  });
  return { calls, linked };
};

describe("what a sandbox can do in its host", () => {
  it("is to speak to its own job's TaskExecutors, over one link for each of its names", async () => {
    const { calls, linked } = setUp();
    for (const link of [1, 1, 2]) await calls.deliverTo(peer("job1-te-1"), link, FLUSH);
    await calls.creditTo(peer("job1-te-1"), 2, []);
    expect(linked).toEqual(["job1-te-1", "job1-te-1"]);
    for (const stranger of ["job2-te-0", "job1-te-", "job1-te-1/x", "../job1-te-1", "job1"]) {
      await expect((async () => calls.deliverTo(peer(stranger), 9, FLUSH))()).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    expect(linked).toHaveLength(2);
  });

  it("is to use the job's view of the object store, by arguments that are what they are declared to be", async () => {
    const { calls } = setUp();
    await calls.put("state/a", new Uint8Array([1, 2]), { kind: "if-absent" });
    expect((await calls.get("state/a", { offset: 1 }))?.bytes).toEqual(new Uint8Array([2]));
    const wrong = calls as unknown as Record<keyof HostCalls, (...args: unknown[]) => unknown>;
    const attempts: readonly (readonly [keyof HostCalls, ...unknown[]])[] = [
      ["get", { startsWith: 1 }],
      ["get", "state/a", { offset: -1 }],
      ["put", "state/a", "text"],
      ["put", "state/a", new Uint8Array(), { kind: "always" }],
      ["list", undefined],
      ["delete", "state/a"],
      ["deliverTo", "job1-te-1", "1", FLUSH],
    ];
    for (const [method, ...args] of attempts) {
      await expect((async () => wrong[method](...args))(), `${method}(${JSON.stringify(args)})`).rejects.toBeInstanceOf(
        Error,
      );
    }
    expect(await calls.head("state/a")).toMatchObject({ size: 2 });
  });
});
