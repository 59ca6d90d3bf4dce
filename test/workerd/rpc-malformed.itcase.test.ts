import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDurableObjectWorld } from "../conformance/durable-object-world.ts";
import { malformedSessions } from "../conformance/malformed-envelopes.ts";
import type { ProbeEnvironment } from "../fixtures/rpc/probe-objects.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

// The bindings are those of test/workerd/wrangler.toml.
const probes = env as unknown as ProbeEnvironment;
/** What a stub of the object offers, without the platform's types of it. */
interface Stub {
  openSession(request: unknown): Promise<unknown>;
}

const SAMPLES = 1_000;

describe("what is no session's request, on a stub of the object", () => {
  it("reaches no handler, crashes nothing, and is refused with a typed error", { timeout: 60_000 }, async () => {
    const world = createDurableObjectWorld(probes);
    const address = world.open("probe");
    const probe = world.service.gateway(ProbeGateway, address);
    const before = await probe.whoAreYou();
    const stub = probes.PROBE.getByName(address) as unknown as Stub;
    const outcomes = await Promise.all(
      fc.sample(malformedSessions, { numRuns: SAMPLES, seed: 7 }).map((request) =>
        stub.openSession(request).then(
          (reply) => `answered ${JSON.stringify(reply)}`,
          (error: unknown) => (error instanceof Error ? error.name : "?"),
        ),
      ),
    );
    expect([...new Set(outcomes)]).toEqual(["UnknownMessageException"]);
    expect(await probe.total()).toBe(0);
    expect(await probe.noted()).toEqual([]);
    expect(await probe.whoAreYou()).toEqual(before);
  });
});
