import { strict as assert } from "node:assert";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { FencedProbeGateway, ProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { calling, envelope, rejection } from "../row.ts";
import type { Row } from "../row.ts";

// Tokens that a row makes up.
const epoch = (value: number): Epoch => value as Epoch;
const incarnation = (value: number): Incarnation => value as Incarnation;

/** Group F (fencing) and the rulings on epoch and incarnation. */
export const fencingRows: readonly Row[] = [
  calling("F3", "connecting succeeds with any token", async (world) => {
    const gateway = await world.service.connect(FencedProbeGateway, world.open("fenced-probe"), epoch(77));
    assert.equal(gateway.getFencingToken(), 77);
  }),
  calling("F4", "the right token lets asks and tells in", async (world) => {
    const gateway = world.service.gateway(FencedProbeGateway, world.open("fenced-probe"), epoch(1));
    gateway.note("let in");
    assert.deepEqual(await gateway.noted(), ["let in"]);
  }),
  calling(
    "F5",
    "a stale token fails an ask without telling the right one; a gateway keeps the token it was given (F11)",
    async (world) => {
      const address = world.open("fenced-probe");
      await world.service.gateway(FencedProbeGateway, address).noted();
      await world.crash(address);
      const error = await rejection(
        world.service.gateway(FencedProbeGateway, address, epoch(1)).noted(),
        "FENCING_TOKEN",
      );
      assert.match(error.message, /FencedProbe\.noted/);
      assert.doesNotMatch(error.message, /\b2\b/);
    },
  ),
  calling("F6", "a tell with a stale token is dropped", async (world) => {
    const address = world.open("fenced-probe");
    await world.service.gateway(FencedProbeGateway, address).noted();
    await world.crash(address);
    world.service.gateway(FencedProbeGateway, address, epoch(1)).note("stale");
    assert.deepEqual(await world.service.gateway(FencedProbeGateway, address, epoch(2)).noted(), []);
  }),
  calling("F8", "a call without any token is no message to a fenced endpoint (F14)", async (world) => {
    const address = world.open("fenced-probe");
    const request = envelope(address, { gateway: "FencedProbe", gatewayVersion: 1 });
    const reply = await world.service.openChannel(address).send(request);
    assert.equal(reply.outcome === "error" && reply.error.code, "UNKNOWN_MESSAGE");
  }),
  calling("F9", "a gateway without a token has none to tell until it learnt it", async (world) => {
    const gateway = world.service.gateway(FencedProbeGateway, world.open("fenced-probe"));
    assert.equal(gateway.getFencingToken(), undefined);
    await gateway.noted();
    assert.equal(gateway.getFencingToken(), 1);
  }),
  calling("F10", "calls of the endpoint to itself carry its own token", async (world) => {
    const gateway = world.service.gateway(FencedProbeGateway, world.open("fenced-probe"));
    await gateway.selfNote("from myself");
    assert.deepEqual(await gateway.noted(), ["from myself"]);
  }),
  calling(
    "F1",
    "a gateway without a token learns it by the handshake and once more after a takeover; order is kept",
    async (world) => {
      const address = world.open("fenced-probe");
      const gateway = world.service.gateway(FencedProbeGateway, address);
      gateway.note("first");
      gateway.note("second");
      assert.deepEqual(await gateway.noted(), ["first", "second"]);
      assert.equal(gateway.getFencingToken(), 1);
      await world.crash(address);
      assert.deepEqual(await gateway.noted(), []);
      assert.equal(gateway.getFencingToken(), 2);
    },
  ),
  calling(
    "F7",
    "a token above its own shows an instance that it was superseded: the call is not served",
    async (world) => {
      const address = world.open("fenced-probe");
      const error = await rejection(
        world.service.gateway(FencedProbeGateway, address, epoch(9)).noted(),
        "RECIPIENT_UNREACHABLE",
      );
      assert.equal(error.retryable, true);
    },
  ),
  calling(
    "EI1",
    "the incarnation rises with every activation, the epoch of an unfenced endpoint never",
    async (world) => {
      const address = world.open("probe");
      const probe = world.service.gateway(ProbeGateway, address);
      assert.deepEqual(await probe.whoAreYou(), { epoch: 1, incarnation: 1, reason: "created" });
      await world.crash(address);
      assert.deepEqual(await probe.whoAreYou(), { epoch: 1, incarnation: 2, reason: "recovered" });
    },
  ),
  calling("EI2", "messages of a superseded sender are refused, those of the newer one served", async (world) => {
    const address = world.open("probe");
    const channel = world.service.openChannel(address);
    const from = (pair: readonly [number, number]) => {
      const sender = { address: "v1/-/test/probe/sender", epoch: epoch(pair[0]), incarnation: incarnation(pair[1]) };
      return channel.send(envelope(address, { sender, method: "senderAddress" }));
    };
    const outcomes: string[] = [];
    for (const pair of [
      [1, 2],
      [1, 1],
      [1, 3],
      [2, 1],
      [1, 4],
      [2, 1],
    ] as const) {
      const reply = await from(pair);
      outcomes.push(reply.outcome === "error" ? reply.error.code : JSON.stringify(reply.value));
    }
    const served = '"v1/-/test/probe/sender"';
    assert.deepEqual(outcomes, [served, "FENCING_TOKEN", served, served, "FENCING_TOKEN", served]);
  }),
  calling("P11", "a call carries the calling endpoint's identity; one from outside carries none", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    assert.equal(await probe.senderAddress(), null);
  }),
];
