import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { WorkerdHarness } from "../../src/entrypoint/workerd-harness/workerd-harness.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

/** The promise: the lease of 5 s and the platform's own 10 s of idleness are within it. */
const EVICTED_AFTER_MILLIS = 20_000;
/** Shorter than a lease. */
const HELD_MILLIS = 2_000;
const CALLER = "v1/-/test/probe/caller";
const CALLEE = "v1/-/test/probe/callee";

it("sessions keep no object in memory: both ends are gone 20 s after the last call, and not while one lasts", async () => {
  await using worker = await WorkerdHarness.start({
    config: new URL("../fixtures/rpc/wrangler.toml", import.meta.url),
  });
  const [caller, callee] = [CALLER, CALLEE].map((address) => worker.service.gateway(ProbeGateway, address));
  const lives = async (): Promise<unknown> =>
    Promise.all([caller, callee].map(async (probe) => (await probe?.whoAreYou())?.incarnation));
  expect(await caller?.bounce(CALLEE, 3)).toBe(3);
  await sleep(HELD_MILLIS);
  expect(await lives()).toEqual([1, 1]);
  expect(await caller?.bounce(CALLEE, 3)).toBe(3);
  await sleep(EVICTED_AFTER_MILLIS);
  expect(await lives()).toEqual([2, 2]);
});
