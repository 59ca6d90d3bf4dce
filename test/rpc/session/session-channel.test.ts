import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { milliseconds } from "../../../src/common/duration.ts";
import type { ReplyEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { BatchDecoder } from "../../../src/rpc/session/batch-decoder.ts";
import { BatchEncoder } from "../../../src/rpc/session/batch-encoder.ts";
import { Conversation } from "../../../src/rpc/session/conversation.ts";
import type { Recipient } from "../../../src/rpc/session/conversation.ts";
import { ForwardedEnvelope } from "../../../src/rpc/session/forwarded-envelope.ts";
import { MAX_QUEUED_MESSAGES } from "../../../src/rpc/session/session-channel.ts";
import type { PackedFrame } from "../../../src/rpc/session/session-protocol.ts";
import type { SessionRequest } from "../../../src/rpc/session/session-request.ts";
import { ADDRESS, microtasks, request, SessionWorld, settled } from "./session-world.ts";

function nextOf<T>(stream: fc.Stream<T>): T {
  const { value, done } = stream.next();
  if (done === true) throw new Error("an infinite stream has ended");
  // Not the end, so an element.
  return value as T;
}

const valueOf = (reply: ReplyEnvelope): unknown => (reply.outcome === "value" ? reply.value : reply.error);

describe("SessionChannel", () => {
  it("carries the calls of one turn in one batch, and each reply to its call", async () => {
    const world = new SessionWorld();
    const replies = await Promise.all(
      Array.from({ length: 256 }, (_, index) => world.channel.send(request(`c:${index}`))),
    );
    expect(replies.map(valueOf)).toEqual(Array.from({ length: 256 }, (_, index) => `c:${index}`));
    expect(world.batches.map(({ count }) => count)).toEqual([256]);
    expect(world.opened).toBe(1);
  });

  it("keeps every field of an envelope", async () => {
    const world = new SessionWorld();
    const sent = [
      request("plain"),
      request("a:0"),
      request("a:00"),
      request("a:9007199254740993"),
      request("12", { chain: ["x", "y"], depth: 3, trace: "t", remainingMillis: 5 }),
      request("13", { sender: { address: "s", epoch: 2, incarnation: 3 } as never, epoch: 7 as never }),
      request("14", { args: [undefined, 1n, new Date(5), Number.NaN, -0, new Map([[1, new Uint8Array([1])]])] }),
      request("15", { args: [{ toJSON: "no function" }, ["\u{d800}", "é"]], kind: "tell", gateway: "Other" }),
      request("16", { kind: "handshake", method: "", args: [] }),
    ];
    const arrived: unknown[] = [];
    world.value = (envelope) => void arrived.push(envelope);
    const note = world.run.bind(world);
    world.run = (life, envelope, settle) => {
      if (envelope.kind === "tell") arrived.push(envelope);
      note(life, envelope, settle);
    };
    await Promise.all(sent.map((envelope) => world.channel.send(envelope)));
    expect(arrived).toEqual(sent.map((envelope, index) => ({ ...envelope, seq: index + 1 })));
  });

  it("answers with every kind of value, and with nothing", async () => {
    const world = new SessionWorld();
    const values = [undefined, null, 0, -0, Number.NaN, "x", [undefined], { a: { b: [1] } }, 5n, new Set([1])];
    world.value = (envelope) => values[Number(envelope.args[0])];
    const replies = await Promise.all(values.map((_, index) => world.channel.send(request("v", { args: [index] }))));
    expect(replies.map(valueOf)).toEqual(values);
    expect(Object.is(valueOf(replies[3]!), -0)).toBe(true);
  });

  it("keeps of an answered message only the answer, until that has arrived", () => {
    const seen: SessionRequest[] = [];
    const by = { epoch: 1 as Epoch, incarnation: 1 as Incarnation };
    const recipient: Recipient = {
      address: ADDRESS,
      accept: (message) => {
        seen.push(message);
        message.capture(message.args[0], "Echo.echo");
        message.answer(by);
      },
      receive: () => Promise.reject(new Error("not expected")),
      identity: () => by,
      now: () => 0,
      run: (_nowMillis, body) => body(),
    };
    const conversation = new Conversation(recipient, "life");
    const [envelope, decoder] = [request("c:1", { args: ["a", "large one"] }), new BatchDecoder(ADDRESS)];
    const parts = { args: '["a","large one"]', repeatable: false, nowMillis: 0 };
    const message = new ForwardedEnvelope(envelope, parts, { resolve: () => undefined, reject: () => undefined });
    message.number = 1;
    const answer = conversation.batch(new BatchEncoder().encode([message], { nowMillis: 0, received: [] }), decoder);
    expect(seen.map(({ args, json }) => ({ args, json }))).toEqual([{ args: [], json: '"a"' }]);
    conversation.resume();
    expect(conversation.replies([])).toEqual([expect.any(String), (answer as PackedFrame)[1]]);
  });

  it("callers out of step share batches: at most two are in flight", async () => {
    const world = new SessionWorld();
    world.delay = () => 20;
    const caller = async (extra: number): Promise<void> => {
      for (let made = 0; made < 20; made += 1) {
        await world.channel.send(request(`${extra}`));
        await microtasks(extra);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, extra) => caller(extra % 9)));
    expect(world.ran.length).toBe(64 * 20);
    expect(world.batches.length).toBeLessThan(150);
  });

  it("refuses what is beyond its bounds while its callee does not answer, and sends the rest in order", async () => {
    const world = new SessionWorld();
    const gate = Promise.withResolvers<void>();
    world.gate = gate.promise;
    const outcomes = [world.channel.send(request("first"))];
    await microtasks(3);
    for (let index = 0; index < MAX_QUEUED_MESSAGES; index += 1) outcomes.push(world.channel.send(request(`${index}`)));
    const beyond = await Promise.allSettled(["a", "b"].map((id) => world.channel.send(request(id))));
    expect(beyond).toMatchObject(
      ["a", "b"].map(() => ({ status: "rejected", reason: { code: "RPC_OVERLOADED", retryable: true } })),
    );
    gate.resolve();
    await Promise.all(outcomes);
    expect(world.ran.length).toBe(MAX_QUEUED_MESSAGES + 1);
    expect(world.ran.at(-1)?.id).toBe(`${MAX_QUEUED_MESSAGES - 1}`);
    await world.channel.send(request("there is room again"));
  });

  it("counts bytes too, but takes one message of any size", async () => {
    const world = new SessionWorld();
    const gate = Promise.withResolvers<void>();
    world.gate = gate.promise;
    const outcomes = [world.channel.send(request("first"))];
    await microtasks(3);
    const large = "x".repeat(10 * 1_024 * 1_024);
    for (let index = 0; index < 6; index += 1) outcomes.push(world.channel.send(request("large", { args: [large] })));
    await expect(world.channel.send(request("one more", { args: [large] }))).rejects.toMatchObject({
      code: "RPC_OVERLOADED",
    });
    outcomes.push(world.channel.send(request("a small one")));
    gate.resolve();
    await Promise.all(outcomes);
    expect(world.ran.length).toBe(8);
    await world.channel.send(request("there is room again", { args: [large] }));
  });

  it("a call that waited for its batch has that much less time left", async () => {
    const world = new SessionWorld();
    const seen: unknown[] = [];
    world.value = ({ remainingMillis }) => void seen.push(remainingMillis);
    await world.channel.send(request("0"));
    const gate = Promise.withResolvers<void>();
    world.gate = gate.promise;
    const first = ["1", "2"].map(async (id) => {
      await microtasks(Number(id));
      return world.channel.send(request(id, { remainingMillis: 100 }));
    });
    await microtasks(8);
    const waits = [50, 20].map((remainingMillis) => world.channel.send(request("3", { remainingMillis })));
    await world.clock.advance(30);
    gate.resolve();
    await Promise.all([...first, ...waits]);
    expect(seen).toEqual([null, 100, 100, 20, 0]);
  });

  it("one slow call holds back no other reply, and one pull waits for it", async () => {
    const world = new SessionWorld();
    world.answer = ({ id }) => (id === "slow" ? "held" : "at once");
    const slow = world.channel.send(request("slow"));
    const fast = await Promise.all(Array.from({ length: 9 }, (_, index) => world.channel.send(request(`f:${index}`))));
    expect(fast.map(valueOf)).toEqual(Array.from({ length: 9 }, (_, index) => `f:${index}`));
    for (let index = 0; index < 5; index += 1) await world.channel.send(request(`g:${index}`));
    expect(world.pulls).toBe(1);
    world.release();
    expect(valueOf(await slow)).toBe("slow");
    await settled();
    expect(world.pulls).toBe(1);
  });

  it("handlers that only just await answer with their batch", async () => {
    const world = new SessionWorld();
    world.answer = () => "soon";
    const replies = await Promise.all(["a", "b", "c"].map((id) => world.channel.send(request(id))));
    expect(replies.map(valueOf)).toEqual(["a", "b", "c"]);
    expect(world.pulls).toBe(0);
  });

  it("splits by bytes and by count, in order", async () => {
    const world = new SessionWorld();
    const large = "x".repeat(3 * 1_024 * 1_024);
    world.value = () => 0;
    await Promise.all(["1", "2", "3"].map((id) => world.channel.send(request(id, { args: [large] }))));
    expect(world.batches.map(({ count }) => count)).toEqual([1, 1, 1]);
    await Promise.all(Array.from({ length: 5_000 }, () => world.channel.send(request("n"))));
    expect(world.batches.slice(3).map(({ count }) => count)).toEqual([4_096, 904]);
    expect(world.ran.slice(0, 3).map(({ id }) => id)).toEqual(["1", "2", "3"]);
  });

  it("large replies come in several frames", async () => {
    const world = new SessionWorld();
    const large = "x".repeat(3 * 1_024 * 1_024);
    world.value = () => large;
    const replies = await Promise.all(["1", "2", "3"].map((id) => world.channel.send(request(id))));
    expect(replies.every((reply) => valueOf(reply) === large)).toBe(true);
    expect(world.pulls).toBeGreaterThan(0);
  });

  describe("leases", () => {
    it("end after five seconds of quiet, not before; the next call opens another", async () => {
      const world = new SessionWorld();
      await world.channel.send(request("1"));
      await world.clock.advance(4_000);
      await world.channel.send(request("2"));
      await world.clock.advance(4_999);
      expect(world.sessions).toBe(1);
      expect(world.opened).toBe(1);
      await world.clock.advance(1);
      expect(world.sessions).toBe(0);
      expect(world.clock.pending).toBe(0);
      await world.channel.send(request("3"));
      expect(world.opened).toBe(2);
    });

    it("last while a reply is awaited, and end five seconds after it", async () => {
      const world = new SessionWorld();
      world.answer = () => "held";
      const late = world.channel.send(request("1"));
      await settled();
      await world.clock.advance(60_000);
      expect(world.sessions).toBe(1);
      world.release();
      await late;
      await world.clock.advance(5_000);
      expect(world.sessions).toBe(0);
    });

    it("of no length end with their last reply", async () => {
      const world = new SessionWorld(milliseconds(0));
      await Promise.all([world.channel.send(request("1")), world.channel.send(request("2"))]);
      expect([world.opened, world.sessions, world.clock.pending]).toEqual([1, 0, 0]);
    });

    it("are replaced after 5,000 calls, with replies still to come", async () => {
      const world = new SessionWorld();
      world.answer = ({ id }) => (id === "slow" ? "held" : "at once");
      const slow = world.channel.send(request("slow"));
      for (let index = 0; index < 5_100; index += 1) await world.channel.send(request(`f:${index}`));
      expect(world.opened).toBe(2);
      await settled();
      expect(world.sessions).toBe(1);
      world.release();
      expect(valueOf(await slow)).toBe("slow");
      expect(world.ran.length).toBe(5_101);
    });
  });

  describe("a reset callee", () => {
    it("costs nothing if no call was on its way", async () => {
      const world = new SessionWorld();
      await world.channel.send(request("1"));
      world.reset();
      expect(valueOf(await world.channel.send(request("2")))).toBe("2");
      expect(world.ran).toEqual([
        { id: "1", life: 1 },
        { id: "2", life: 2 },
      ]);
    });

    it("fails what it may have run, as retryable; what may run twice is sent again; later calls go on", async () => {
      const world = new SessionWorld();
      world.answer = () => "held";
      const once = world.channel.send(request("once"));
      const again = world.channel.send(request("again"), true);
      await settled();
      world.answer = () => "at once";
      world.reset();
      const after = world.channel.send(request("after"));
      await expect(once).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
      expect(valueOf(await again)).toBe("again");
      expect(valueOf(await after)).toBe("after");
      expect(world.ran.map(({ id, life }) => `${id}@${life}`)).toEqual(["once@1", "again@1", "again@2", "after@2"]);
    });

    it("that keeps resetting ends in an error after three attempts", async () => {
      const world = new SessionWorld();
      world.fate = () => {
        world.reset();
        return "answered";
      };
      await expect(world.channel.send(request("1"), true)).rejects.toMatchObject({ retryable: true });
      expect(world.opened).toBe(3);
    });
  });

  it("a broken connection to a callee that lives runs nothing twice and loses nothing", async () => {
    const world = new SessionWorld();
    await world.channel.send(request("0"));
    for (const fate of ["lost before", "lost after"] as const) {
      let calls = 0;
      world.fate = () => ((calls += 1) === 1 ? fate : "answered");
      const replies = await Promise.all(["1", "2"].map((id) => world.channel.send(request(`${fate}${id}`))));
      expect(replies.map(valueOf)).toEqual([`${fate}1`, `${fate}2`]);
    }
    expect(world.ran.map(({ id }) => id)).toEqual(["0", "lost before1", "lost before2", "lost after1", "lost after2"]);
  });

  it("a callee that was reset behind a broken connection refuses what its former life may have run", async () => {
    const world = new SessionWorld();
    await world.channel.send(request("0"));
    let calls = 0;
    world.fate = () => ((calls += 1) === 1 ? "lost after" : "answered");
    world.opening = () => world.reset();
    expect(valueOf(await world.channel.send(request("1")))).toMatchObject({
      code: "RECIPIENT_UNREACHABLE",
      retryable: true,
    });
    expect(world.ran.map(({ id }) => id)).toEqual(["0", "1"]);
  });

  it("under any faults every call settles, runs at most once unless it may be repeated, and in order", async () => {
    const step = fc.record({
      repeatable: fc.boolean(),
      tell: fc.boolean(),
      answer: fc.constantFrom("at once" as const, "held" as const, "soon" as const),
      pause: fc.constantFrom("none" as const, "microtasks" as const, "settle" as const),
      event: fc.constantFrom(
        "none" as const,
        "none" as const,
        "none" as const,
        "reset" as const,
        "release" as const,
        "quiet" as const,
      ),
    });
    const fates = fc.infiniteStream(
      fc.constantFrom(
        "answered" as const,
        "answered" as const,
        "answered" as const,
        "answered" as const,
        "lost before" as const,
        "lost after" as const,
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fates,
        fc.infiniteStream(fc.nat(6)),
        async (steps, faults, delays) => {
          const world = new SessionWorld();
          let faulty = true;
          world.fate = () => (faulty ? nextOf(faults) : "answered");
          world.delay = () => nextOf(delays);
          world.answer = ({ id }) => steps[Number(id.slice(2))]?.answer ?? "at once";
          const outcomes = new Map<number, unknown>();
          const calls: Promise<unknown>[] = [];
          for (const [index, { repeatable, tell, pause, event }] of steps.entries()) {
            const call = world.channel.send(request(`m:${index}`, { kind: tell ? "tell" : "ask" }), repeatable);
            calls.push(
              call.then(
                (reply) => outcomes.set(index, valueOf(reply)),
                (error: unknown) => outcomes.set(index, error),
              ),
            );
            if (event === "reset") world.reset();
            if (event === "release") world.release();
            if (event === "quiet") await world.clock.advance(5_000);
            if (pause === "microtasks") await microtasks(3);
            if (pause === "settle") await settled();
          }
          faulty = false;
          world.answer = () => "at once";
          for (let round = 0; round < 10; round += 1) {
            await settled();
            world.release();
          }
          expect(outcomes.size).toBe(steps.length);
          await Promise.all(calls);
          for (const [index, { repeatable, tell }] of steps.entries()) {
            const runs = world.ran.filter(({ id }) => id === `m:${index}`);
            const outcome = outcomes.get(index);
            if (!repeatable) expect(runs.length).toBeLessThanOrEqual(1);
            expect(new Set(runs.map(({ life }) => life)).size).toBe(runs.length);
            // Refused by a later life, as data, or failed at the caller.
            if (typeof outcome === "object" && outcome !== null) expect(outcome).toMatchObject({ retryable: true });
            else {
              expect(outcome).toBe(tell ? undefined : `m:${index}`);
              expect(runs.length).toBeGreaterThan(0);
            }
          }
          for (const life of new Set(world.ran.map((run) => run.life))) {
            const order = world.ran.filter((run) => run.life === life).map(({ id }) => Number(id.slice(2)));
            expect(order).toEqual(order.toSorted((left, right) => left - right));
          }
          await world.clock.advance(10_000);
          expect(world.sessions).toBe(0);
          expect(world.clock.pending).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
