import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/rpc/index.ts";
import { decodeOutcomes, encodeCall } from "../../../src/transport/http/call-frame.ts";
import { encodeFrame, FRAME_MEDIA_TYPE, FrameReader } from "../../../src/transport/http/frame.ts";
import { HttpRpcService } from "../../../src/transport/http/http-rpc-service.ts";
import type { RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { envelope, rejection } from "../../conformance/row.ts";
import { ProbeGateway, QueueProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { createHttpWorld } from "./http-world.ts";

type HttpWorld = ReturnType<typeof createHttpWorld>;

async function post(
  world: HttpWorld,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return world.server.request("/", {
    method: "POST",
    // A view of a larger buffer must not show more than itself.
    body: Uint8Array.from(body),
    headers: { "content-type": FRAME_MEDIA_TYPE, ...headers },
  });
}

async function codesOf(response: Response): Promise<readonly string[]> {
  if (response.headers.get("content-type") !== FRAME_MEDIA_TYPE) {
    const body = (await response.json()) as {
      readonly errors: readonly string[];
      readonly exception: { readonly code: string };
    };
    expect(body.errors[0]).toEqual(expect.any(String));
    return [body.exception.code];
  }
  const frames = new FrameReader(1_000_000).push(new Uint8Array(await response.arrayBuffer()));
  return frames.flatMap(decodeOutcomes).map(([, outcome]) => {
    if (outcome.kind !== "reply") return outcome.error.code;
    return outcome.reply.outcome === "error" ? outcome.reply.error.code : "value";
  });
}

const frameOf = (head: object): Uint8Array<ArrayBuffer> => encodeFrame(JSON.stringify(head), []);
const join = (frames: readonly Uint8Array[]): Uint8Array => Uint8Array.from(frames.flatMap((frame) => [...frame]));

describe("malformed requests", () => {
  const fields = Object.keys(envelope("x"));

  it("each get a typed error, and none reaches a handler", async () => {
    const world = createHttpWorld();
    const address = world.open("probe");
    const good = (): Uint8Array => encodeCall(envelope(address, { method: "add", args: [1] }));
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // A good call that was cut.
      fc.nat(good().byteLength - 1).map((length) => good().slice(0, length)),
      // An envelope with one field replaced by something else.
      fc
        .tuple(
          fc.constantFrom(...fields.filter((field) => field !== "trace" && field !== "attachments")),
          fc.jsonValue(),
        )
        .map(([field, value]) => {
          const { id, seq, remainingMillis, args, ...head } = {
            ...envelope(address, { method: "vanished" }),
            [field]: value,
          };
          return frameOf({ heads: [head], calls: [[0, id, seq, remainingMillis, args]] });
        }),
      fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([head, call]) => frameOf({ heads: [head], calls: [call] })),
      fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([heads, calls]) => frameOf({ heads, calls })),
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const codes = await codesOf(await post(world, body));
        expect(codes.length).toBeGreaterThan(0);
        for (const code of codes) expect(code).not.toMatch(/^(value|UNEXPECTED)$/);
      }),
      { numRuns: 2_000 },
    );
    expect(await world.service.gateway(ProbeGateway, address).total()).toBe(0);
  });

  it("among good ones fail alone", async () => {
    const world = createHttpWorld();
    const address = world.open("probe");
    const good = envelope(address, { method: "add", args: [1] });
    const bad = encodeCall({ ...good, epoch: 0 as never });
    expect((await codesOf(await post(world, join([encodeCall(good), bad, encodeCall(good)])))).toSorted()).toEqual([
      "UNKNOWN_MESSAGE",
      "value",
      "value",
    ]);
  });

  it("that end within a frame run none of their calls", async () => {
    const world = createHttpWorld();
    const address = world.open("probe");
    const call = encodeCall(envelope(address, { method: "add", args: [1] }));
    expect(await codesOf(await post(world, join([call, call.slice(0, -1)])))).toEqual(["UNKNOWN_MESSAGE"]);
    expect(await world.service.gateway(ProbeGateway, address).total()).toBe(0);
  });

  it("with values that the wire does not admit are refused, naming the path", async () => {
    const world = createHttpWorld();
    const { id, seq, args: _none, ...head } = envelope(world.open("probe"), { method: "echo" });
    const meta = { values: { "0.at": ["URL"] }, v: 1 };
    const frame = frameOf({ heads: [head], calls: [[0, id, seq, null, [{ at: "https://sluice.test/" }], meta, []]] });
    const response = await post(world, frame);
    const [found] = new FrameReader(1_000_000).push(new Uint8Array(await response.arrayBuffer()));
    expect(decodeOutcomes(found ?? frame)[0]?.[1]).toMatchObject({
      kind: "refusal",
      error: { code: "SERIALIZATION", message: expect.stringMatching(/Probe\.echo argument\[0\]\.at: .*URL/) },
    });
  });
});

describe("the border", () => {
  it("asks who calls, and refuses what it does not know", async () => {
    const world = createHttpWorld({
      token: "right",
      authenticate: (request) => (request.headers.get("authorization") === "Bearer right" ? "right" : undefined),
    });
    const address = world.open("probe");
    expect(await world.service.gateway(ProbeGateway, address).add(1)).toBe(1);
    const stranger = new HttpRpcService({
      url: "http://server.test/",
      fetch: async (url, init) => world.server.request(url, init),
      token: async () => "wrong",
      clock: new ManualClock(),
    });
    const error = await rejection(stranger.gateway(ProbeGateway, address).add(1), "RPC_CONNECTION");
    expect(error.message).toMatch(/authorization/);
    expect(error.retryable).toBe(false);
    const response = await post(world, encodeCall(envelope(address)));
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  });

  it("exports the gateways it was given and no other", async () => {
    const world = createHttpWorld({ gateways: [ProbeGateway] });
    const address = world.open("probe");
    expect(await world.service.gateway(ProbeGateway, address).total()).toBe(0);
    const error = await rejection(world.service.gateway(QueueProbeGateway, address).lifecycle(), "HANDSHAKE");
    expect(error.message).toMatch(/QueueProbe is not exported/);
  });

  it("maps addresses, and refuses those that are not for this caller", async () => {
    const seen: unknown[] = [];
    const world: HttpWorld = createHttpWorld({
      resolveAddress: (address, { caller, gateway, method }) => {
        seen.push([address, caller, gateway.name, method]);
        return address === "mine" ? real : undefined;
      },
    });
    const real = world.open("probe");
    const mine = world.service.gateway(ProbeGateway, "mine");
    expect(await mine.add(2)).toBe(2);
    await rejection(world.service.gateway(ProbeGateway, real).add(1), "RPC_CONNECTION");
    expect(await mine.total()).toBe(2);
    expect(seen[0]).toEqual(["mine", "anybody", "Probe", "add"]);
  });

  it("believes nothing that a caller says of himself: sender, chain, depth, id", async () => {
    const seen: RequestEnvelope[] = [];
    const inner = new LocalRpcService({ intercept: (arrived) => (seen.push(arrived), "deliver") });
    const world = createHttpWorld({ rpcService: () => inner });
    const sender = { address: "v1/-/test/probe/x", epoch: 1, incarnation: 1 } as never;
    const forged = envelope("probe/x", { method: "add", args: [1], sender, depth: 8, chain: ["somebody's request"] });
    await post(world, encodeCall(forged));
    expect(seen).toEqual([{ ...forged, id: expect.any(String), sender: null, depth: 1, chain: [] }]);
    expect(seen[0]?.id).not.toBe(forged.id);
  });

  it("answers under the id and the address that the caller used", async () => {
    const world = createHttpWorld({ resolveAddress: () => real });
    const real = world.open("probe");
    const reply = await world.service.openChannel("mine").send(envelope("mine", { id: "my own", method: "total" }));
    expect(reply).toMatchObject({ id: "my own", address: "mine", value: 0 });
  });

  it("refuses bodies and batches over their limits, naming them", async () => {
    const world = createHttpWorld({ limits: { bodyBytes: 2_000, calls: 3 } });
    const address = world.open("probe");
    const call = encodeCall(envelope(address, { method: "add", args: [1] }));
    const tooMany = await post(world, join([call, call, call, call]));
    expect([tooMany.status, await codesOf(tooMany)]).toEqual([413, ["SERIALIZATION"]]);
    const error = await rejection(
      world.service.gateway(ProbeGateway, address).echo("x".repeat(2_000)),
      "SERIALIZATION",
    );
    expect(error.message).toBe("body: the limit is 2000 bytes");
    expect(await world.service.gateway(ProbeGateway, address).total()).toBe(0);
  });

  it("takes POST only, and only its own media type", async () => {
    const world = createHttpWorld();
    expect((await world.server.request("/")).status).toBe(405);
    expect((await post(world, new Uint8Array(8), { "content-type": "application/json" })).status).toBe(415);
  });
});

describe("batches", () => {
  /** A world whose requests and answers are counted. */
  function countingWorld(): {
    readonly world: HttpWorld;
    readonly service: HttpRpcService;
    readonly posts: Response[];
  } {
    const world = createHttpWorld();
    const posts: Response[] = [];
    const service = new HttpRpcService({
      url: "http://server.test/",
      clock: new ManualClock(),
      fetch: async (url, init) => {
        const response = await world.server.request(url, init);
        posts.push(response);
        return response;
      },
    });
    return { world, service, posts };
  }

  it("hold the calls of one turn: one POST", async () => {
    const { world, service, posts } = countingWorld();
    const probe = service.gateway(ProbeGateway, world.open("probe"));
    probe.note("first");
    const totals = await Promise.all([probe.add(1), probe.add(2), probe.total()]);
    expect(totals).toEqual([1, 3, 3]);
    expect(posts).toHaveLength(1);
    await probe.noted();
    expect(posts).toHaveLength(2);
  });

  it("hold nothing back: a slow call's batch answers the fast ones, and later batches run", async () => {
    const { world, service, posts } = countingWorld();
    const probe = service.gateway(ProbeGateway, world.open("probe"));
    const slow = probe.hold("slow");
    expect(await probe.add(1)).toBe(1);
    expect(await probe.add(1)).toBe(2);
    await probe.release("slow");
    expect(await slow).toBe("slow");
    expect(posts).toHaveLength(3);
  });

  it("gather calls of later turns until the server has begun to answer, and so keep their order", async () => {
    const world = createHttpWorld();
    const answers: (() => void)[] = [];
    const service = new HttpRpcService({
      url: "http://server.test/",
      clock: new ManualClock(),
      fetch: async (url, init) => {
        await new Promise<void>((resolve) => answers.push(resolve));
        return world.server.request(url, init);
      },
    });
    const probe = service.gateway(ProbeGateway, world.open("probe"));
    probe.note("1");
    await new ManualClock().settle();
    probe.note("2");
    await new ManualClock().settle();
    const noted = probe.noted();
    await new ManualClock().settle();
    expect(answers).toHaveLength(1);
    answers.shift()?.();
    for (let turn = 0; turn < 20; turn += 1) await new ManualClock().settle();
    expect(answers).toHaveLength(1);
    answers.shift()?.();
    expect(await noted).toEqual(["1", "2"]);
  });

  it("fail as a whole when the connection breaks, and what has been answered stays answered", async () => {
    const { world, posts } = countingWorld();
    const service = new HttpRpcService({
      url: "http://server.test/",
      clock: new ManualClock(),
      fetch: async (url, init) => {
        const { body } = await world.server.request(url, init);
        const reader = body?.getReader();
        const first = await reader?.read();
        void reader?.cancel();
        return new Response(new Uint8Array(first?.value as Uint8Array), {
          headers: { "content-type": FRAME_MEDIA_TYPE },
        });
      },
    });
    const probe = service.gateway(ProbeGateway, world.open("probe"));
    const slow = rejection(probe.hold("never"), "RECIPIENT_UNREACHABLE");
    expect(await probe.add(1)).toBe(1);
    expect((await slow).retryable).toBe(true);
    expect(posts).toHaveLength(0);
  });

  it("that cannot be sent fail as connection errors; their tells are dead letters (P19)", async () => {
    const service = new HttpRpcService({
      url: "http://server.test/",
      clock: new ManualClock(),
      fetch: () => Promise.reject(new TypeError("refused")),
    });
    const probe = service.gateway(ProbeGateway, "v1/-/test/probe/x");
    probe.note("lost");
    const error = await rejection(probe.total(), "RPC_CONNECTION");
    expect([error.retryable, error.message]).toEqual([true, expect.stringMatching(/server\.test.*refused/)]);
    expect(service.deadLetters.count("unreachable")).toBe(1);
  });

  it("fail at once when the service is closed, before and after", async () => {
    const world = createHttpWorld();
    const probe = world.service.gateway(ProbeGateway, world.open("probe"));
    const slow = probe.hold("x").catch((error: unknown) => error);
    await probe.total();
    world.service.close();
    expect(SluiceException.is(await slow, "RPC_CONNECTION")).toBe(true);
    await rejection(probe.total(), "RPC_CONNECTION");
  });

  it("answered by something that is none of ours fail, showing what it said", async () => {
    const service = new HttpRpcService({
      url: "http://server.test/rpc",
      clock: new ManualClock(),
      fetch: async () => new Response("<html>bad gateway", { status: 502 }),
    });
    const error = await rejection(service.gateway(ProbeGateway, "x").total(), "RPC_CONNECTION");
    expect([error.message, error.retryable]).toEqual([expect.stringMatching(/502: <html>bad gateway/), true]);
  });
});
