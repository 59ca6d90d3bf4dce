import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { silentLogger } from "../../../src/common/log.ts";
import { RegisteredRpcConnection } from "../../../src/rpc/registration/registered-rpc-connection.ts";
import type { RegistrationResponse } from "../../../src/rpc/registration/registration-response.ts";
import { DEFAULT_REGISTRATION_CONFIGURATION } from "../../../src/rpc/registration/retrying-registration-configuration.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { manualMainThread } from "../../../src/testing/manual-main-thread.ts";

type Response = RegistrationResponse<{ readonly id: number }>;
const SUCCESS: Response = { kind: "success", id: 7 };
const never = (): Promise<never> => new Promise(() => undefined);
const { initialTimeoutMillis, maxErrorDelayMillis, maxRefusedDelayMillis } = DEFAULT_REGISTRATION_CONFIGURATION;

interface Script {
  readonly connect?: (attempt: number) => Promise<string>;
  readonly register?: (attempt: number) => Promise<Response>;
  readonly random?: number;
}

function setUp({ connect, register, random = 0.5 }: Script) {
  const clock = new ManualClock();
  const seen: string[] = [];
  const connects: number[] = [];
  const registers: number[] = [];
  const connection = new RegisteredRpcConnection<string, { readonly id: number }>(
    {
      executor: manualMainThread(clock),
      random: { next: () => random },
      log: silentLogger,
      configuration: DEFAULT_REGISTRATION_CONFIGURATION,
    },
    {
      address: "peer",
      connect: () => {
        connects.push(clock.now());
        return connect?.(connects.length) ?? Promise.resolve(`gateway ${connects.length}`);
      },
      register: () => {
        registers.push(clock.now());
        return register?.(registers.length) ?? Promise.resolve(SUCCESS);
      },
    },
    {
      onSuccess: (gateway, { id }) => void seen.push(`success ${gateway} ${id}`),
      onRejection: (reason) => void seen.push(`rejection ${reason}`),
    },
  );
  return { clock, seen, connects, registers, connection };
}

const gaps = (times: readonly number[]): readonly number[] =>
  times.slice(1).map((time, index) => time - (times[index] ?? 0));

describe("RegisteredRpcConnection", () => {
  it("R1, R2, R11, R13 connects, registers, and is connected from then on", async () => {
    const { clock, seen, connection } = setUp({});
    expect(connection.isConnected).toBe(false);
    expect(connection.gateway).toBeUndefined();
    connection.start();
    await clock.advance(0);
    expect(seen).toEqual(["success gateway 1 7"]);
    expect(connection.gateway).toBe("gateway 1");
    expect(connection.targetAddress).toBe("peer");
    expect(clock.pending).toBe(0);
  });

  it("R3 connects again after a pause, for ever, the pauses doubling up to their maximum", async () => {
    const { clock, connects, connection } = setUp({ connect: () => Promise.reject(new Error("no such endpoint")) });
    connection.start();
    await clock.advance(60_000);
    expect(gaps(connects).slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it("over R4, R5: a call that throws is tried again like one that rejects", async () => {
    const failing = (): never => {
      throw new Error("thrown at once");
    };
    const { clock, seen, connection } = setUp({
      connect: (attempt) => (attempt === 1 ? failing() : Promise.resolve("gateway")),
      register: (attempt) => (attempt === 1 ? failing() : Promise.resolve(SUCCESS)),
    });
    connection.start();
    await clock.advance(5_000);
    expect(seen).toEqual(["success gateway 7"]);
  });

  it("R6 asks again on the same gateway when no answer comes, waiting twice as long each time", async () => {
    const { clock, connects, registers, connection } = setUp({ register: never });
    connection.start();
    await clock.advance(200_000);
    expect(connects).toHaveLength(1);
    expect(gaps(registers).slice(0, 10)).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
  });

  it("takes an answer that comes late, once", async () => {
    const late = Promise.withResolvers<Response>();
    const { clock, seen, connection } = setUp({ register: (attempt) => (attempt === 1 ? late.promise : never()) });
    connection.start();
    await clock.advance(initialTimeoutMillis + 1);
    late.resolve(SUCCESS);
    await clock.advance(60_000);
    expect(seen).toEqual(["success gateway 1 7"]);
  });

  it("R7 waits longer after a refusal, and connects anew", async () => {
    const { clock, connects, connection } = setUp({
      register: async () => ({ kind: "failure", reason: "not the leader" }),
    });
    connection.start();
    await clock.advance(120_000);
    expect(gaps(connects).slice(0, 7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(Math.max(...gaps(connects))).toBe(maxRefusedDelayMillis);
  });

  it("over R8: resolves the peer again after an error", async () => {
    const { clock, connects, registers, seen, connection } = setUp({
      register: (attempt) => (attempt < 3 ? Promise.reject(new Error("boom")) : Promise.resolve(SUCCESS)),
    });
    connection.start();
    await clock.advance(5_000);
    expect(connects).toHaveLength(3);
    expect(registers).toHaveLength(3);
    expect(seen).toEqual(["success gateway 3 7"]);
  });

  it("jitters its pauses (over R8)", async () => {
    for (const [random, factor] of [
      [0, 0.8],
      [0.999, 1.2],
    ] as const) {
      const { clock, connects, connection } = setUp({ random, connect: () => Promise.reject(new Error("gone")) });
      connection.start();
      await clock.advance(100_000);
      expect(gaps(connects)[0]).toBeCloseTo(250 * factor, -1);
      expect(Math.max(...gaps(connects))).toBeLessThanOrEqual(maxErrorDelayMillis * 1.2);
    }
  });

  it("R9 ends at a rejection", async () => {
    const { clock, seen, registers, connection } = setUp({
      register: async () => ({ kind: "rejection", reason: "unknown" }),
    });
    connection.start();
    await clock.advance(120_000);
    expect(seen).toEqual(["rejection unknown"]);
    expect(registers).toHaveLength(1);
    expect(connection.isConnected).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("R10, R15 is silent after its close, whatever still comes", async () => {
    const late = Promise.withResolvers<Response>();
    const { clock, seen, registers, connection } = setUp({ register: () => late.promise });
    connection.start();
    await clock.advance(1);
    connection.close();
    connection.close();
    late.resolve(SUCCESS);
    await clock.advance(120_000);
    expect(connection.isClosed).toBe(true);
    expect(seen).toEqual([]);
    expect(registers).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("R12 cannot be started twice or after its close", async () => {
    const { clock, connection } = setUp({});
    connection.start();
    expect(() => connection.start()).toThrow(SluiceException);
    await clock.advance(1);
    expect(() => connection.start()).toThrow(SluiceException);
    const closed = setUp({}).connection;
    closed.close();
    expect(() => closed.start()).toThrow(SluiceException);
  });

  it("R14 reconnects after a success only, keeping the old gateway meanwhile", async () => {
    const { clock, seen, connection } = setUp({});
    connection.start();
    expect(() => connection.tryReconnect()).toThrow(SluiceException);
    await clock.advance(1);
    expect(connection.tryReconnect()).toBe(true);
    expect(connection.gateway).toBe("gateway 1");
    await clock.advance(1);
    expect(connection.gateway).toBe("gateway 2");
    expect(seen).toEqual(["success gateway 1 7", "success gateway 2 7"]);
    connection.close();
    expect(connection.tryReconnect()).toBe(false);
  });
});
