/// <reference types="@cloudflare/vitest-plugin/types" />
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { milliseconds } from "../../src/common/duration.ts";
import { systemIds } from "../../src/common/ids.ts";
import { BatchEncoder } from "../../src/rpc/session/batch-encoder.ts";
import { ForwardedEnvelope } from "../../src/rpc/session/forwarded-envelope.ts";
import { SESSION_VERSION } from "../../src/rpc/session/session-protocol.ts";
import { createDurableObjectWorld } from "../conformance/durable-object-world.ts";
import { envelope } from "../conformance/row.ts";
import { rpcServiceOf } from "../../src/entrypoint/durable-object-rpc.ts";
import { filteredCalls, ProbeObject } from "../fixtures/rpc/probe-objects.ts";
import type { ProbeEnvironment } from "../fixtures/rpc/probe-objects.ts";
import { FencedProbeGateway, ProbeGateway, QueueProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import {
  callThroughFilters,
  recordedFilters,
  seenOnBothSides,
  THROUGH_FILTERS,
} from "../fixtures/rpc/recorded-filters.ts";

// The bindings are those of test/workerd/wrangler.toml.
const probes = env as unknown as ProbeEnvironment;

describe("an endpoint as a Durable Object", () => {
  // The pool evicts no object that has an open session.
  const world = createDurableObjectWorld(probes, milliseconds(0));
  const open = (): string => world.open("probe");

  it("survives eviction: a new incarnation of the same state, no onStop", async () => {
    const address = open();
    const probe = world.service.gateway(ProbeGateway, address);
    await probe.add(3);
    await evictDurableObject(probes.PROBE.getByName(address));
    expect(await probe.whoAreYou()).toEqual({ epoch: 1, incarnation: 2, reason: "recovered" });
    expect(await probe.total()).toBe(3);
    expect(await world.service.gateway(QueueProbeGateway, address).lifecycle()).toEqual(["onStart running=true"]);
  });

  it("is woken by its alarm alone, and the timer's turn runs in it", async () => {
    const address = open();
    await world.service.gateway(QueueProbeGateway, address).setTimer("wake", 3_600_000, 0);
    const stub = probes.PROBE.getByName(address);
    await evictDurableObject(stub);
    await runInDurableObject(stub, (_object, state) => {
      // The hour passes.
      state.storage.sql.exec("UPDATE sluice_timers SET due = 0");
    });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await world.service.gateway(QueueProbeGateway, address).timersRun()).toEqual(["wake"]);
    expect(await runInDurableObject(stub, (_object, state) => state.storage.getAlarm())).toBeNull();
  });

  it("holds no alarm without timers: none set, the last one fired, or terminated", async () => {
    const alarmOf = (address: string): Promise<number | null> =>
      runInDurableObject(probes.PROBE.getByName(address), (_object, state) => state.storage.getAlarm());
    const idle = open();
    await world.service.gateway(ProbeGateway, idle).total();
    expect(await alarmOf(idle)).toBeNull();
    const fired = open();
    await world.service.gateway(QueueProbeGateway, fired).setTimer("soon", 5, 0);
    await world.elapse(100);
    expect(await world.service.gateway(QueueProbeGateway, fired).timersRun()).toEqual(["soon"]);
    expect(await alarmOf(fired)).toBeNull();
    const terminated = open();
    await world.service.gateway(QueueProbeGateway, terminated).setTimer("never", 3_600_000, 0);
    expect(await alarmOf(terminated)).not.toBeNull();
    await world.service.gateway(ProbeGateway, terminated).terminateHolding("");
    expect(await alarmOf(terminated)).toBeNull();
  });

  it("that failed to start is reset, and tries again at the next call", async () => {
    const address = world.open("failing-probe");
    const probe = world.service.gateway(ProbeGateway, address);
    const incarnations: unknown[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(probe.noted().catch((error: unknown) => Promise.reject(error))).rejects.toMatchObject({
        code: "ENDPOINT_NOT_STARTED",
        retryable: true,
        cause: { cause: { code: "CONFLICT" } },
      });
      await world.elapse(50);
      const row = await runInDurableObject(probes.FAILING_PROBE.getByName(address), (_object, state) =>
        state.storage.sql.exec("SELECT incarnation FROM sluice_identity").one(),
      );
      incarnations.push(row["incarnation"]);
      await world.elapse(50);
    }
    expect(Number(incarnations[1])).toBeGreaterThan(Number(incarnations[0]));
  });

  it("fails calls in flight when it is reset, as retryable; the next call reaches the next instance", async () => {
    const address = open();
    const probe = world.service.gateway(ProbeGateway, address);
    await probe.total();
    const waiting = probe.hold("x").catch((error: unknown) => error);
    await probe.total();
    await world.crash(address);
    expect(await waiting).toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(await probe.whoAreYou()).toMatchObject({ incarnation: 2 });
  });

  describe("whose method declares to be undone by a reset", () => {
    const opened = async (): Promise<{ address: string; probe: ProbeGateway; queue: QueueProbeGateway }> => {
      const address = open();
      const probe = world.service.gateway(ProbeGateway, address);
      const queue = world.service.gateway(QueueProbeGateway, address);
      await queue.addLast(3, "well");
      return { address, probe, queue };
    };

    it.each(["throws after", "throws after SQL", "throws after a timer", "throws after a transaction"] as const)(
      "that %s: nothing it wrote stays, its memory goes, its caller hears why",
      async (how) => {
        const { probe, queue } = await opened();
        await expect(queue.addLast(4, how)).rejects.toMatchObject({
          code: "RECIPIENT_UNREACHABLE",
          retryable: true,
          message: expect.stringContaining("QueueProbe.addLast threw after it wrote: RangeError: out of range"),
        });
        expect(await probe.total()).toBe(3);
        expect(await probe.whoAreYou()).toMatchObject({ incarnation: 2 });
        expect(await queue.timersPending()).toBe(0);
      },
    );

    it.each([
      ["throws before", "UNEXPECTED"],
      ["fails to write", "UNEXPECTED"],
      ["puts what cannot be stored", "SERIALIZATION"],
      ["sets a timer whose payload cannot be stored", "SERIALIZATION"],
      ["throws in a transaction", "UNEXPECTED"],
    ] as const)("that %s: its caller gets the error, and memory stays", async (how, code) => {
      const { probe, queue } = await opened();
      await expect(queue.addLast(4, how)).rejects.toMatchObject({ code });
      expect(await probe.noted()).toEqual(["well", how]);
      expect(await probe.total()).toBe(3);
    });

    it.each([
      ["fails after a statement", "no_such_table"],
      ["fails after a row", "UNIQUE"],
      ["throws no error after it", "thrown value that is no error"],
    ] as const)("that %s: what was written goes, too", async (how, why) => {
      const { address, probe, queue } = await opened();
      await expect(queue.addLast(4, how)).rejects.toMatchObject({ message: expect.stringContaining(why) });
      expect(await probe.total()).toBe(3);
      expect(await probe.whoAreYou()).toMatchObject({ incarnation: 2 });
      const keys = await runInDurableObject(probes.PROBE.getByName(address), (_object, state) =>
        state.storage.sql.exec("SELECT key FROM sluice_kv").toArray(),
      );
      expect(keys).toEqual([{ key: "total" }]);
    });

    it("what its batch wrote before goes with it: none of these callers has heard that it was done", async () => {
      const { probe, queue } = await opened();
      const [before, bad] = await Promise.allSettled([
        probe.add(10),
        queue.addLast(100, "throws after"),
        probe.add(20),
      ]);
      expect([before.status, bad.status]).toEqual(["rejected", "rejected"]);
      expect(await probe.total()).toBe(3);
    });
  });

  it("keeps the epoch it granted itself", async () => {
    const address = world.open("fenced-probe");
    const gateway = world.service.gateway(FencedProbeGateway, address);
    await gateway.noted();
    await world.crash(address);
    await gateway.noted();
    await world.crash(address);
    await gateway.noted();
    expect(gateway.getFencingToken()).toBe(3);
  });

  it("prints one line per message and alarm if SLUICE_EVENT_LOG is 1, and none otherwise", async () => {
    const address = open();
    const print = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const linesWith = (variables: object): Promise<string[]> =>
      runInDurableObject(probes.PROBE.getByName(address), async (_object, state) => {
        print.mockClear();
        const object = new ProbeObject(state, { ...probes, ...variables });
        const encoder = new BatchEncoder();
        const items = [envelope(address, { method: "total" }), envelope(address, { kind: "handshake", method: "" })];
        const unheard = { resolve: () => undefined, reject: () => undefined };
        const messages = items.map((item, index) => {
          const as = { args: "[]", repeatable: false, nowMillis: 0 };
          return Object.assign(new ForwardedEnvelope(item, as, unheard), { number: index + 1 });
        });
        const batch = encoder.encode(messages, { nowMillis: 0, received: [] });
        await object.openSession({ version: SESSION_VERSION, conversation: systemIds.hex(), batch });
        await expect(object.openSession("nonsense")).rejects.toMatchObject({ code: "UNKNOWN_MESSAGE" });
        await object.alarm();
        return print.mock.calls.map(([line]) => String(line));
      });
    expect(await linesWith({})).toEqual([]);
    expect(await linesWith({ SLUICE_EVENT_LOG: "1" })).toEqual([
      `event ${address} rpc Probe.total`,
      `event ${address} rpc Probe.handshake`,
      `event ${address} alarm`,
    ]);
    print.mockRestore();
  });

  it("has filters on both sides, and a caller that is no endpoint has its own", async () => {
    const [probe, peer] = [`filtered-probe/${systemIds.hex()}`, `filtered-probe/${systemIds.hex()}`] as const;
    const service = rpcServiceOf(probes, { filters: recordedFilters(filteredCalls) });
    expect(await callThroughFilters(service, [probe, peer])).toEqual(THROUGH_FILTERS);
    expect(filteredCalls).toEqual(seenOnBothSides(peer));
  });

  it("offers nothing but sessions to others: no method of its endpoint can be called", async () => {
    const address = open();
    const stub = probes.PROBE.getByName(address);
    for (const method of ["add", "onStart", "terminate", "getSelfGateway"]) {
      const call = async (): Promise<unknown> => (Reflect.get(stub, method) as (by: number) => Promise<unknown>)(1);
      await expect(call()).rejects.toThrow(/does not implement/);
    }
    const reply = await world.service.openChannel(address).send(envelope(address, { method: "onStart" }));
    expect(reply).toMatchObject({ outcome: "error", error: { code: "RPC_CONNECTION" } });
  });
});
