import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRefusal, malformedEnvelopes } from "../conformance/malformed-envelopes.ts";
import { createLocalWorld } from "../conformance/local-world.ts";
import { envelope } from "../conformance/row.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

const BATCH = 100;
const BATCHES = 1_000;

describe("malformed envelopes", () => {
  it(
    "by the hundred thousand: none reaches a handler, each gets a typed error (M10, G8)",
    { timeout: 120_000 },
    async () => {
      const world = createLocalWorld();
      const address = world.open("probe");
      const channel = world.service.openChannel(address);
      const batches = fc.array(malformedEnvelopes(address), { minLength: BATCH, maxLength: BATCH });
      await fc.assert(
        fc.asyncProperty(batches, async (messages) => {
          // What is no envelope at all still arrives at an endpoint.
          const replies = await Promise.all(
            messages.map((message) => channel.send(message as ReturnType<typeof envelope>, false)),
          );
          expect(messages.filter((message, index) => !isRefusal(message, replies[index]))).toEqual([]);
        }),
        { numRuns: BATCHES, seed: 20_261_124 },
      );
      const probe = world.service.gateway(ProbeGateway, address);
      expect(await probe.total()).toBe(0);
      expect(await probe.noted()).toEqual([]);
      // The well-formed message that all of them were made from does reach it.
      await channel.send(envelope(address, { method: "add", args: [1] }), false);
      expect(await probe.total()).toBe(1);
    },
  );
});
