import { describe, expect, it } from "vitest";
import { toErrorData } from "../../../src/common/exceptions.ts";
import {
  ask,
  defineGateway,
  DiagnosticsGateway,
  milliseconds,
  seconds,
  TimeoutException,
  withOptions,
} from "../../../src/rpc/index.ts";
import type { WireValue } from "../../../src/rpc/index.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { envelope } from "../../conformance/row.ts";
import { Desk, DeskGateway, PaperJam, refusal, thrownBy, openOffice } from "./office.ts";

/** What users of Flink's RPC layer complained about for years, one test each, with what happens here. */

describe("complaints about calls", () => {
  it("P1 no silent loss: what cannot be sent fails at once with method, path, size and limit, requests and replies alike", async () => {
    const { open } = openOffice();
    const desk = open("desk");
    const bad = { a: [new URL("https://example.com")] } as unknown as WireValue;
    expect(thrownBy(() => desk.write(bad))).toMatchObject({
      code: "SERIALIZATION",
      message: expect.stringContaining("Desk.write argument[0].a[0]: an instance of URL"),
    });
    const large = "x".repeat(17 * 1_024 * 1_024);
    const sizes = /about \d+ bytes, the limit is 16777216/;
    expect(thrownBy(() => desk.write(large))).toMatchObject({
      code: "SERIALIZATION",
      message: expect.stringMatching(sizes),
    });
    expect(thrownBy(() => desk.drop(large))).toMatchObject({ code: "SERIALIZATION" });
    expect(await refusal(desk.huge())).toMatchObject({ code: "SERIALIZATION", message: expect.stringMatching(sizes) });
    expect((await refusal(desk.unsendable())).message).toMatch(/result of Desk\.unsendable\.deep\[0\]/);
    expect(await desk.pages()).toEqual([]);
  });

  it("P2 a timeout tells method, target, limit and whose it was, how far the call got, and where it was made", async () => {
    const { clock, open } = openOffice();
    const desk = open("desk");
    const waits = refusal(desk.wait("for ever"));
    const own = refusal(withOptions(desk, { timeout: milliseconds(500) }).wait("less"));
    await clock.advance(10_000);
    // The callee was reached, and knows how far the call got.
    expect((await waits).message).toBe("ask(Desk.wait(string)) to desk expired while its handler ran");
    expect((await own).message).toMatch(/while its handler ran/);
    const nowhere = new LocalRpcService({ clock, intercept: () => "lose-request" });
    const theCaller = (): Promise<WireValue[]> => nowhere.gateway(DeskGateway, "desk").pages();
    const lost = refusal(theCaller());
    await clock.advance(2_000);
    const error = await lost;
    expect(error).toBeInstanceOf(TimeoutException);
    expect(error.message).toMatch(
      /ask\(Desk\.pages\(\)\) to desk timed out after 2000 ms, the limit of the method \(sent\)/,
    );
    expect(error.stack).toMatch(/theCaller/);
  });

  it("P3 a dead peer is told at once, by codes that say what it is and whether to try again", async () => {
    const { clock, service, open } = openOffice();
    const desk = open("desk");
    await desk.pages();
    expect(await refusal(service.gateway(DeskGateway, "nowhere").pages())).toMatchObject({ code: "RPC_CONNECTION" });
    const waiting = refusal(desk.wait("x"));
    await desk.pages();
    service.kill("desk");
    expect(await waiting).toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(await refusal(desk.pages())).toMatchObject({ code: "ENDPOINT_NOT_STARTED", retryable: true });
    service.restart("desk");
    await service.stopServer("desk");
    expect(await refusal(desk.pages())).toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: false });
    expect(clock.now()).toBe(0);
  });

  it("P5 work that comes before the start is done waits for it, in order; none is lost in silence", async () => {
    const { clock, service, host } = openOffice();
    const started = Promise.withResolvers<void>();
    const { server } = host("desk", (desk) => desk.after(started.promise));
    const desk = service.gateway(DeskGateway, "desk");
    desk.drop("before start()");
    await clock.settle();
    expect(service.deadLetters.count("not-started")).toBe(1);
    server.start();
    desk.drop("while starting");
    const pages = desk.pages();
    await clock.settle();
    started.resolve();
    expect(await pages).toEqual(["while starting"]);
  });

  it("P13 local calls copy like remote ones: nobody shares state, nobody sends what could not travel", async () => {
    const { open } = openOffice();
    const desk = open("desk");
    const page = { lines: ["one"] };
    const written = desk.write(page);
    page.lines.push("two");
    await written;
    const read = await desk.pages();
    expect(read).toEqual([{ lines: ["one"] }]);
    read.pop();
    expect(await desk.pages()).toHaveLength(1);
    expect(() => desk.write(new PaperJam() as unknown as WireValue)).toThrow(/an Error \(use toErrorData\)/);
  });

  it("P14 an exception travels as data: its class need not exist on the other side", async () => {
    const { open } = openOffice();
    const error = await refusal(open("desk").fail());
    expect(error).toMatchObject({
      code: "UNEXPECTED",
      message: "tray 2",
      cause: { name: "RangeError", message: "page 7" },
    });
    expect(error).not.toBeInstanceOf(PaperJam);
    expect(error.remoteStack).toMatch(/Desk\.fail/);
    expect(structuredClone(toErrorData(error))).toMatchObject({ code: "UNEXPECTED", message: "tray 2" });
  });

  it("P15 no transport state to get stuck in: a peer that was gone is called on the same gateway, and each turn has its own context", async () => {
    const { clock, service, open } = openOffice();
    const desk = open("desk");
    await desk.pages();
    service.kill("desk");
    await clock.advance(48 * 3_600_000);
    await refusal(desk.pages());
    service.restart("desk");
    expect(await desk.pages()).toEqual([]);
    const traced = (trace: string | null) =>
      service
        .openChannel("desk")
        .send(envelope("desk", { gateway: "Desk", gatewayVersion: 2, method: "trace", trace }), false);
    const replies = await Promise.all([traced("one"), traced(null), traced("two")]);
    expect(replies.map((reply) => reply.outcome === "value" && reply.value)).toEqual(["one", null, "two"]);
  });

  it("P17 versions are negotiated as a range, and an interface that drifted is named when it connects", async () => {
    const { service, open } = openOffice();
    open("desk");
    const { write } = DeskGateway.methods;
    const older = defineGateway("Desk", { version: 1, methods: { write } });
    const much = defineGateway("Desk", { version: 4, methods: { write } });
    const drifted = defineGateway("Desk", { version: 2, methods: { write, staple: ask<() => undefined>() } });
    await service.connect(older, "desk");
    expect(await refusal(service.connect(much, "desk"))).toMatchObject({ code: "HANDSHAKE" });
    expect((await refusal(service.connect(drifted, "desk"))).message).toMatch(/Desk version 2.*: staple$/);
  });

  it("P18 calls end with their callers: cancelled or late ones never start, and deadlines go on to further calls", async () => {
    const { clock, service, host } = openOffice();
    const started = Promise.withResolvers<void>();
    host("desk", (starting) => starting.after(started.promise)).server.start();
    const desk = service.gateway(DeskGateway, "desk");
    const abort = new AbortController();
    const cancelled = refusal(withOptions(desk, { signal: abort.signal }).write("unwanted"));
    await clock.settle();
    abort.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    await clock.settle();
    started.resolve();
    await clock.settle();
    expect(service.deadLetters.count("cancelled")).toBe(1);
    const late = await service
      .openChannel("desk")
      .send(
        envelope("desk", { gateway: "Desk", gatewayVersion: 2, method: "write", args: ["late"], remainingMillis: 0 }),
        false,
      );
    expect(late).toMatchObject({ outcome: "error", error: { code: "TIMEOUT" } });
    expect(await desk.pages()).toEqual([]);
    const lefts: (number | null)[] = [];
    const watched = new LocalRpcService({
      clock,
      intercept: ({ endpoint, remainingMillis }) => (endpoint === "b" && lefts.push(remainingMillis), "deliver"),
    });
    for (const address of ["a", "b"]) {
      watched.startServer(address, { gateways: [DeskGateway], factory: (context) => new Desk(context, clock) });
    }
    await withOptions(watched.gateway(DeskGateway, "a"), { timeout: seconds(1) }).pagesOf("b");
    expect(lefts).toEqual([1_000]);
  });

  it("P19 a tell that is refused is counted, by reason, at the service and at its method (D5)", async () => {
    const { clock, service, host } = openOffice();
    const { server } = host("desk");
    const desk = service.gateway(DeskGateway, "desk");
    desk.drop("too early");
    await clock.settle();
    expect(service.deadLetters.latest()).toMatchObject([
      { reason: "not-started", message: "tell(Desk.drop(string)) to desk" },
    ]);
    server.start();
    service.gateway(DeskGateway, "nowhere").drop("to nobody");
    await clock.settle();
    expect(service.deadLetters.count("unreachable")).toBe(1);
    const counters = await service.gateway(DiagnosticsGateway, "desk").requestMethodCounters();
    expect(counters[0]).toMatchObject({ method: "drop", calls: 0, rejected: { "not-started": 1 } });
  });
});
