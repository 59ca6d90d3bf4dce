import { describe, expect, it } from "vitest";
import { RpcEndpoint, ask, defineGateway, tell } from "../../../src/rpc/index.ts";
import type { HandlerOf, Later } from "../../../src/rpc/index.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";

const StewardGateway = defineGateway("Steward", {
  version: 1,
  turns: "sync",
  methods: {
    /** Calls the register, by an ask and by a tell, and answers with what came back. */
    sign: ask<() => string>(),
    remember: ask<() => number>(),
    /** Answers when the test says so. */
    ponder: ask<() => number>(),
    incarnate: ask<() => number>({ readOnly: true }),
  },
});
const RegisterGateway = defineGateway("Register", {
  version: 1,
  turns: "sync",
  methods: {
    enter: ask<(incarnation: number) => string>(),
    hint: tell<(incarnation: number) => undefined>(),
    entered: ask<() => readonly number[]>({ readOnly: true }),
    spill: ask<() => undefined>(),
    /** Asks the steward, and answers with what came back. */
    visit: ask<(method: "ponder" | "incarnate") => string>(),
  },
});

class Steward extends RpcEndpoint implements HandlerOf<typeof StewardGateway> {
  static pondering = Promise.withResolvers<void>();

  sign(): Later<string> {
    const register = this.gateway(RegisterGateway, "register");
    register.hint(this.incarnation);
    return this.ask(register.enter(this.incarnation));
  }

  remember(): number {
    this.storage.put("incarnation", this.incarnation);
    return this.incarnation;
  }

  ponder(): Later<number> {
    return this.ask(Steward.pondering.promise, () => this.incarnation);
  }

  incarnate(): number {
    return this.incarnation;
  }
}

class Register extends RpcEndpoint implements HandlerOf<typeof RegisterGateway> {
  static entries: number[] = [];

  enter(incarnation: number): string {
    Register.entries.push(incarnation);
    return `entered ${incarnation}`;
  }

  hint(incarnation: number): undefined {
    Register.entries.push(incarnation);
  }

  entered(): readonly number[] {
    return Register.entries;
  }

  spill(): undefined {
    throw new Error("spilt");
  }

  visit(method: "ponder" | "incarnate"): Later<string> {
    return this.ask(this.gateway(StewardGateway, "steward")[method](), String, (error) => error.code);
  }
}

/** Two instances of one object on one service, the older of which believes that it is current. */
const setUp = (onThrow: "keep" | "reload" = "keep") => {
  Register.entries = [];
  Steward.pondering = Promise.withResolvers();
  const clock = new ManualClock();
  const service = new LocalRpcService({ clock });
  service.startServer("register", {
    gateways: [RegisterGateway],
    factory: (context) => new Register(context, { onThrow }),
  });
  const older = service.startServer("steward", {
    gateways: [StewardGateway],
    factory: (context) => new Steward(context),
    database: new SqliteDatabase(),
  });
  const ofOlder = (method: "sign" | "remember") =>
    older.receive({
      version: 1, kind: "ask", id: `test:${method}`, endpoint: "steward", gateway: "Steward", gatewayVersion: 1, method,
      args: [], attachments: [], epoch: null, sender: null, seq: 1, remainingMillis: null, depth: 1, chain: [], trace: null,
    }); // prettier-ignore
  const steward = service.gateway(StewardGateway, "steward");
  const register = service.gateway(RegisterGateway, "register");
  return { clock, service, older, ofOlder, steward, register };
};

describe("a superseded instance on LocalRpcService", () => {
  it("is heard until the newer one is, then every call and tell of it is refused (EI2)", async () => {
    const { service, older, ofOlder, steward, register } = setUp();
    expect(await ofOlder("sign")).toMatchObject({ outcome: "value", value: "entered 1" });
    const newer = service.supersede("steward");
    expect(await ofOlder("sign")).toMatchObject({ outcome: "value", value: "entered 1" });
    expect(await steward.sign()).toBe("entered 2");
    for (let time = 0; time < 3; time += 1) {
      expect(await ofOlder("sign")).toMatchObject({ outcome: "error", error: { code: "FENCING_TOKEN" } });
    }
    expect(await register.entered()).toEqual([1, 1, 1, 1, 2, 2]);
    expect(service.deadLetters.count("fenced")).toBe(6);
    expect([older.state, newer.state]).toEqual(["started", "started"]);
    await service.closeAsync();
    expect([older.state, newer.state]).toEqual(["failed", "terminated"]);
  });

  it("has its replies refused by callers who have heard of the newer one", async () => {
    const { clock, service, register, steward } = setUp();
    const asked = steward.ponder();
    const visited = register.visit("ponder");
    await clock.settle();
    service.supersede("steward");
    expect([await steward.incarnate(), await register.visit("incarnate")]).toEqual([2, "2"]);
    Steward.pondering.resolve();
    await expect(asked).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(await visited).toBe("RECIPIENT_UNREACHABLE");
  });

  it("has its replies taken by callers who have not", async () => {
    const { clock, service, steward } = setUp();
    const asked = steward.ponder();
    await clock.settle();
    service.supersede("steward");
    Steward.pondering.resolve();
    expect(await asked).toBe(1);
  });

  it("ends when it touches the storage, and what it wrote is not there", async () => {
    const { clock, service, older, ofOlder, steward } = setUp();
    service.supersede("steward");
    expect(await ofOlder("remember")).toMatchObject({
      outcome: "error",
      error: { message: expect.stringContaining("belongs to another instance") as string },
    });
    await clock.settle();
    expect(older.state).toBe("failed");
    expect(await steward.remember()).toBe(2);
  });
});

it("supersedes nothing that has no database: both instances would be the same", () => {
  const service = new LocalRpcService({ clock: new ManualClock() });
  service.startServer("x", { gateways: [RegisterGateway], factory: (context) => new Register(context) });
  expect(() => service.supersede("x")).toThrow(/x has no database/);
  expect(() => service.supersede("nobody")).toThrow(/no such endpoint/);
});

describe('an endpoint with onThrow: "reload"', () => {
  it("goes on refusing what a superseded peer sends after it was built anew", async () => {
    const { service, ofOlder, steward, register } = setUp("reload");
    service.supersede("steward");
    expect(await steward.sign()).toBe("entered 2");
    await expect(register.spill()).rejects.toThrow("spilt");
    expect(await ofOlder("sign")).toMatchObject({ outcome: "error", error: { code: "FENCING_TOKEN" } });
    expect(await register.entered()).toEqual([2, 2]);
  });
});
