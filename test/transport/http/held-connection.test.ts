import { describe, expect, it } from "vitest";
import { ask, defineGateway, minutes, withOptions } from "../../../src/rpc/index.ts";
import { encodeCall } from "../../../src/transport/http/call-frame.ts";
import { HELD_PROTOCOL } from "../../../src/transport/http/held-protocol.ts";
import { HttpRpcService } from "../../../src/transport/http/http-rpc-service.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { envelope, rejection } from "../../conformance/row.ts";
import { ProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { createHttpWorld } from "./http-world.ts";
import type { HttpWorld, HttpWorldOptions } from "./http-world.ts";
import { PairedSocket } from "./socket-pair.ts";

const MESSAGE = expect.any(ArrayBuffer);

function heldWorld(options: HttpWorldOptions = {}): HttpWorld {
  return createHttpWorld({ connection: "held", ...options });
}

/** The server, and the end of a connection to it that speaks for itself. */
async function openConnection(
  options: HttpWorldOptions = {},
): Promise<{ readonly world: HttpWorld; readonly client: PairedSocket }> {
  const [client, server] = PairedSocket.pair();
  const world = heldWorld({ ...options, upgradeWebSocket: () => ({ response: new Response(), socket: server }) });
  await world.server.request("/", {
    headers: { upgrade: "websocket", cookie: "session=1", authorization: "Bearer stale" },
  });
  return { world, client };
}

const settle = (): Promise<void> => new ManualClock().settle();

describe("a held connection", () => {
  it("carries the calls of one turn as one message, and their replies as few", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    probe.note("first");
    expect(await Promise.all([probe.add(1), probe.add(2), probe.total()])).toEqual([1, 3, 3]);
    const [socket] = world.sockets;
    expect(socket?.other?.received).toEqual(["", MESSAGE]);
    expect(await probe.noted()).toEqual(["first"]);
    expect(socket?.other?.received).toEqual(["", MESSAGE, MESSAGE]);
    expect(world.sockets).toHaveLength(1);
  });

  it("is not waited for by calls of later turns: a slow call holds back no other", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const slow = probe.hold("slow");
    expect(await probe.add(1)).toBe(1);
    await probe.release("slow");
    expect(await slow).toBe("slow");
  });

  it("shows the token in its first message, once for each connection, and never in the URL", async () => {
    const seen: (string | null)[] = [];
    let tokens = 0;
    const world = heldWorld({
      token: async () => `token ${(tokens += 1)}`,
      authenticate: ({ url, headers }) => {
        seen.push(url, headers.get("authorization"));
        return "anybody";
      },
    });
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await probe.add(1);
    await probe.add(1);
    expect(seen).toEqual(["http://server.test/", "Bearer token 1"]);
    world.sockets[0]?.fail();
    await probe.add(1);
    expect(seen.slice(2)).toEqual(["http://server.test/", "Bearer token 2"]);
  });

  it("believes neither the cookies nor the authorization of the request that opened it", async () => {
    const seen: unknown[] = [];
    const { client } = await openConnection({
      authenticate: ({ headers }) => {
        seen.push(headers.get("cookie"), headers.get("authorization"));
        return undefined;
      },
    });
    client.send("");
    await settle();
    expect(seen).toEqual([null, null]);
    expect(client.received).toEqual([expect.stringMatching(/authorization: expected `Bearer`/)]);
  });

  it("is refused as a request is: by an exception that no repetition helps", async () => {
    const world = heldWorld({ token: "wrong", authenticate: () => undefined });
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const error = await rejection(probe.add(1), "RPC_CONNECTION");
    expect([error.message, error.retryable]).toEqual([expect.stringMatching(/^authorization/), false]);
    expect(world.sockets).toHaveLength(1);
  });

  it("that cannot be opened fails its calls as retryable; their tells are dead letters (P19)", async () => {
    const world = heldWorld({
      upgradeWebSocket: () => ({ response: new Response(null, { status: 502 }), socket: new PairedSocket() }),
    });
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    probe.note("lost");
    const error = await rejection(probe.add(1), "RPC_CONNECTION");
    expect([error.message, error.retryable]).toEqual([expect.stringMatching(/ws:\/\/server\.test\/ broke/), true]);
    expect(world.service.deadLetters.count("unreachable")).toBe(1);
  });

  it("ends by itself after some quiet; the next call opens another", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await probe.add(1);
    await world.clock.advance(10_000);
    expect(world.sockets[0]?.closedWith).toBeUndefined();
    await world.clock.advance(10_000);
    expect(world.sockets[0]?.closedWith).toBeDefined();
    expect(world.clock.pending).toBeLessThanOrEqual(1);
    expect(await probe.add(1)).toBe(2);
    expect(world.sockets).toHaveLength(2);
  });

  it("stays while a call is open, and is replaced when it is old and has none", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const slow = withOptions(probe, { timeout: minutes(20) }).hold("slow");
    await world.clock.advance(minutes(11));
    expect(world.sockets[0]?.closedWith).toBeUndefined();
    await probe.release("slow");
    expect(await slow).toBe("slow");
    await probe.add(1);
    expect(world.sockets).toHaveLength(2);
    expect(world.sockets[0]?.closedWith).toBeDefined();
  });
});

describe("a held connection that breaks", () => {
  const RepeatableProbe = defineGateway("Probe", {
    version: 3,
    turns: "sync",
    methods: { total: ask<() => number>({ readOnly: true, idempotent: true }), add: ask<(by: number) => number>() },
  });

  it("fails what may have run as retryable, and sends again what may run twice, before all later calls", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(RepeatableProbe, world.open("probe"));
    await probe.add(1);
    const [first] = world.sockets;
    if (first?.other === undefined) throw new Error("no connection was opened");
    first.silent = true;
    const lost = rejection(probe.add(10), "RPC_CONNECTION");
    const again = probe.total();
    await settle();
    const later = probe.add(100);
    first.fail();
    expect((await lost).retryable).toBe(true);
    expect([await again, await later]).toEqual([1, 101]);
    expect(world.sockets).toHaveLength(2);
  });

  it("gives up on calls that break every connection they are sent on", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(RepeatableProbe, world.open("probe"));
    await probe.add(1);
    const failing = rejection(probe.total(), "RPC_CONNECTION");
    for (let turn = 0; turn < 20; turn += 1) {
      const socket = world.sockets.at(-1);
      if (socket !== undefined) socket.silent = true;
      if (socket?.other !== undefined) socket.other.silent = true;
      await settle();
      socket?.fail();
    }
    expect((await failing).retryable).toBe(true);
    expect(world.sockets.length).toBeLessThanOrEqual(4);
  });

  it("in silence is found out: somebody who waits asks whether the server is there", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const patient = withOptions(probe, { timeout: minutes(5) });
    const slow = patient.hold("slow");
    await world.clock.advance(minutes(2));
    // The server lives: it answered each time.
    expect(world.sockets[0]?.received).toContain("ping");
    const [socket] = world.sockets;
    if (socket?.other === undefined) throw new Error("no connection was opened");
    [socket.silent, socket.other.silent] = [true, true];
    const lost = rejection(slow, "RPC_CONNECTION");
    await world.clock.advance(30_000);
    expect([(await lost).message, (await lost).retryable]).toEqual([
      expect.stringMatching(/was silent for 20000 ms/),
      true,
    ]);
  });

  it("by closing the service fails everything, and all that comes after", async () => {
    const world = heldWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const slow = rejection(probe.hold("x"), "RPC_CONNECTION");
    await probe.total();
    world.service.close();
    expect((await slow).message).toMatch(/closed/);
    await rejection(probe.total(), "RPC_CONNECTION");
    expect(world.sockets[0]?.closedWith).toBeDefined();
  });
});

describe("the server's end of a held connection", () => {
  const call = (address: string): Uint8Array<ArrayBuffer> =>
    encodeCall(envelope(address, { method: "add", args: [1] }));
  const total = (world: HttpWorld, address: string): Promise<number> =>
    new HttpRpcService({ url: "http://server.test/", fetch: async (url, init) => world.server.request(url, init) })
      .gateway(ProbeGateway, address)
      .total();

  it("wants to know who calls before any call: nothing of what comes without runs", async () => {
    const { world, client } = await openConnection();
    const address = world.open("probe");
    client.send(call(address));
    await settle();
    expect(client.received).toEqual([expect.stringMatching(/first message/)]);
    expect(client.other?.closedWith?.code).toBe(4_401);
    expect(await total(world, address)).toBe(0);
  });

  it("closes on who says nothing", async () => {
    const { world, client } = await openConnection();
    await world.clock.advance(10_000);
    expect(client.other?.closedWith?.code).toBe(4_401);
  });

  it("lets calls in that come while the caller is looked up, in order and behind the answer", async () => {
    const lookup = Promise.withResolvers<string>();
    const { world, client } = await openConnection({ authenticate: () => lookup.promise });
    const address = world.open("probe");
    client.send("Bearer x");
    client.send(call(address));
    client.send(call(address));
    await settle();
    expect(client.received).toEqual([]);
    lookup.resolve("somebody");
    await settle();
    expect(await total(world, address)).toBe(2);
  });

  it.each([
    [
      "a message over the limit",
      (address: string) => encodeCall(envelope(address, { method: "echo", args: ["x".repeat(2_000)] })),
      4_413,
    ],
    [
      "more open calls than the limit",
      (address: string) => new Uint8Array([...call(address), ...call(address), ...call(address)]),
      4_413,
    ],
    ["a message that ends within a frame", (address: string) => call(address).slice(0, -1), 4_400],
    ["text that is no message", () => "hello", 4_400],
  ])("refuses %s, says why and closes; nothing of it runs", async (_what, message, code) => {
    const { world, client } = await openConnection({ limits: { bodyBytes: 2_000, calls: 2 } });
    const address = world.open("probe");
    client.send("Bearer x");
    await settle();
    client.send(message(address));
    await settle();
    expect(client.received).toEqual([expect.stringMatching(/"exception":/)]);
    expect(client.other?.closedWith?.code).toBe(code);
    client.send(call(address));
    await settle();
    expect(await total(world, address)).toBe(0);
  });

  it("closes a connection that is idle, and one that is too old whatever it does", async () => {
    const { world, client } = await openConnection();
    client.send("Bearer x");
    await world.clock.advance(50_000);
    expect(client.other?.closedWith).toBeUndefined();
    await world.clock.advance(20_000);
    expect(client.other?.closedWith?.code).toBe(1_000);

    const busy = await openConnection();
    busy.client.send("Bearer x");
    for (let minute = 0; minute < 61; minute += 1) {
      busy.client.send("ping");
      await busy.world.clock.advance(30_000);
      busy.client.send("ping");
      await busy.world.clock.advance(30_000);
      if (minute === 58) expect(busy.client.other?.closedWith).toBeUndefined();
    }
    expect(busy.client.other?.closedWith?.code).toBe(1_000);
  });

  it("is named by its protocol, and there is none where the platform has no WebSockets", async () => {
    const asked: string[] = [];
    const world = createHttpWorld({
      upgradeWebSocket: (_request, protocol) => {
        asked.push(protocol);
        return { response: new Response(), socket: new PairedSocket() };
      },
    });
    await world.server.request("/", { headers: { upgrade: "WebSocket" } });
    expect(asked).toEqual([HELD_PROTOCOL]);
    expect((await world.server.request("/")).status).toBe(405);
  });
});
