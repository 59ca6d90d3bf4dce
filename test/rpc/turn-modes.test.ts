import { beforeEach, describe, expect, it } from "vitest";
import { ask, defineGateway, milliseconds, RpcEndpoint, SluiceException } from "../../src/rpc/index.ts";
import type { HandlerOf, Later } from "../../src/rpc/index.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";

const NUMBER = { parse: Number };

const ActorGateway = defineGateway("Actor", {
  version: 1,
  methods: {
    // exclusive by default
    slow: ask<(name: string) => string>(),
    visit: ask<(path: readonly string[]) => string>({ timeout: milliseconds(1_000) }),
    waitLater: ask<(name: string) => string>(),
    addThenFail: ask<(by: number) => number>(),
    addAwaitFail: ask<(by: number) => number>(),
    floats: ask<() => string>(),
    floatsFromCallback: ask<() => string, "reentrant">({ turns: "reentrant" }),
    check: ask<() => readonly string[]>(),
    times: ask<() => readonly number[]>(),
    interleaved: ask<(name: string) => string, "reentrant">({ turns: "reentrant" }),
    quick: ask<(name: string) => string, "sync">({ turns: "sync" }),
    total: ask<() => number, "sync">({ turns: "sync", readOnly: true }),
    trace: ask<() => readonly string[], "sync">({ turns: "sync" }),
    wrong: ask<() => number, "sync">({ turns: "sync" }),
    wrongLater: ask<() => number, "sync">({ turns: "sync" }),
    writesReadOnly: ask<() => undefined, "sync">({ turns: "sync", readOnly: true }),
  },
});

class Actor extends RpcEndpoint implements HandlerOf<typeof ActorGateway> {
  readonly #trace: string[] = [];

  async slow(name: string): Promise<string> {
    this.#trace.push(`${name} begins`);
    await this.#pause(10);
    this.validateRunsInMainThread();
    this.#trace.push(`${name} ends`);
    return name;
  }

  async interleaved(name: string): Promise<string> {
    return this.slow(name);
  }

  async visit(path: readonly string[]): Promise<string> {
    const [next, ...rest] = path;
    if (next === undefined) return this.address;
    return `${this.address}>${await this.gateway(ActorGateway, next).visit(rest)}`;
  }

  waitLater(name: string): Later<string> {
    this.#trace.push(`${name} begins`);
    return this.ask(this.#pause(10), () => {
      this.#trace.push(`${name} ends`);
      return name;
    });
  }

  addThenFail(by: number): number {
    this.storage.put("total", this.total() + by);
    throw new RangeError("at once");
  }

  async addAwaitFail(by: number): Promise<number> {
    this.storage.put("total", this.total() + by);
    await this.#pause(10);
    throw new RangeError("after an await");
  }

  async floats(): Promise<string> {
    void this.#pause(50).then(() => this.#traceCheck());
    return "settled";
  }

  async floatsFromCallback(): Promise<string> {
    await this.#pause(5);
    // A turn of its own, begun on this handler's stack.
    this.runAsync(() => {
      void this.#pause(5).then(() => this.#traceCheck());
    });
    await this.#pause(50);
    return "settled";
  }

  async check(): Promise<readonly string[]> {
    const found: string[] = [];
    this.validateRunsInMainThread();
    await this.#pause(5);
    this.validateRunsInMainThread();
    await Promise.all([this.#pause(5), Promise.resolve()]);
    this.validateRunsInMainThread();
    found.push("passed three times");
    return found;
  }

  async times(): Promise<readonly number[]> {
    const times = [this.clock.now(), this.clock.now()];
    await this.#pause(10);
    return [...times, this.clock.now()];
  }

  quick(name: string): string {
    this.#trace.push(name);
    return name;
  }

  total(): number {
    return this.storage.get("total", NUMBER) ?? 0;
  }

  trace(): readonly string[] {
    return this.#trace;
  }

  wrong(): number {
    this.storage.put("total", 99);
    // What the compiler refuses: an async result of a sync method.
    return Promise.resolve(1) as unknown as number;
  }

  wrongLater(): Later<number> {
    // The same in a continuation.
    return this.ask(Promise.resolve(), () => Promise.resolve(1) as unknown as number);
  }

  writesReadOnly(): undefined {
    this.storage.put("total", 1);
  }

  #traceCheck(): void {
    try {
      this.validateRunsInMainThread();
      this.#trace.push("floating code passed");
    } catch (error) {
      this.#trace.push(SluiceException.is(error) ? error.code : "?");
    }
  }

  #pause(millis: number): Promise<void> {
    return new Promise((resolve) => void this.clock.schedule(millis, resolve));
  }
}

describe("turn modes", () => {
  let clock: ManualClock;
  let service: LocalRpcService;
  const actor = (name: string) => {
    service.startServer(name, {
      gateways: [ActorGateway],
      factory: (context) => new Actor(context),
      database: new SqliteDatabase(),
    });
    return service.gateway(ActorGateway, name);
  };

  beforeEach(() => {
    clock = new ManualClock();
    service = new LocalRpcService({ clock });
  });

  it("exclusive: the next message starts when the handler has settled, sync ones too", async () => {
    const a = actor("a");
    const calls = [a.slow("one"), a.quick("sync"), a.slow("two")];
    await clock.advance(30);
    await Promise.all(calls);
    expect(await a.trace()).toEqual(["one begins", "one ends", "sync", "two begins", "two ends"]);
  });

  it("exclusive: a handler that returns a Later holds the endpoint until it has settled", async () => {
    const a = actor("a");
    const calls = [a.waitLater("one"), a.quick("sync")];
    await clock.advance(30);
    await Promise.all(calls);
    expect(await a.trace()).toEqual(["one begins", "one ends", "sync"]);
  });

  it("reentrant: other messages run at each await", async () => {
    const a = actor("a");
    const calls = [a.interleaved("one"), a.interleaved("two"), a.quick("sync")];
    await clock.advance(30);
    await Promise.all(calls);
    expect(await a.trace()).toEqual(["one begins", "two begins", "sync", "one ends", "two ends"]);
  });

  it("exclusive: a call whose chain contains the owner runs at once (A to B to A to B)", async () => {
    const a = actor("a");
    actor("b");
    expect(await a.visit(["b", "a", "b"])).toBe("a>b>a>b");
  });

  it("exclusive: two endpoints that wait for each other end by their deadline, and the error names the chain", async () => {
    const a = actor("a");
    const b = actor("b");
    const outcomes = Promise.allSettled([a.visit(["b"]), b.visit(["a"])]);
    await clock.advance(1_000);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "TIMEOUT" } });
    }
    // Both are usable afterwards.
    expect(await Promise.all([a.quick("a"), b.quick("b")])).toEqual(["a", "b"]);
    const letters = service.deadLetters.latest().filter((letter) => letter.reason === "expired");
    expect(letters.length).toBeGreaterThan(0);
    expect(letters[0]?.detail).toMatch(/waiting in the mailbox; waiting on behalf of/);
  });

  it("exclusive and reentrant: the main-thread check passes after awaits, and fails in what floats on", async () => {
    const a = actor("a");
    const checked = a.check();
    await clock.advance(10);
    expect(await checked).toEqual(["passed three times"]);
    expect(await a.floats()).toBe("settled");
    await clock.advance(60);
    expect(await a.trace()).toEqual(["ILLEGAL_STATE"]);
  });

  it("the clock stands still within a stretch, and goes on after an await", async () => {
    const times = actor("a").times();
    await clock.advance(10);
    expect(await times).toEqual([0, 0, 10]);
  });

  it("what a callback leaves floating is no part of the handler on whose stack it ran", async () => {
    const a = actor("a");
    const call = a.floatsFromCallback();
    await clock.advance(100);
    await call;
    expect(await a.trace()).toEqual(["ILLEGAL_STATE"]);
  });

  it("a throw before the first await undoes the turn's writes in every mode; what an await has passed stays", async () => {
    const a = actor("a");
    await expect(a.addThenFail(5)).rejects.toMatchObject({ name: "RangeError" });
    expect(await a.total()).toBe(0);
    const late = Promise.allSettled([a.addAwaitFail(7)]);
    await clock.advance(20);
    expect(await late).toMatchObject([{ reason: { message: "after an await" } }]);
    expect(await a.total()).toBe(7);
  });

  it("sync: a handler or continuation that returns a promise fails, and its writes are undone", async () => {
    const a = actor("a");
    await expect(a.wrong()).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
    await expect(a.wrongLater()).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
    expect(await a.total()).toBe(0);
  });

  it("readOnly: writing by storage.put fails", async () => {
    await expect(actor("a").writesReadOnly()).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  });
});
