import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/log.ts";
import {
  DiagnosticsGateway,
  milliseconds,
  RpcException,
  TimeoutException,
  withOptions,
  SluiceException,
} from "../../../src/rpc/index.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { HeartbeatManagerSender } from "../../../src/rpc/heartbeat/heartbeat-manager-sender.ts";
import { DEFAULT_HEARTBEAT_OPTIONS } from "../../../src/rpc/heartbeat/heartbeat-options.ts";
import { RegisteredRpcConnection } from "../../../src/rpc/registration/registered-rpc-connection.ts";
import { DEFAULT_REGISTRATION_CONFIGURATION } from "../../../src/rpc/registration/retrying-registration-configuration.ts";
import { manualMainThread } from "../../../src/testing/manual-main-thread.ts";
import type { RpcServer } from "../../../src/rpc/rpc-server.ts";
import { envelope } from "../../conformance/row.ts";
import { DeskGateway, SafeGateway, refusal, openOffice } from "./office.ts";

/** What users of Flink's RPC layer complained about for years, one test each, with what happens here. */

describe("complaints about endpoints", () => {
  it("P4 failure detection is quick: timeouts count as failures too, and a new monitor replaces a dead one", async () => {
    const { clock } = openOffice();
    const heard: string[] = [];
    const manager = new HeartbeatManagerSender<undefined, undefined>({
      executor: manualMainThread(clock),
      clock,
      options: { ...DEFAULT_HEARTBEAT_OPTIONS, failedRpcThreshold: 2 },
      listener: {
        notifyHeartbeatTimeout: (id: string) => void heard.push(`timeout ${id}`),
        notifyTargetUnreachable: (id: string) => void heard.push(`unreachable ${id}`),
        reportPayload: () => undefined,
        retrievePayload: () => undefined,
      },
    });
    const dead = (): Promise<never> =>
      Promise.reject(new RpcException("outer", { cause: new TimeoutException("late") }));
    manager.monitorTarget("te", dead);
    await clock.advance(DEFAULT_HEARTBEAT_OPTIONS.timeoutMillis - 1);
    expect(heard).toEqual(["unreachable te"]);
    manager.monitorTarget("te", dead);
    await clock.advance(DEFAULT_HEARTBEAT_OPTIONS.timeoutMillis - 1);
    expect(heard).toEqual(["unreachable te", "unreachable te"]);
  });

  it("P6 timers end with their endpoint; every() goes on after a failure, which is logged (over S15, S17)", async () => {
    const { clock, log, service, host } = openOffice();
    const { server, desk } = host("desk");
    server.start();
    await service.gateway(DeskGateway, "desk").tick();
    await clock.advance(3_500);
    expect(desk.ticks).toBe(3);
    expect(log).toEqual(["every failed: the second tick fails"]);
    service.kill("desk");
    await clock.advance(10_000);
    expect(desk.ticks).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it("P7 the life cycle is a table: every other transition is an error at whoever asks, and harms nobody", async () => {
    const { host, open } = openOffice();
    const sibling = open("sibling");
    const reach: Readonly<Record<string, (server: RpcServer) => void>> = {
      created: () => undefined,
      started: (server) => server.start(),
      stopped: (server) => (server.start(), server.stop()),
      terminated: (server) => void server.closeAsync(),
      failed: (server) => server.kill(),
    };
    const allowed = {
      created: ["start", "closeAsync"],
      started: ["start", "stop", "closeAsync"],
      stopped: ["start", "closeAsync"],
      terminated: ["closeAsync"],
      failed: ["closeAsync"],
    };
    for (const [state, legal] of Object.entries(allowed)) {
      const found: string[] = [];
      for (const operation of ["start", "stop", "closeAsync"] as const) {
        const { server } = host(`${state} ${operation}`);
        reach[state]?.(server);
        expect(server.state).toBe(state);
        try {
          await server[operation]();
          found.push(operation);
        } catch (error) {
          if (SluiceException.is(error, "RPC_INVALID_STATE")) continue;
          found.push(operation);
        }
      }
      expect(found, state).toEqual(legal);
    }
    expect(await sibling.write("still here")).toBe(1);
  });

  it("P8 what one endpoint suffers leaves its siblings alone: a throw, a failed start, a crash", async () => {
    const { service, host, open } = openOffice();
    const sibling = open("sibling");
    await refusal(open("throws").fail());
    host("never starts", () => {
      throw new Error("no");
    }).server.start();
    open("crashes");
    service.kill("crashes");
    expect(await sibling.write("still here")).toBe(1);
  });

  it("P9 a token never changes in an activation and only rises: who is old is told from who is new", async () => {
    const { service, openSafe } = openOffice();
    const safe = openSafe();
    expect(await safe.tokens()).toBe(1);
    service.restart("safe");
    const old = service.gateway(SafeGateway, "safe", 1 as Epoch);
    expect(await refusal(old.open())).toMatchObject({ code: "FENCING_TOKEN" });
    expect(await service.gateway(SafeGateway, "safe", 2 as Epoch).tokens()).toBe(2);
    const newer = service.gateway(SafeGateway, "safe", 3 as Epoch);
    // This instance has been superseded, it seems, and says so.
    expect(await refusal(newer.open())).toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
  });

  it("P10 a takeover is no error at a caller that was given no token: its call is sent again with the new one", async () => {
    const { service, openSafe } = openOffice();
    const safe = openSafe();
    expect(await safe.open()).toBe(1);
    for (const incarnation of [2, 3]) {
      service.restart("safe");
      expect(await safe.open()).toBe(incarnation);
    }
    const error = await refusal(service.gateway(SafeGateway, "safe", 1 as Epoch).open());
    expect(error.message).not.toMatch(/\b3\b/);
  });

  it("P11 an endpoint without a fence still refuses what a superseded peer sends", async () => {
    const { service, open } = openOffice();
    open("desk");
    const channel = service.openChannel("desk");
    const from = async (incarnation: number): Promise<string> => {
      const sender = { address: "job-master", epoch: 4 as Epoch, incarnation: incarnation as Incarnation };
      const reply = await channel.send(
        envelope("desk", { gateway: "Desk", gatewayVersion: 2, method: "pages", sender }),
        false,
      );
      return reply.outcome === "error" ? reply.error.code : "served";
    };
    expect([await from(7), await from(6), await from(8), await from(7)]).toEqual([
      "served",
      "FENCING_TOKEN",
      "served",
      "FENCING_TOKEN",
    ]);
  });

  it("P12 a turn that blocks the others is named", async () => {
    const { log, open } = openOffice();
    await open("desk").stall(150);
    expect(log).toEqual(["slow turn: Desk.stall took 150 ms"]);
  });

  it("P16 registration treats every failure alike, resolves the peer anew after it, and jitters its pauses", async () => {
    const { clock } = openOffice();
    const attempts: string[] = [];
    const failures = [
      () => {
        throw new RpcException("connect throws");
      },
      () => Promise.reject(new RpcException("connect rejects")),
    ];
    const instants: number[] = [];
    const connection = new RegisteredRpcConnection<string, { readonly id: number }>(
      {
        executor: manualMainThread(clock),
        random: { next: () => 0.9 },
        log: silentLogger,
        configuration: DEFAULT_REGISTRATION_CONFIGURATION,
      },
      {
        address: "peer",
        connect: () => {
          instants.push(clock.now());
          return failures[instants.length - 1]?.() ?? Promise.resolve("gateway");
        },
        register: () => {
          attempts.push("register");
          if (attempts.length === 1) throw new RpcException("register throws");
          if (attempts.length === 2) return Promise.reject(new RpcException("register rejects"));
          return Promise.resolve({ kind: "success", id: 7 });
        },
      },
      { onSuccess: () => void attempts.push("success"), onRejection: () => undefined },
    );
    connection.start();
    await clock.advance(10 * DEFAULT_REGISTRATION_CONFIGURATION.maxErrorDelayMillis);
    expect(attempts).toEqual(["register", "register", "register", "success"]);
    expect(instants).toHaveLength(5);
    const first = DEFAULT_REGISTRATION_CONFIGURATION.initialErrorDelayMillis;
    expect(instants[1]).toBeGreaterThan(first);
    expect(instants[1]).toBeLessThan(2 * first);
  });

  it("P20 every endpoint counts per method: calls, failures, waiting, running, sizes in and out, refusals (Z9)", async () => {
    const { clock, service, open } = openOffice();
    const desk = open("desk");
    await desk.write("12345678");
    await desk.write("1234");
    await refusal(desk.fail());
    const waiting = desk.wait("x");
    await clock.advance(400);
    await desk.finish("x");
    await waiting;
    // Behind a turn that takes 150 ms.
    await Promise.all([desk.stall(150), desk.pages()]);
    const expired = withOptions(desk, { timeout: milliseconds(0) }).pages();
    await refusal(expired);
    const counters = await service.gateway(DiagnosticsGateway, "desk").requestMethodCounters();
    const of = (method: string) => counters.find((counter) => counter.method === method);
    expect(of("write")).toMatchObject({ gateway: "Desk", calls: 2, failures: 0 });
    expect((of("write")?.bytesIn.sum ?? 0) - 2 * ((of("write")?.bytesIn.max ?? 0) - 8)).toBe(12);
    expect(of("fail")).toMatchObject({ calls: 1, failures: 1 });
    expect(of("wait")).toMatchObject({ calls: 1, ranMillis: { sum: 400, max: 400 } });
    expect(of("pages")).toMatchObject({ calls: 1, rejected: { expired: 1 } });
    expect(of("pages")?.bytesOut.max).toBeGreaterThan(12);
  });
});
