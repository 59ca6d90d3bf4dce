import { strict as assert } from "node:assert";
import { ProbeGateway, QueueProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { calling, hosting, rejection } from "../row.ts";
import type { Row } from "../row.ts";

/** Groups L (endpoint life cycle) and V (service). */
export const lifecycleRows: readonly Row[] = [
  hosting("L1", "a created endpoint has its address and does not serve", async ({ create }, { service }) => {
    const server = create("probe");
    assert.equal(server.state, "created");
    assert.notEqual(server.address, "");
    await rejection(service.gateway(ProbeGateway, server.address).noted(), "ENDPOINT_NOT_STARTED");
  }),
  calling("L4", "onStart runs once per activation, on the main thread, with the running flag set", async (world) => {
    const probe = world.service.gateway(QueueProbeGateway, world.open("probe"));
    assert.deepEqual(await probe.lifecycle(), ["onStart running=true"]);
    assert.deepEqual(await probe.lifecycle(), ["onStart running=true"]);
  }),
  hosting("L5", "start on a started endpoint is without effect", async ({ create }, { service }) => {
    const server = create("probe");
    server.start();
    server.start();
    assert.deepEqual(await service.gateway(QueueProbeGateway, server.address).lifecycle(), ["onStart running=true"]);
  }),
  calling("L6", "an endpoint whose onStart throws refuses calls and names the cause; siblings live", async (world) => {
    const sibling = world.open("probe");
    const error = await rejection(
      world.service.gateway(ProbeGateway, world.open("failing-probe")).noted(),
      "ENDPOINT_NOT_STARTED",
    );
    assert.match(String((error.cause as Error).message), /this endpoint never starts/);
    assert.deepEqual(await world.service.gateway(ProbeGateway, sibling).noted(), []);
  }),
  hosting("L6b", "the termination future of such an endpoint fails, naming it and the cause", async ({ create }) => {
    const server = create("failing-probe");
    server.start();
    const error = await rejection(server.terminationFuture, "RPC");
    assert.ok(error.message.includes(server.address));
    assert.match((error.cause as Error).message, /this endpoint never starts/);
  }),
  hosting(
    "L10",
    "stopped, an endpoint refuses messages without onStop; started again it runs onStart again (L9)",
    async ({ create }, { service }) => {
      const server = create("probe");
      const probe = service.gateway(QueueProbeGateway, server.address);
      server.start();
      server.stop();
      await rejection(probe.lifecycle(), "ENDPOINT_NOT_STARTED");
      server.start();
      assert.deepEqual(await probe.lifecycle(), ["onStart running=true", "onStart running=true"]);
    },
  ),
  calling(
    "L13",
    "while onStop is pending the endpoint serves and is not running; onStop saw the flag set, in a turn (L12, L24)",
    async (world) => {
      const address = world.open("probe");
      const probe = world.service.gateway(ProbeGateway, address);
      const queue = world.service.gateway(QueueProbeGateway, address);
      await probe.terminateHolding("stop");
      assert.equal(await probe.running(), false);
      assert.deepEqual(await queue.lifecycle(), ["onStart running=true", "onStop running=true"]);
      await probe.release("stop");
      await rejection(probe.noted(), "RECIPIENT_UNREACHABLE");
    },
  ),
  calling(
    "L15",
    "when onStop is done, calls that wait fail as unreachable at once, not by timeout (L14)",
    async (world) => {
      const probe = world.service.gateway(ProbeGateway, world.open("probe"));
      const waiting = probe.hold("for ever");
      await probe.terminateHolding("stop");
      const [error] = await Promise.all([rejection(waiting, "RECIPIENT_UNREACHABLE"), probe.release("stop")]);
      assert.match(error.message, /Probe\.hold/);
    },
  ),
  hosting(
    "L20",
    "onStop runs once, however often the endpoint is closed, and closing gives the same future (L11)",
    async ({ create }) => {
      const server = create("probe");
      server.start();
      const first = server.closeAsync();
      assert.equal(server.closeAsync(), first);
      await first;
      assert.equal(server.state, "terminated");
    },
  ),
  hosting("L21", "an endpoint that never started terminates without onStop", async ({ create }) => {
    const server = create("probe");
    await server.closeAsync();
    assert.equal(server.state, "terminated");
  }),
  hosting("L26", "after termination the name can be used again", async ({ create, createAt }, { service }) => {
    const server = create("probe");
    server.start();
    const probe = service.gateway(ProbeGateway, server.address);
    probe.note("of the first");
    await probe.noted();
    await server.closeAsync();
    createAt(server.address, "probe").start();
    assert.deepEqual(await probe.noted(), []);
  }),
  calling("V2", "connecting to an address that cannot exist fails and names it (D1)", async ({ service }) => {
    const error = await rejection(service.connect(ProbeGateway, "v1/-/test/no-such-kind/x"), "RPC_CONNECTION");
    assert.match(error.message, /no-such-kind/);
  }),
  hosting("V3", "connecting to an endpoint that is not started succeeds (M8)", async ({ create }, { service }) => {
    const server = create("probe");
    const probe = await service.connect(ProbeGateway, server.address);
    assert.equal(probe.getAddress(), server.address);
  }),
  hosting("V4", "a closed service throws at once instead of connecting", async ({ closeService }, { service }) => {
    await closeService();
    assert.throws(() => service.connect(ProbeGateway, "x"), { code: "ILLEGAL_STATE" });
  }),
  hosting("V5", "a second endpoint of a living name is refused", async ({ create, createAt }) => {
    const { address } = create("probe");
    assert.throws(() => createAt(address, "probe"), { code: "RPC_RUNTIME" });
  }),
  hosting(
    "V10",
    "closing the service waits for every onStop",
    async ({ create, closeService }, { service, elapse }) => {
      const server = create("probe");
      server.start();
      const probe = service.gateway(ProbeGateway, server.address);
      await probe.terminateHolding("stop");
      let closed = false;
      const closing = closeService().then(() => (closed = true));
      await elapse(50);
      assert.equal(closed, false);
      await probe.release("stop");
      await closing;
    },
  ),
  calling(
    "V13",
    "a call to a terminated endpoint fails as unreachable, on gateways old and new, in later activations too (D4)",
    async (world) => {
      const address = world.open("probe");
      const probe = world.service.gateway(ProbeGateway, address);
      await probe.terminateHolding("");
      await rejection(probe.noted(), "RECIPIENT_UNREACHABLE");
      await rejection(world.service.connect(ProbeGateway, address), "RECIPIENT_UNREACHABLE");
      await world.crash(address);
      await rejection(probe.noted(), "RECIPIENT_UNREACHABLE");
    },
  ),
];
