import { strict as assert } from "node:assert";
import { milliseconds, seconds, SluiceException, withOptions } from "../../../src/rpc/index.ts";
import { ActorProbeGateway, ProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { calling, envelope, rejection } from "../row.ts";
import type { Row, World } from "../row.ts";

/** Lets time pass in small steps until the probe has noted `text`. */
async function noted(world: World, address: string, text: string): Promise<void> {
  const probe = world.service.gateway(ProbeGateway, address);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await probe.noted()).includes(text)) return;
    await world.elapse(10);
  }
  assert.fail(`never noted: ${text}`);
}

/** Turn modes beyond `sync`, what a caller says about its calls, and what travels with a call. */
export const actorRows: readonly Row[] = [
  calling("TM1", "exclusive: the next message starts when the handler has settled, sync ones too", async (world) => {
    const address = world.open("probe");
    const actor = world.service.gateway(ActorProbeGateway, address);
    const probe = world.service.gateway(ProbeGateway, address);
    const calls = [actor.slow("one"), actor.slow("two"), probe.add(1)];
    probe.note("between");
    await world.elapse(80);
    await Promise.all(calls);
    assert.deepEqual(await probe.noted(), ["one begins", "one ends", "two begins", "two ends", "between"]);
  }),
  calling("TM2", "exclusive: a call whose chain contains the owner runs at once (A to B to A to B)", async (world) => {
    const [a, b] = [world.open("probe"), world.open("probe")];
    assert.equal(await world.service.gateway(ActorProbeGateway, a).visit([b, a, b]), ">>>there");
  }),
  calling("TM3", "reentrant: other messages run at each await", async (world) => {
    const address = world.open("probe");
    const actor = world.service.gateway(ActorProbeGateway, address);
    const calls = [actor.interleaved("one"), actor.interleaved("two")];
    await world.elapse(80);
    await Promise.all(calls);
    const found = await world.service.gateway(ProbeGateway, address).noted();
    assert.deepEqual(found, ["one begins", "two begins", "one ends", "two ends"]);
  }),
  calling(
    "TM4",
    "exclusive: two endpoints that wait for each other end by their deadline, which lists the chain; then both serve",
    async (world) => {
      const [a, b] = [world.open("probe"), world.open("probe")];
      const [first, second] = [a, b].map((address) =>
        withOptions(world.service.gateway(ActorProbeGateway, address), { timeout: milliseconds(300) }),
      );
      const probes = [a, b].map((address) => world.service.gateway(ProbeGateway, address));
      await Promise.all(probes.map((probe) => probe.noted()));
      const ends = Promise.allSettled([first?.visitSlowly([b]), second?.visitSlowly([a])]);
      await world.elapse(400);
      const failures = (await ends).flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
      // Where one of them gives up a moment earlier, the other's call is served after all.
      assert.ok(failures.length > 0);
      for (const failure of failures) assert.ok(SluiceException.is(failure, "TIMEOUT"), String(failure));
      const notes = await Promise.all(probes.map((probe) => probe.noted()));
      assert.match(notes.join(), /ActorProbe\.visit.*on behalf of \S+/);
    },
  ),
  calling(
    "TM5",
    "exclusive: the main-thread check passes after an await and fails in what floats on",
    async (world) => {
      const address = world.open("probe");
      const checked = world.service.gateway(ActorProbeGateway, address).checkMainThread();
      await world.elapse(20);
      assert.deepEqual(await checked, ["passed", "passed"]);
      await world.elapse(50);
      await noted(world, address, "floating ILLEGAL_STATE");
    },
  ),
  calling("O1", "a caller's own timeout counts instead of the method's, shorter or longer", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await probe.noted();
    const short = rejection(withOptions(probe, { timeout: milliseconds(40) }).hold("x"), "TIMEOUT");
    const long = withOptions(probe, { timeout: seconds(5) }).holdBriefly("y");
    await world.elapse(100);
    await short;
    await probe.release("y");
    assert.equal(await long, "y");
  }),
  calling("O10", "options say nothing about tells", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    withOptions(probe, { timeout: milliseconds(0), signal: AbortSignal.abort() }).note("delivered");
    assert.deepEqual(await probe.noted(), ["delivered"]);
  }),
  calling("O6", "the stack of a timeout is its caller's (O7)", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    await probe.noted();
    const theCallersFunction = (): Promise<string> => probe.holdBriefly("x");
    const timed = rejection(theCallersFunction(), "TIMEOUT");
    await world.elapse(60);
    const error = await timed;
    // Where the callee's own answer won the race, the stack is that of the reply.
    if (error.remoteStack === undefined) assert.match(String(error.stack), /theCallersFunction/);
  }),
  calling("P18c", "a deadline is inherited: what a callee has left is less than what its caller had", async (world) => {
    const [a, b] = [world.open("probe"), world.open("probe")];
    const actor = withOptions(world.service.gateway(ActorProbeGateway, a), { timeout: seconds(1) });
    await actor.remaining();
    const there = actor.remainingAt(b, 30);
    await world.elapse(60);
    const left = await there;
    assert.ok(left !== null && left > 0 && left <= 975, `left: ${left}`);
  }),
  calling("P18d", "a handler that runs when its deadline passes sees its signal aborted", async (world) => {
    const address = world.open("probe");
    const actor = world.service.gateway(ActorProbeGateway, address);
    const timed = rejection(withOptions(actor, { timeout: milliseconds(60) }).untilAborted(), "TIMEOUT");
    await world.elapse(100);
    await timed;
    await noted(world, address, "aborted TIMEOUT");
  }),
  calling(
    "A8",
    "a caller that aborts stops waiting at once, and the handler that runs sees its signal aborted (over A8)",
    async (world) => {
      const address = world.open("probe");
      const abort = new AbortController();
      const actor = withOptions(world.service.gateway(ActorProbeGateway, address), { signal: abort.signal });
      const cancelled = rejection(actor.untilAborted(), "CANCELLED");
      await noted(world, address, "waits");
      abort.abort(new Error("not wanted"));
      assert.match(String((await cancelled).cause), /not wanted/);
      await noted(world, address, "aborted CANCELLED");
      await rejection(actor.untilAborted(), "CANCELLED");
    },
  ),
  calling("A8b", "a call that is cancelled while it waits in the mailbox never runs", async (world) => {
    const address = world.open("probe");
    const actor = world.service.gateway(ActorProbeGateway, address);
    const probe = world.service.gateway(ProbeGateway, address);
    await probe.noted();
    const abort = new AbortController();
    const slow = actor.slow("first");
    const cancelled = rejection(withOptions(probe, { signal: abort.signal }).add(1), "CANCELLED");
    const kept = probe.add(10);
    abort.abort();
    await cancelled;
    await world.elapse(60);
    await slow;
    assert.equal(await kept, 10);
  }),
  calling("A8c", "a cancelled call cancels the calls made on its behalf", async (world) => {
    const [a, b] = [world.open("probe"), world.open("probe")];
    const abort = new AbortController();
    const actor = withOptions(world.service.gateway(ActorProbeGateway, a), { signal: abort.signal });
    const cancelled = rejection(actor.untilAbortedAt(b), "CANCELLED");
    await noted(world, b, "waits");
    abort.abort();
    await cancelled;
    await noted(world, b, "aborted CANCELLED");
  }),
  calling("V15", "a call's trace is that of everything it causes", async (world) => {
    const [a, b] = [world.open("probe"), world.open("probe")];
    const request = envelope(a, { gateway: "ActorProbe", gatewayVersion: 1, method: "traceAt", args: [b] });
    const reply = await world.service.openChannel(a).send({ ...request, trace: "trace-1" });
    assert.equal(reply.outcome === "value" && reply.value, "trace-1");
  }),
];
