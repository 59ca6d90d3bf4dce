import { strict as assert } from "node:assert";
import { FencedProbeGateway, ProbeGateway, QueueProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { calling, hosting, rejection } from "../row.ts";
import type { Row } from "../row.ts";

/** Groups M (mailbox), S (main-thread executor and scheduling) and T (main-thread check). */
export const queueRows: readonly Row[] = [
  calling(
    "M2",
    "messages of one sender run in the order they were sent, each once, tells and asks mixed (M5)",
    async (world) => {
      const probe = world.service.gateway(ProbeGateway, world.open("probe"));
      const expected: string[] = [];
      const asks: Promise<unknown>[] = [];
      for (let index = 0; index < 300; index += 1) {
        expected.push(String(index));
        probe.note(String(index));
        if (index % 50 === 0) asks.push(probe.echo("x".repeat(100_000)));
      }
      await Promise.all(asks);
      assert.deepEqual(await probe.noted(), expected);
    },
  ),
  calling("M3", "a pending Later frees the mailbox; replies leave in order of completion", async (world) => {
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const completed: string[] = [];
    const first = probe.hold("first").then((key) => completed.push(key));
    const second = probe.hold("second").then((key) => completed.push(key));
    assert.deepEqual(await probe.noted(), ["hold first", "hold second"]);
    await probe.release("second");
    await second;
    await probe.release("first");
    await first;
    assert.deepEqual(completed, ["second", "first"]);
  }),
  calling("M4", "self calls, runAsync and execute run after the turn that made them, in order", async (world) => {
    const address = world.open("probe");
    await world.service.gateway(QueueProbeGateway, address).selfCalls();
    const noted = await world.service.gateway(ProbeGateway, address).noted();
    assert.deepEqual(noted.slice(0, 2), ["begin", "end"]);
    assert.deepEqual([...noted].sort(), ["begin", "end", "execute", "runAsync", "self gateway"]);
    assert.ok(noted.indexOf("runAsync") < noted.indexOf("execute"));
  }),
  hosting(
    "M6",
    "an ask to an endpoint that is not started fails; a tell is a counted dead letter (M7, D2)",
    async ({ create }, { service }) => {
      const server = create("probe");
      const probe = service.gateway(ProbeGateway, server.address);
      probe.note("lost");
      const error = await rejection(probe.noted(), "ENDPOINT_NOT_STARTED");
      assert.match(error.message, /Probe\.noted/);
      assert.equal(service.deadLetters.count("not-started"), 2);
      server.start();
      assert.deepEqual(await probe.noted(), []);
    },
  ),
  calling(
    "P5",
    "messages that arrive while onStart is pending wait and run after it, in order (over M6, M7)",
    async (world) => {
      const probe = world.service.gateway(ProbeGateway, world.open("slow-probe"));
      probe.note("first");
      const noted = probe.noted();
      await world.elapse(30);
      assert.deepEqual(await noted, ["started", "first"]);
    },
  ),
  calling("M1", "turns never overlap, wherever they come from", async (world) => {
    const address = world.open("probe");
    const probe = world.service.gateway(ProbeGateway, address);
    const overlaps = world.service.gateway(QueueProbeGateway, address).overlaps(3_000);
    // Each reads the total and writes it again.
    const totals = await Promise.all(Array.from({ length: 300 }, () => probe.add(1)));
    assert.equal(await overlaps, 0);
    assert.deepEqual(
      totals,
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
  }),
  calling("S1", "execute runs its body as a turn", async (world) => {
    assert.deepEqual(await world.service.gateway(QueueProbeGateway, world.open("probe")).executed(), ["passed"]);
  }),
  calling("S2", "a runAsync body that throws does no harm", async (world) => {
    const address = world.open("probe");
    await world.service.gateway(QueueProbeGateway, address).runAsyncThrows();
    assert.deepEqual(await world.service.gateway(ProbeGateway, address).noted(), []);
  }),
  calling("S4", "callAsync gives its body's value", async (world) => {
    assert.equal(await world.service.gateway(QueueProbeGateway, world.open("probe")).callAsyncGives(), 42);
  }),
  calling("S5", "callAsync fails with what its body threw", async (world) => {
    const error = await rejection(world.service.gateway(QueueProbeGateway, world.open("probe")).callAsyncThrows());
    assert.equal(error.message, "out of range");
  }),
  calling("S6", "callAsync times out with a TimeoutException", async (world) => {
    const timed = rejection(
      world.service.gateway(QueueProbeGateway, world.open("probe")).callAsyncTimesOut(),
      "TIMEOUT",
    );
    await world.elapse(40);
    assert.match((await timed).message, /callAsync gave no result within 20 ms/);
  }),
  calling("S7", "callAsync gives what the Later of its body gives (over S7)", async (world) => {
    assert.equal(await world.service.gateway(QueueProbeGateway, world.open("probe")).callAsyncLater(), 42);
  }),
  calling("S9", "a delay of zero runs on arrival", async (world) => {
    const waited = world.service.gateway(QueueProbeGateway, world.open("probe")).scheduledAfter(0);
    await world.elapse(30);
    assert.ok((await waited) >= 0);
  }),
  calling("S10", "what a fenced endpoint schedules for itself carries its token", async (world) => {
    const gateway = world.service.gateway(FencedProbeGateway, world.open("fenced-probe"));
    await gateway.selfNoteLater("later", 5);
    await world.elapse(60);
    assert.deepEqual(await gateway.noted(), ["later"]);
  }),
  calling("S11", "a scheduled body runs as a turn, not before its delay (S8)", async (world) => {
    const waited = world.service.gateway(QueueProbeGateway, world.open("probe")).scheduledAfter(25);
    await world.elapse(60);
    assert.ok((await waited) >= 24);
  }),
  calling("S12", "a cancelled body never runs", async (world) => {
    const runs = world.service.gateway(QueueProbeGateway, world.open("probe")).cancelledRuns();
    await world.elapse(100);
    assert.deepEqual(await runs, []);
  }),
  calling(
    "S16",
    "termination cancels timers, durable ones too: a terminated endpoint does nothing more",
    async (world) => {
      const address = world.open("probe");
      await world.service.gateway(QueueProbeGateway, address).setTimer("late", 400, 0);
      const probe = world.service.gateway(ProbeGateway, address);
      await probe.terminateHolding("stop");
      await world.elapse(500);
      assert.deepEqual(await world.service.gateway(QueueProbeGateway, address).timersRun(), []);
      await probe.release("stop");
    },
  ),
  calling(
    "T2",
    "the main-thread check passes in turns and continuations (T6) and fails in what floats on",
    async (world) => {
      const found = await world.service.gateway(QueueProbeGateway, world.open("probe")).mainThread();
      assert.deepEqual(found, { turn: "passed", continuation: "passed", floating: "ILLEGAL_STATE" });
    },
  ),
  calling("DT1", "a durable timer runs once, as a turn, not before its time", async (world) => {
    const queue = world.service.gateway(QueueProbeGateway, world.open("probe"));
    await queue.setTimer("once", 300, 0);
    assert.deepEqual(await queue.timersRun(), []);
    await world.elapse(400);
    assert.deepEqual(await queue.timersRun(), ["once"]);
  }),
  calling("DT2", "a durable timer survives the activation that set it", async (world) => {
    const address = world.open("probe");
    const queue = world.service.gateway(QueueProbeGateway, address);
    await queue.setTimer("survives", 400, 0);
    await world.crash(address);
    await queue.timersRun();
    await world.elapse(600);
    assert.deepEqual(await queue.timersRun(), ["survives"]);
  }),
  calling(
    "DT3",
    "a timer whose turn throws is due again after a back-off, and its writes are undone",
    async (world) => {
      const queue = world.service.gateway(QueueProbeGateway, world.open("probe"));
      await queue.setTimer("fails once", 10, 1);
      await world.elapse(200);
      assert.deepEqual(await queue.timersRun(), []);
      await world.elapse(1_200);
      assert.deepEqual(await queue.timersRun(), ["fails once"]);
    },
  ),
];
