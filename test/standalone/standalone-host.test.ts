import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { milliseconds } from "../../src/rpc/index.ts";
import { addressOf, fileOf, kindOf } from "../../src/entrypoint/standalone/object-file.ts";
import { ClockAlarm } from "../../src/transport/local/clock-alarm.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { rejection } from "../conformance/row.ts";
import { ProbeGateway, QueueProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import {
  callThroughFilters,
  recordedFilters,
  seenOnBothSides,
  THROUGH_FILTERS,
} from "../fixtures/rpc/recorded-filters.ts";
import { openProbeHost } from "../fixtures/standalone/open-probe-host.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const ADDRESS = "v1/-/test/probe/One";
const IDLE = milliseconds(1_000);

describe("a standalone host", () => {
  it("keeps an object per address, in a file of its own, under both kinds of names", async () => {
    using folder = temporaryFolder();
    const host = openProbeHost(folder.path);
    const total = (address: string, by: number): Promise<number> =>
      host.rpcService.gateway(ProbeGateway, address).add(by);
    expect(await Promise.all([total(ADDRESS, 1), total("v1/-/test/probe/one", 2), total("probe/One", 3)])).toEqual([
      1, 2, 3,
    ]);
    expect(
      readdirSync(join(folder.path, "objects/v1/-/test/probe")).filter((name) => name.endsWith(".sqlite")),
    ).toEqual(["=4fne.sqlite", "one.sqlite"]);
    await host.close();
  });

  it.each([
    "",
    "probe",
    "probe/",
    "/x",
    "probe/a/b",
    "v2/-/test/probe/x",
    "v1/-/test/nobody/x",
    "constructor/x",
    `probe/${"x".repeat(300)}`,
  ])("knows no endpoint %j, and makes no file for it", async (address) => {
    using folder = temporaryFolder();
    const host = openProbeHost(folder.path);
    await rejection(host.rpcService.gateway(ProbeGateway, address).total(), "RPC_CONNECTION");
    expect(readdirSync(join(folder.path, "objects"))).toEqual([]);
    await host.close();
  });

  it("has filters on both sides of its calls", async () => {
    using folder = temporaryFolder();
    const seen: string[] = [];
    const host = openProbeHost(folder.path, { filters: recordedFilters(seen) });
    expect(await callThroughFilters(host.rpcService, ["probe/a", "probe/b"])).toEqual(THROUGH_FILTERS);
    expect(seen).toEqual(seenOnBothSides("probe/b"));
    await host.close();
  });

  it("lets an idle object leave memory, and builds it anew from its file", async () => {
    using folder = temporaryFolder();
    const clock = new ManualClock();
    const host = openProbeHost(folder.path, { clock, idle: IDLE });
    const probe = host.rpcService.gateway(ProbeGateway, ADDRESS);
    await probe.add(5);
    const held = probe.hold("busy");
    probe.note("in memory");
    await clock.advance(5 * IDLE);
    expect(host.loadedObjects).toBe(1);
    expect(await probe.noted()).toContain("in memory");
    await probe.release("busy");
    await held;
    await clock.advance(2 * IDLE);
    expect(host.loadedObjects).toBe(0);
    expect(await probe.whoAreYou()).toMatchObject({ incarnation: 2, reason: "recovered" });
    expect(await probe.total()).toBe(5);
    expect(await probe.noted()).toEqual([]);
    await host.close();
  });

  it("wakes an object that left memory when its timer is due", async () => {
    using folder = temporaryFolder();
    const clock = new ManualClock();
    const host = openProbeHost(folder.path, { clock, idle: IDLE });
    await host.rpcService.gateway(QueueProbeGateway, ADDRESS).setTimer("late", 10 * IDLE, 0);
    await clock.advance(5 * IDLE);
    expect(host.loadedObjects).toBe(0);
    await clock.advance(5 * IDLE + 1);
    expect(host.loadedObjects).toBe(1);
    expect(await host.rpcService.gateway(QueueProbeGateway, ADDRESS).timersRun()).toEqual(["late"]);
    await host.close();
  });

  it("arms what is stored when it starts on a folder that was there", async () => {
    using folder = temporaryFolder();
    const first = openProbeHost(folder.path, { clock: new ManualClock() });
    await first.rpcService.gateway(QueueProbeGateway, ADDRESS).setTimer("stored", 2_000, 0);
    await first.close();
    const clock = new ManualClock(1_000);
    const second = openProbeHost(folder.path, { clock });
    expect(second.loadedObjects).toBe(0);
    await clock.advance(1_000);
    expect(await second.rpcService.gateway(QueueProbeGateway, ADDRESS).timersRun()).toEqual(["stored"]);
    expect(await second.rpcService.gateway(ProbeGateway, ADDRESS).whoAreYou()).toMatchObject({ incarnation: 2 });
    await second.close();
  });

  it("refuses calls when it is closed, and leaves nothing scheduled", async () => {
    using folder = temporaryFolder();
    const clock = new ManualClock();
    const host = openProbeHost(folder.path, { clock });
    const probe = host.rpcService.gateway(ProbeGateway, ADDRESS);
    await host.rpcService.gateway(QueueProbeGateway, ADDRESS).setTimer("never", 5, 0);
    await host.close();
    expect(clock.pending).toBe(0);
    await rejection(probe.total(), "RPC_CONNECTION");
  });
});

describe("an object's file", () => {
  it.each(["probe/a", "v1/eu/Cluster-1/job-master/0aF", "chat/room é!", "x/.", "x/..", "x/con", "a=/=b"])(
    "is named so that %j is found again, below its folder",
    (address) => {
      expect(kindOf(address)).toBeDefined();
      expect(addressOf(fileOf(address))).toBe(address);
      expect(fileOf(address)).toMatch(/^[a-z0-9_=-]+(\/[a-z0-9_=-]+)+\.sqlite$/);
    },
  );
});

describe("a host's alarm", () => {
  it("rings once, when it is due, also where no timer of the platform reaches", async () => {
    const clock = new ManualClock();
    const rung: number[] = [];
    const alarm = new ClockAlarm(clock, () => rung.push(clock.now()));
    const inFiftyDays = 50 * 86_400_000;
    alarm.set(inFiftyDays);
    await clock.advance(inFiftyDays - 1);
    expect([rung, alarm.get()]).toEqual([[], inFiftyDays]);
    await clock.advance(1);
    expect([rung, alarm.get()]).toEqual([[inFiftyDays], undefined]);
    alarm.set(inFiftyDays + 5);
    alarm.set(inFiftyDays + 9);
    await clock.advance(7);
    expect(rung).toHaveLength(1);
    alarm.delete();
    await clock.advance(7);
    expect(rung).toHaveLength(1);
  });
});
