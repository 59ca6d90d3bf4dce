import { beforeEach, describe, expect, it } from "vitest";
import { toErrorData } from "../../src/common/exceptions.ts";
import { systemIds } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import {
  DeadLetters,
  FencingTokenException,
  milliseconds,
  SluiceException,
  UnknownMessageException,
  withOptions,
} from "../../src/rpc/index.ts";
import type { CallFilters, Epoch, Incarnation, RpcService } from "../../src/rpc/index.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import { GatewayFactory } from "../../src/rpc/gateway-factory.ts";
import type { MessageChannel, MessageHead } from "../../src/rpc/ports/rpc-channel.ts";
import { outsideCaller } from "../../src/rpc/outside-caller.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../src/rpc/rpc-service.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { FencedProbeGateway, ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

type Answer = (envelope: RequestEnvelope) => Promise<ReplyEnvelope>;

function replyTo({ id, endpoint }: RequestEnvelope, incarnation = 1): ReplyEnvelope {
  return {
    version: 1,
    id,
    address: endpoint,
    epoch: 1 as Epoch,
    incarnation: incarnation as Incarnation,
    outcome: "value",
    value: 5,
  };
}

describe("a caller", () => {
  let clock: ManualClock;
  let sent: RequestEnvelope[];
  let answer: Answer;
  let deadLetters: DeadLetters;
  let connect: () => Promise<unknown> = () => Promise.reject(new Error("no service"));

  const probe = (filters?: CallFilters, messages?: MessageChannel) =>
    serviceOf(filters, messages).gateway(ProbeGateway, "probe");

  const serviceOf = (filters?: CallFilters, messages?: MessageChannel): RpcService => {
    const service: RpcService = {
      defaultTimeout: DEFAULT_ASK_TIMEOUT,
      deadLetters,
      filters,
      gateway: (descriptor, address, epoch) => factory.gateway(descriptor, address, epoch),
      connect: (descriptor, address, epoch) => factory.connect(descriptor, address, epoch),
      openChannel: () => ({
        send: (envelope) => {
          sent.push(envelope);
          return answer(envelope);
        },
        ...(messages === undefined ? {} : { messages }),
      }),
    };
    const factory = new GatewayFactory(outsideCaller({ rpcService: service, clock, ids: systemIds }));
    connect = () => factory.connect(ProbeGateway, "probe");
    return service;
  };

  beforeEach(() => {
    clock = new ManualClock();
    sent = [];
    answer = (envelope) => Promise.resolve(replyTo(envelope));
    deadLetters = new DeadLetters(silentLogger);
  });

  it("refuses the reply of an instance that was superseded (over F15)", async () => {
    const gateway = probe();
    answer = (envelope) => Promise.resolve(replyTo(envelope, 2));
    expect(await gateway.add(1)).toBe(5);
    answer = (envelope) => Promise.resolve(replyTo(envelope, 1));
    await expect(gateway.add(1)).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
  });

  it("fails a call at once whose reply cannot be read (X6)", async () => {
    answer = () => Promise.reject(new UnknownMessageException("malformed reply: epoch"));
    await expect(probe().add(1)).rejects.toMatchObject({ code: "UNKNOWN_MESSAGE" });
    expect(clock.now()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("names a handshake by gateway and version when it times out", async () => {
    answer = () => new Promise(() => undefined);
    probe();
    const connecting = Promise.allSettled([connect()]);
    await clock.advance(10_001);
    const message: unknown = expect.stringMatching(/^handshake\(.+ version \d+\) to probe timed out/);
    expect(await connecting).toMatchObject([{ reason: { code: "TIMEOUT", message } }]);
  });

  it("says of a call whose fencing token did not come that it waited for that", async () => {
    answer = () => new Promise(() => undefined);
    const call = Promise.allSettled([serviceOf().gateway(FencedProbeGateway, "probe").noted()]);
    await clock.advance(10_001);
    const message: unknown = expect.stringMatching(/ timed out after 10000 ms, .+\(not sent: its token was awaited\)/);
    expect(await call).toMatchObject([{ reason: { code: "TIMEOUT", message } }]);
    expect(sent.map(({ kind }) => kind)).toEqual(["handshake"]);
  });

  describe("that aborts", () => {
    it("before the call sends nothing", async () => {
      const gateway = withOptions(probe(), { signal: AbortSignal.abort("no") });
      await expect(gateway.add(1)).rejects.toMatchObject({ code: "CANCELLED", cause: "no" });
      expect(sent).toEqual([]);
    });

    it("while it waits tells the callee which call, once, and lets go of its signal and timer", async () => {
      answer = () => new Promise(() => undefined);
      const abort = new AbortController();
      const call = Promise.allSettled([withOptions(probe(), { signal: abort.signal }).add(1)]);
      abort.abort();
      abort.abort();
      expect(await call).toMatchObject([{ status: "rejected", reason: { code: "CANCELLED" } }]);
      expect(sent.map(({ kind, method, args, seq }) => ({ kind, method, args, seq }))).toEqual([
        { kind: "ask", method: "add", args: [1], seq: 1 },
        { kind: "cancel", method: "add", args: [], seq: 2 },
      ]);
      expect(sent[1]?.id).toBe(sent[0]?.id);
      expect(clock.pending).toBe(0);
    });

    it("after the reply changes nothing", async () => {
      const abort = new AbortController();
      expect(await withOptions(probe(), { signal: abort.signal }).add(1)).toBe(5);
      abort.abort();
      expect(sent).toHaveLength(1);
    });
  });

  describe("of an endpoint whose epoch rises with every message", () => {
    let epoch: number;
    const kinds = () => sent.map((envelope) => [envelope.kind, envelope.epoch]);

    beforeEach(() => {
      epoch = 0;
      answer = (envelope) => {
        epoch += 1;
        const reply = { ...replyTo(envelope), epoch: epoch as Epoch };
        if (envelope.kind === "handshake") return Promise.resolve(reply);
        const error = toErrorData(new FencingTokenException("too low"));
        const { version, id, address, incarnation } = reply;
        return Promise.resolve({ version, id, address, incarnation, epoch: reply.epoch, outcome: "error", error });
      };
    });

    it("asks once more, under another id, and is told of the failure once", async () => {
      const seen: unknown[] = [];
      const service = serviceOf({ outgoing: [() => (result) => void seen.push(result.ok)] });
      const call = service.gateway(FencedProbeGateway, "fenced").noted();
      await expect(call).rejects.toMatchObject({ code: "FENCING_TOKEN" });
      expect(kinds()).toEqual([
        ["handshake", null],
        ["ask", 1],
        ["ask", 2],
      ]);
      expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
      expect(seen).toEqual([false]);
      expect(clock.pending).toBe(0);
    });

    it("cancels what it asked last", async () => {
      const refuse = answer;
      answer = (envelope) => (envelope.epoch === 2 ? new Promise(() => undefined) : refuse(envelope));
      const abort = new AbortController();
      const gateway = withOptions(serviceOf().gateway(FencedProbeGateway, "fenced"), { signal: abort.signal });
      const call = Promise.allSettled([gateway.noted()]);
      await clock.settle();
      abort.abort();
      expect(await call).toMatchObject([{ status: "rejected", reason: { code: "CANCELLED" } }]);
      expect(kinds().at(-1)).toEqual(["cancel", 2]);
      expect(sent.at(-1)?.id).toBe(sent.at(-2)?.id);
      expect(clock.pending).toBe(0);
    });

    it("sends nothing once more whose caller has stopped waiting", async () => {
      const held = Promise.withResolvers<void>();
      const refuse = answer;
      answer = async (envelope) => {
        if (envelope.kind === "ask") await held.promise;
        return refuse(envelope);
      };
      const service = serviceOf();
      const gateway = withOptions(service.gateway(FencedProbeGateway, "fenced"), { timeout: milliseconds(5) });
      const call = Promise.allSettled([gateway.noted()]);
      await clock.advance(6);
      expect(await call).toMatchObject([{ status: "rejected", reason: { code: "TIMEOUT" } }]);
      held.resolve();
      await clock.settle();
      expect(kinds()).toEqual([
        ["handshake", null],
        ["ask", 1],
      ]);
    });
  });

  describe("withOptions", () => {
    it("adds up: the later timeout counts, and every signal", async () => {
      answer = () => new Promise(() => undefined);
      const [one, other] = [new AbortController(), new AbortController()];
      const once = withOptions(probe(), { timeout: milliseconds(100), signal: one.signal });
      const twice = withOptions(once, { timeout: milliseconds(200), signal: other.signal });
      const calls = Promise.allSettled([twice.add(1), twice.add(2)]);
      expect(sent.map(({ remainingMillis }) => remainingMillis)).toEqual([200, 200]);
      one.abort();
      expect(await calls).toMatchObject([{ reason: { code: "CANCELLED" } }, { reason: { code: "CANCELLED" } }]);
    });

    it("leaves calls of a method one head, and their cancels another: a session remembers each", () => {
      const heads = new Set<MessageHead>();
      const messages: MessageChannel = {
        turnMillis: undefined,
        keepsInMemory: false,
        capture: () => "[]",
        post: ({ head }) => void heads.add(head),
      };
      const gateway = probe(undefined, messages);
      for (let made = 0; made < 5; made += 1) {
        const abort = new AbortController();
        withOptions(gateway, { signal: abort.signal })
          .add(1)
          .catch(() => undefined);
        abort.abort();
      }
      expect([...heads].map(({ kind, method }) => [kind, method])).toEqual([
        ["ask", "add"],
        ["cancel", "add"],
      ]);
    });

    it("refuses what is no gateway", () => {
      expect(() => withOptions({ getAddress: () => "x" }, {})).toThrow(/gateway: expected one of an RpcService/);
    });
  });

  describe("with filters", () => {
    it("runs them in order, lets them set the trace, and tells their observers the result in reverse", async () => {
      const seen: string[] = [];
      const gateway = probe({
        outgoing: [
          (call) => {
            seen.push(`first ${call.kind} ${call.gateway}.${call.method} to ${call.address}`);
            call.trace = "trace-7";
            return ({ ok }) => void seen.push(`first over ${ok}`);
          },
          (call) => {
            seen.push(`second ${call.trace}`);
            return (result) => void seen.push(`second over ${result.ok || result.error.code}`);
          },
        ],
      });
      expect(await gateway.add(1)).toBe(5);
      answer = () => Promise.reject(new SluiceException("UNAVAILABLE", "gone"));
      await expect(gateway.add(2)).rejects.toThrow("gone");
      expect(sent.map(({ trace }) => trace)).toEqual(["trace-7", "trace-7"]);
      const began = ["first ask Probe.add to probe", "second trace-7"];
      expect(seen).toEqual([
        ...began,
        "second over true",
        "first over true",
        ...began,
        "second over UNAVAILABLE",
        "first over false",
      ]);
    });

    it("fails the call at once if one throws: nothing is sent, and those before it are told", () => {
      const seen: boolean[] = [];
      const gateway = probe({
        outgoing: [
          () =>
            ({ ok }) =>
              void seen.push(ok),
          () => {
            throw new SluiceException("QUOTA_EXCEEDED", "enough");
          },
        ],
      });
      expect(() => gateway.add(1)).toThrow("enough");
      expect(() => gateway.note("x")).toThrow("enough");
      expect(sent).toEqual([]);
      expect(seen).toEqual([false, false]);
    });

    it("tells of a tell, once, whether it was let in", async () => {
      const seen: unknown[] = [];
      const gateway = probe({ outgoing: [() => (result) => void seen.push(result.ok || result.error.code)] });
      gateway.note("x");
      await clock.settle();
      answer = () => Promise.reject(new SluiceException("UNAVAILABLE", "gone"));
      gateway.note("y");
      await clock.settle();
      expect(seen).toEqual([true, "UNAVAILABLE"]);
    });
  });
});
