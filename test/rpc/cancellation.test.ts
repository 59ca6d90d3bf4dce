import { beforeEach, describe, expect, it } from "vitest";
import { ask, defineGateway, RpcEndpoint, withOptions } from "../../src/rpc/index.ts";
import type { Epoch, HandlerOf, Incarnation, Later } from "../../src/rpc/index.ts";
import { Cancellation } from "../../src/rpc/cancellation.ts";
import { CancellationException } from "../../src/rpc/exceptions.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import { createLocalWorld } from "../conformance/local-world.ts";
import { envelope } from "../conformance/row.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

const reason = new CancellationException("not wanted");

describe("a cancellation", () => {
  let cancellation: Cancellation;
  let heard: unknown[];

  beforeEach(() => {
    cancellation = new Cancellation();
    heard = [];
  });

  it("tells each listener once, later ones at once, and keeps its first reason", () => {
    cancellation.onCancel((why) => void heard.push(why));
    cancellation.cancel(reason);
    cancellation.cancel(new CancellationException("again"));
    cancellation.onCancel((why) => void heard.push(why));
    expect(heard).toEqual([reason, reason]);
    expect(cancellation.reason).toBe(reason);
  });

  it("is heard no more by who left", () => {
    const leave = cancellation.onCancel((why) => void heard.push(why));
    leave();
    cancellation.cancel(reason);
    expect(heard).toEqual([]);
  });

  it.each(["before", "after"])("aborts its signal, asked for %s it", (when) => {
    if (when === "before") expect(cancellation.signal.aborted).toBe(false);
    cancellation.cancel(reason);
    expect(cancellation.signal.aborted).toBe(true);
    expect(cancellation.signal.reason).toBe(reason);
    expect(cancellation.signal).toBe(cancellation.signal);
  });
});

const CallerGateway = defineGateway("Caller", {
  version: 1,
  turns: "sync",
  methods: { changesItsMind: ask<(peer: string) => string>() },
});

class Caller extends RpcEndpoint implements HandlerOf<typeof CallerGateway> {
  changesItsMind(peer: string): Later<string> {
    const abort = new AbortController();
    const call = withOptions(this.gateway(ProbeGateway, peer), { signal: abort.signal }).add(1);
    abort.abort();
    return this.ask(
      call,
      () => "added",
      ({ code }) => code,
    );
  }
}

describe("a call", () => {
  it("that is aborted in the turn that made it never leaves", async () => {
    const sent: string[] = [];
    const service = new LocalRpcService({
      clock: new ManualClock(),
      intercept: ({ kind, method }) => (sent.push(`${kind} ${method}`), "deliver"),
    });
    service.startServer("caller", { gateways: [CallerGateway], factory: (context) => new Caller(context) });
    expect(await service.gateway(CallerGateway, "caller").changesItsMind("peer")).toBe("CANCELLED");
    expect(sent).toEqual(["ask changesItsMind"]);
  });
});

describe("a cancel message", () => {
  const peer = (name: string) => ({ address: name, epoch: 1 as Epoch, incarnation: 1 as Incarnation });

  it("is heard from the sender of the call only, and answered in any case", async () => {
    const world = createLocalWorld();
    const address = world.open("slow-probe");
    const channel = world.service.openChannel(address);
    const add = (id: string) => ({ ...envelope(address, { method: "add", args: [1], sender: peer("mine") }), id });
    // The probe is still starting: both wait.
    const [kept, dropped] = [channel.send(add("call:1"), false), channel.send(add("call:2"), false)];
    for (const [id, sender] of [
      ["call:1", peer("stranger")],
      ["call:1", null],
      ["call:2", peer("mine")],
      ["call:3", peer("mine")],
    ] as const) {
      const reply = await channel.send({ ...add(id), kind: "cancel", args: [], sender }, false);
      expect(reply).toMatchObject({ outcome: "value", value: undefined });
    }
    await world.elapse(50);
    expect(await kept).toMatchObject({ outcome: "value", value: 1 });
    expect(await dropped).toMatchObject({ outcome: "error", error: { code: "CANCELLED" } });
    expect(await world.service.gateway(ProbeGateway, address).total()).toBe(1);
    expect(world.service.deadLetters.count("cancelled")).toBe(1);
  });
});
