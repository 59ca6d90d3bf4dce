import { strict as assert } from "node:assert";
import type { Epoch } from "../../../src/rpc/index.ts";
import type { RpcServer } from "../../../src/rpc/rpc-server.ts";
import { Probe } from "../../fixtures/rpc/probe.ts";
import { FencedProbeGateway, ProbeGateway, QueueProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { hosting, rejection, thrown } from "../row.ts";
import type { Hosting, Row, World } from "../row.ts";

async function terminated(
  { create }: Hosting,
  { service }: World,
  how: "hop" | "throw" | "fail later",
): Promise<RpcServer> {
  const server = create("probe");
  server.start();
  await service.gateway(QueueProbeGateway, server.address).terminateWith(how);
  return server;
}

/** The rows about starting and stopping by hand (groups L, V, U) that need a server in the row's own hands. */
export const hostingRows: readonly Row[] = [
  hosting("L3", "start never throws what onStart throws", async ({ create }) => {
    const server = create("failing-probe");
    server.start();
    await rejection(server.terminationFuture, "RPC");
  }),
  hosting("L7", "closing a service that has an endpoint which never started fails with its error", async (hands) => {
    const server = hands.create("failing-probe");
    server.start();
    const sibling = hands.create("probe");
    sibling.start();
    const error = await rejection(hands.closeService(), "RPC");
    assert.ok(error.message.includes(server.address));
    assert.equal(sibling.state, "terminated");
  }),
  hosting("L16", "the termination future waits for the Later of onStop", async ({ create }, { service, elapse }) => {
    const server = create("probe");
    server.start();
    const probe = service.gateway(ProbeGateway, server.address);
    await probe.terminateHolding("stop");
    let over = false;
    const termination = server.terminationFuture.then(() => (over = true));
    await elapse(50);
    assert.equal(over, false);
    await probe.release("stop");
    await termination;
    assert.equal(server.state, "terminated");
  }),
  hosting("L17", "an onStop whose Later fails fails the termination future with that error", async (hands, world) => {
    const server = await terminated(hands, world, "fail later");
    assert.match((await rejection(server.terminationFuture, "CONFLICT")).message, /onStop fails/);
  }),
  hosting("L18", "an onStop that throws fails the termination future, naming the endpoint", async (hands, world) => {
    const server = await terminated(hands, world, "throw");
    const error = await rejection(server.terminationFuture, "RPC");
    assert.ok(error.message.includes(server.address));
    assert.match((error.cause as Error).message, /onStop throws/);
    assert.equal(server.state, "terminated");
  }),
  hosting(
    "L22",
    "a transition that does not exist is an error at whoever asks, and nothing else (over U3, U4)",
    async ({ create }, { service }) => {
      const [server, sibling] = [create("probe"), create("probe")];
      sibling.start();
      server.start();
      const probe = service.gateway(ProbeGateway, server.address);
      await probe.terminateHolding("stop");
      thrown(() => server.start(), "RPC_INVALID_STATE");
      thrown(() => server.stop(), "RPC_INVALID_STATE");
      await probe.release("stop");
      await server.terminationFuture;
      thrown(() => server.start(), "RPC_INVALID_STATE");
      assert.deepEqual(await service.gateway(ProbeGateway, sibling.address).noted(), []);
    },
  ),
  hosting(
    "L23",
    "an endpoint that disappears without a stop fails its termination future, naming it (U5)",
    async ({ create }) => {
      const server = create("probe");
      server.start();
      server.kill();
      const error = await rejection(server.terminationFuture, "RPC");
      assert.ok(error.message.includes(server.address));
    },
  ),
  hosting("L25", "onStop may hop through the main-thread executor (S14)", async (hands, world) => {
    const server = await terminated(hands, world, "hop");
    await server.terminationFuture;
    assert.equal(server.state, "terminated");
  }),
  hosting("L27", "a new endpoint of the name can be made where termination is told", async ({ create, createAt }) => {
    const server = create("probe");
    server.start();
    const successor = server.terminationFuture.then(() => createAt(server.address, "probe"));
    await server.closeAsync();
    assert.equal((await successor).state, "created");
  }),
  hosting("L28", "isRunning may be asked in turns only", async ({ create }) => {
    const server = create("probe");
    server.start();
    thrown(() => server.endpoint?.isRunning(), "ILLEGAL_STATE");
  }),
  hosting("T4", "a method called past the gateway is outside the main thread", async ({ create }) => {
    const server = create("probe");
    server.start();
    const { endpoint } = server;
    assert.ok(endpoint instanceof Probe);
    thrown(() => endpoint.touch(), "ILLEGAL_STATE");
  }),
  hosting("M9", "not started is told before a wrong token is", async ({ create }, { service }) => {
    const server = create("fenced-probe");
    // A token that the row makes up.
    const gateway = service.gateway(FencedProbeGateway, server.address, 77 as Epoch);
    await rejection(gateway.noted(), "ENDPOINT_NOT_STARTED");
  }),
  hosting("V9", "closing the service again gives the same future", async ({ closeService }) => {
    const closing = closeService();
    assert.equal(closeService(), closing);
    await closing;
  }),
  hosting(
    "V11",
    "one endpoint that fails in onStop does not keep the others from stopping (V8)",
    async (hands, world) => {
      const failing = hands.create("probe");
      failing.start();
      const sibling = hands.create("probe");
      sibling.start();
      await world.service.gateway(QueueProbeGateway, failing.address).terminateWith("throw");
      await rejection(hands.closeService(), "RPC");
      assert.equal(sibling.state, "terminated");
    },
  ),
  hosting("V12", "termination futures complete when the service closes (U2, U8)", async ({ create, closeService }) => {
    const servers = [create("probe"), create("probe")];
    for (const server of servers) server.start();
    await closeService();
    await Promise.all(servers.map((server) => server.terminationFuture));
  }),
  hosting("V14", "calls to a closed service fail as unreachable at once", async (hands, { service }) => {
    const server = hands.create("probe");
    server.start();
    const probe = service.gateway(ProbeGateway, server.address);
    await probe.noted();
    await hands.closeService();
    await rejection(probe.noted(), "RECIPIENT_UNREACHABLE");
  }),
];
