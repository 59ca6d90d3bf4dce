import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";

const configPath = fileURLToPath(new URL("../fixtures/rpc-session/wrangler.toml", import.meta.url).href);
/** The promise: the lease of 5 s and the platform's own 10 s of idleness are within it. */
const EVICTED_AFTER_MILLIS = 20_000;
/** Shorter than a lease. */
const HELD_MILLIS = 2_000;

describe("sessions between objects in a workerd process", () => {
  const harness = createTestHarness({ workers: [{ configPath }] });
  let url: URL;
  beforeAll(async () => {
    ({ url } = await harness.listen());
  });
  afterAll(() => harness.close());

  const get = async (path: string): Promise<unknown> => (await fetch(new URL(path, url))).json();

  it("keep no object in memory: caller and callee are both gone 20 s after the last call, and not while one lasts", async () => {
    expect(await get("/call")).toBe(3);
    await sleep(HELD_MILLIS);
    expect(await get("/lives")).toEqual([1, 1]);
    expect(await get("/call")).toBe(3);
    await sleep(EVICTED_AFTER_MILLIS);
    expect(await get("/lives")).toEqual([2, 2]);
  });
});
