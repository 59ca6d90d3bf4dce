import { strict as assert } from "node:assert";
import {
  FarProbeGateway,
  DriftedProbeGateway,
  NextProbeGateway,
  ProbeGateway,
  QueueProbeGateway,
  UnservedGateway,
} from "../../fixtures/rpc/probe-gateways.ts";
import { calling, envelope, rejection, thrown } from "../row.ts";
import type { Row } from "../row.ts";

/** Groups G (gateway), A (tell and ask), O (timeouts), X (exceptions), K (handshake), Z (values). */
export const callRows: readonly Row[] = [
  calling("G1", "an endpoint serves several gateways, also to itself", async (world) => {
    const address = world.open("probe");
    await world.service.gateway(QueueProbeGateway, address).selfCalls();
    assert.equal(await world.service.gateway(ProbeGateway, address).running(), true);
  }),
  calling("G2", "a self gateway that the endpoint does not serve fails", async (world) => {
    await rejection(world.service.gateway(QueueProbeGateway, world.open("probe")).wrongSelfGateway(), "HANDSHAKE");
  }),
  calling("G3", "a gateway tells its address without a message", async (world) => {
    assert.equal(world.service.gateway(ProbeGateway, "v1/-/test/nowhere/x").getAddress(), "v1/-/test/nowhere/x");
  }),
  calling("G4", "a gateway has its methods and nothing else: no then, no termination future (G9)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    assert.deepEqual(Object.keys(probe).sort(), ["getAddress", ...Object.keys(ProbeGateway.methods)].sort());
    for (const name of ["then", "terminationFuture", "constructor"]) assert.ok(!Object.hasOwn(probe, name), name);
  }),
  calling("G8", "a method that the endpoint does not know fails the call and nothing else", async (world) => {
    const address = world.open("probe");
    const error = await rejection(world.service.gateway(DriftedProbeGateway, address).vanished(), "RPC_CONNECTION");
    assert.match(error.message, /no method "vanished"/);
    for (const method of ["constructor", "onStart", "toString", "__proto__"]) {
      const reply = await world.service.openChannel(address).send(envelope(address, { method }));
      assert.equal(reply.outcome === "error" && reply.error.code, "RPC_CONNECTION", method);
    }
    assert.deepEqual(await world.service.gateway(ProbeGateway, address).noted(), []);
  }),
  calling("A1", "a tell returns nothing at once, whatever its handler does (A2)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    assert.equal(probe.tellFails(), undefined);
    assert.equal(probe.note("still here"), undefined);
    assert.deepEqual(await probe.noted(), ["still here"]);
  }),
  calling("A3", "an ask gives a promise at once", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const held = probe.hold("x");
    assert.ok(held instanceof Promise);
    await probe.release("x");
    assert.equal(await held, "x");
  }),
  calling("A5", "a handler may answer at once or later, from call to call", async (world) => {
    const [one, other] = [world.open("probe"), world.open("probe")];
    const probe = world.service.gateway(ProbeGateway, one);
    assert.equal(await probe.bounce(other, 0), 0);
    assert.equal(await probe.bounce(other, 1), 1);
  }),
  calling("A6", "null and undefined are values like others", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    assert.equal(await probe.echo(null), null);
    assert.equal(await probe.echo(undefined), undefined);
  }),
  calling("Z0", "every value of the closed list arrives as it was sent (Z10, A7)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const value = {
      numbers: [Number.NaN, -0, Number.POSITIVE_INFINITY, 2 ** 53],
      big: [0n, -(2n ** 80n)],
      date: new Date(0),
      map: new Map([["key", new Set([1, "x"])]]),
      bytes: new Uint8Array([1, 2, 3]),
      floats: new Float64Array([0.1]),
      buffer: new Uint8Array([4]).buffer,
      nothing: undefined,
      text: "\u{1f600}\ud800",
    };
    assert.deepEqual(await probe.echo(value), value);
  }),
  calling(
    "P1",
    "an argument outside the list fails at the call and is named, for tells too (over Z1 to Z6, F13)",
    async (world) => {
      const probe = world.service.gateway(ProbeGateway, world.open("probe"));
      const bad = { rows: [1, () => 1] } as unknown as string;
      assert.match(
        thrown(() => probe.note(bad), "SERIALIZATION").message,
        /Probe\.note argument\[0\]\.rows\[1\]: a function/,
      );
      thrown(() => void probe.echo(bad), "SERIALIZATION");
      thrown(() => void probe.echo("x".repeat(17 * 1_024 * 1_024)), "SERIALIZATION");
      assert.deepEqual(await probe.noted(), []);
    },
  ),
  calling("Z4", "each kind of value outside the list fails at the call, with its path", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    class Point {
      readonly x = 1;
    }
    const outside: readonly (readonly [string, unknown])[] = [
      ["a function", () => 1],
      ["an instance of Point", new Point()],
      ["an instance of URL", new URL("https://example.com/")],
      ["a symbol", Symbol("s")],
      ["a Promise", Promise.resolve(1)],
      ["an instance of WeakMap", new WeakMap()],
      ["an instance of RegExp", /x/],
      ["an Error", new Error("no data")],
    ];
    for (const [what, value] of outside) {
      // What a caller without a type checker could do.
      const argument = { rows: [{ cell: value }] } as unknown as string;
      for (const call of [() => void probe.echo(argument), () => probe.note(argument)]) {
        const { message } = thrown(call, "SERIALIZATION");
        assert.ok(message.includes(`argument[0].rows[0].cell: ${what}`), message);
      }
    }
    assert.deepEqual(await probe.noted(), []);
  }),
  calling("Z8", "a result outside the list fails the call, names the method, and undoes the turn", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    assert.match((await rejection(probe.badResult(), "SERIALIZATION")).message, /Probe\.badResult\.deep\[0\]/);
    assert.equal(await probe.total(), 0);
  }),
  calling("Z7", "a result over the limit fails the call and names method, size and limit", async (world) => {
    const error = await rejection(
      world.service.gateway(ProbeGateway, world.open("probe")).hugeResult(),
      "SERIALIZATION",
    );
    assert.match(error.message, /Probe\.hugeResult: about \d+ bytes, the limit is 16777216/);
  }),
  calling(
    "O3",
    "a call without a reply in time fails, naming method, argument types, address, limit and phase (O4, G10)",
    async (world) => {
      const address = world.open("probe");
      const probe = world.service.gateway(ProbeGateway, address);
      await probe.noted();
      const timed = rejection(probe.holdBriefly("x"), "TIMEOUT");
      await world.elapse(60);
      const { message } = await timed;
      assert.match(message, /ask\(Probe\.holdBriefly\(string\)\)/);
      assert.ok(message.includes(address));
    },
  ),
  calling("O8", "a timed-out call's effect stays and its late reply is dropped", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await probe.noted();
    const timed = rejection(probe.holdBriefly("x"), "TIMEOUT");
    await world.elapse(60);
    await timed;
    await probe.release("x");
    assert.deepEqual(await probe.noted(), ["hold x"]);
  }),
  calling("P18", "a call that expired on its way is dropped unrun, naming where", async (world) => {
    const address = world.open("probe");
    const reply = await world.service
      .openChannel(address)
      .send(envelope(address, { method: "add", args: [1], remainingMillis: 0 }));
    assert.equal(reply.outcome === "error" && reply.error.code, "TIMEOUT");
    assert.match(reply.outcome === "error" ? reply.error.message : "", /waiting in the mailbox/);
    assert.equal(await world.service.gateway(ProbeGateway, address).total(), 0);
  }),
  calling("X1", "what a handler throws reaches the caller with type, message and both stacks", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const error = await rejection(probe.fail("range"), "UNEXPECTED");
    assert.equal(error.name, "RangeError");
    assert.equal(error.message, "out of range");
    assert.ok(error.remoteStack !== undefined && error.remoteStack !== error.stack);
  }),
  calling(
    "X2",
    "an exception of ours keeps code, retryable and causes, thrown at once or later (X3)",
    async (world) => {
      const probe = world.service.gateway(ProbeGateway, world.open("probe"));
      for (const error of [
        await rejection(probe.fail("coded"), "CONFLICT"),
        await rejection(probe.failLater("coded"), "CONFLICT"),
      ]) {
        assert.equal(error.retryable, true);
        assert.equal((error.cause as Error).message, "the first cause");
        assert.equal((error.cause as Error).name, "TypeError");
      }
    },
  ),
  calling("X7", "an error of a class that only the callee has arrives as data (P14, over X8)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const error = await rejection(probe.fail("own class"), "UNEXPECTED");
    assert.equal(error.message, "seen at one side only");
    assert.match(String(error.remoteStack), /VersionConflict|seen at one side only/);
  }),
  calling("X4", "an endpoint outlives what its handlers throw (U9)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await rejection(probe.fail("anything"));
    await rejection(probe.failLater("anything"));
    assert.equal(await probe.add(1), 1);
  }),
  calling("TX1", "a turn that throws leaves nothing: no write, no message, no callback, no timer", async (world) => {
    const address = world.open("probe");
    const peer = world.service.gateway(ProbeGateway, world.open("probe"));
    const probe = world.service.gateway(ProbeGateway, address);
    await probe.add(1);
    await rejection(probe.addThenThrow(5, peer.getAddress()));
    await world.elapse(50);
    assert.equal(await probe.total(), 1);
    assert.deepEqual(await probe.noted(), []);
    assert.deepEqual(await peer.noted(), []);
    assert.deepEqual(await world.service.gateway(QueueProbeGateway, address).timersRun(), []);
  }),
  calling("TX2", "a continuation is a turn of its own, on what the endpoint is by then", async (world) => {
    const address = world.open("probe");
    const peer = world.service.gateway(ProbeGateway, world.open("probe"));
    const probe = world.service.gateway(ProbeGateway, address);
    await peer.add(10);
    const [both, alone] = await Promise.all([probe.addFrom(peer.getAddress(), 5), probe.add(1)]);
    assert.equal(alone, 1);
    assert.equal(both, 16);
  }),
  calling("TX3", "what was written is there in the next activation", async (world) => {
    const address = world.open("probe");
    const probe = world.service.gateway(ProbeGateway, address);
    await probe.add(7);
    await world.crash(address);
    assert.equal(await probe.total(), 7);
  }),
  calling(
    "K2",
    "connecting shakes hands; it succeeds for the same version and a neighbouring one (K1, over K3)",
    async (world) => {
      const address = world.open("probe");
      await world.service.connect(ProbeGateway, address);
      const next = await world.service.connect(NextProbeGateway, address);
      assert.equal(await next.add(1), 1);
    },
  ),
  calling("K3", "a version further away is refused, naming both", async (world) => {
    const error = await rejection(world.service.connect(FarProbeGateway, world.open("probe")), "HANDSHAKE");
    assert.match(error.message, /version 5.*version 3/);
  }),
  calling(
    "K7",
    "a gateway of the same version with other methods is refused when it connects, naming them (over K7)",
    async (world) => {
      const error = await rejection(world.service.connect(DriftedProbeGateway, world.open("probe")), "HANDSHAKE");
      assert.match(error.message, /vanished/);
    },
  ),
  calling("K4", "a gateway that the endpoint does not serve is refused, by the first call too", async (world) => {
    const address = world.open("probe");
    assert.match((await rejection(world.service.connect(UnservedGateway, address), "HANDSHAKE")).message, /Unserved/);
    await rejection(world.service.gateway(UnservedGateway, address).nothing(), "HANDSHAKE");
  }),
  calling("P18b", "chains of calls end after 8 hops with an error", async (world) => {
    const [one, other] = [world.open("probe"), world.open("probe")];
    const probe = world.service.gateway(ProbeGateway, one);
    assert.equal(await probe.bounce(other, 7), 7);
    await rejection(probe.bounce(other, 8), "CALL_DEPTH");
  }),
  calling("G7", "an ask cannot be sent as a tell, nor a tell as an ask", async (world) => {
    const address = world.open("probe");
    for (const mismatch of [
      { kind: "tell", method: "add", args: [1] },
      { kind: "ask", method: "note", args: ["x"] },
    ] as const) {
      const reply = await world.service.openChannel(address).send(envelope(address, mismatch));
      assert.equal(reply.outcome === "error" && reply.error.code, "UNKNOWN_MESSAGE", mismatch.method);
    }
    const probe = world.service.gateway(ProbeGateway, address);
    assert.equal(await probe.total(), 0);
    assert.deepEqual(await probe.noted(), []);
  }),
  calling("M10", "what is no envelope gets a typed answer and reaches no handler (U7)", async (world) => {
    const address = world.open("probe");
    const channel = world.service.openChannel(address);
    for (const [field, value] of [
      ["version", 2],
      ["kind", "shout"],
      ["args", {}],
      ["epoch", 0],
      ["depth", -1],
      ["sender", {}],
    ] as const) {
      const malformed = { ...envelope(address), [field]: value };
      const reply = await channel.send(malformed as ReturnType<typeof envelope>);
      assert.equal(reply.outcome === "error" && reply.error.code, "UNKNOWN_MESSAGE", field);
      assert.match(reply.outcome === "error" ? reply.error.message : "", new RegExp(field));
    }
  }),
];
