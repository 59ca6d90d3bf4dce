import { beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  defineGateway,
  FencedRpcEndpoint,
  milliseconds,
  RpcEndpoint,
  seconds,
  SluiceException,
  tell,
} from "../../src/rpc/index.ts";
import type { ActivationReason, EndpointContext, HandlerOf, Later, RpcEndpointOptions } from "../../src/rpc/index.ts";
import type { RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import type { Logger } from "../../src/common/log.ts";
import { silentLogger } from "../../src/common/log.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import { envelope } from "../conformance/row.ts";
import type { LocalDelivery } from "../../src/transport/local/local-rpc-service.ts";

const LIST = { parse: (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []) };

const ShelfGateway = defineGateway("Shelf", {
  version: 1,
  turns: "sync",
  methods: {
    put: ask<(item: string) => number>(),
    putTwiceThenThrow: ask<(item: string) => number>(),
    items: ask<() => string[]>(),
    blob: tell<(bytes: Uint8Array) => undefined>(),
    urgent: tell<() => undefined>({ control: true }),
    positive: ask<(n: number) => number>({
      parameters: {
        parse: (args): readonly unknown[] => {
          const [n] = Array.isArray(args) ? (args as unknown[]) : [];
          if (typeof n !== "number" || n <= 0)
            throw new RangeError(`n: expected a positive number, got ${JSON.stringify(n)}`);
          return [n];
        },
      },
    }),
    remaining: ask<(hop: string | null) => number>(),
    fanOut: ask<(peers: readonly string[]) => string[]>({ timeout: seconds(60) }),
    forget: ask<(peer: string) => string>(),
    neverHeld: ask<(peer: string) => undefined>(),
    wrongType: ask<() => number>(),
    clear: ask<() => undefined>(),
    now: ask<() => readonly number[]>(),
  },
});

class Shelf extends RpcEndpoint implements HandlerOf<typeof ShelfGateway> {
  /** Memory that a throw may leave behind. */
  #items: string[] = [];
  start: ((reason: ActivationReason) => void | Later<void>) | undefined;
  readonly #spin: (() => void) | undefined;

  constructor(context: EndpointContext, options?: RpcEndpointOptions & { readonly spin?: () => void }) {
    super(context, options);
    this.#spin = options?.spin;
  }

  protected override onStart(reason: ActivationReason): void | Later<void> {
    this.#items = this.storage.get("items", LIST) ?? [];
    return this.start?.(reason);
  }

  put(item: string): number {
    this.#spin?.();
    this.#items.push(item);
    this.storage.put("items", this.#items);
    return this.#items.length;
  }

  putTwiceThenThrow(item: string): number {
    this.put(item);
    this.put(item);
    throw new Error("the shelf broke");
  }

  items(): string[] {
    return this.#items;
  }

  blob(): undefined {
    this.#items.push("blob");
  }

  urgent(): undefined {
    this.#items.push("urgent");
    this.timers.setAfter("t", seconds(1));
  }

  positive(n: number): number {
    return n;
  }

  remaining(hop: string | null): number | Later<number> {
    if (hop === null) return lastRemaining;
    this.#spin?.();
    return this.ask(this.gateway(ShelfGateway, hop).remaining(null));
  }

  fanOut(peers: readonly string[]): Later<string[]> {
    const asked = peers.map((peer) => this.gateway(ShelfGateway, peer).items());
    return this.ask(Promise.allSettled(asked), (outcomes) =>
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? "ok" : codeOf(outcome.reason))),
    );
  }

  forget(peer: string): string {
    void this.gateway(ShelfGateway, peer).items();
    return "did not wait";
  }

  neverHeld(peer: string): undefined {
    void this.gateway(ShelfGateway, peer).put("never");
    throw new Error("changed my mind");
  }

  wrongType(): number {
    this.storage.put("number", "no number");
    return this.storage.get("number", { parse: (value) => Number.parseInt(String(value)) || failParse() }) ?? 0;
  }

  clear(): undefined {
    this.storage.sql.exec("CREATE TABLE IF NOT EXISTS mine (id)");
    this.storage.deleteAll();
    this.#items = this.storage.list("", LIST).map(([key]) => key);
  }

  now(): readonly number[] {
    const before = this.clock.now();
    this.#spin?.();
    return [before, this.clock.now()];
  }
}

// What the last delivered envelope said; set by the service's intercept hook.
let lastRemaining = 0;

/** A clock that can move while a turn runs, as real time does. */
class TickingClock extends ManualClock {
  ticked = 0;

  override now(): number {
    return super.now() + this.ticked;
  }
}

function codeOf(reason: unknown): string {
  return SluiceException.is(reason) ? reason.code : String(reason);
}

function failParse(): never {
  throw new TypeError("expected a number");
}

describe("RpcEndpoint", () => {
  let clock: TickingClock;
  let service: LocalRpcService;
  let log: string[];
  let fate: (envelope: RequestEnvelope) => LocalDelivery;

  const open = (
    address: string,
    options?: RpcEndpointOptions & { readonly spin?: () => void; start?: Shelf["start"] },
  ) => {
    const { start, ...rest } = options ?? {};
    service.startServer(address, {
      gateways: [ShelfGateway],
      factory: (context) => {
        const shelf = new Shelf(context, rest);
        shelf.start = start;
        return shelf;
      },
      database: new SqliteDatabase(),
    });
    return service.gateway(ShelfGateway, address);
  };

  beforeEach(() => {
    clock = new TickingClock(5_000);
    log = [];
    fate = () => "deliver";
    const logger: Logger = {
      ...silentLogger,
      warn: (message) => void log.push(message),
      error: (message) => void log.push(message),
    };
    service = new LocalRpcService({
      clock,
      log: logger,
      intercept: (envelope) => {
        lastRemaining = envelope.remainingMillis ?? -1;
        return fate(envelope);
      },
    });
  });

  describe("after a throw", () => {
    it("keep: writes are undone, memory stays as it was left", async () => {
      const shelf = open("a");
      await shelf.put("one");
      await expect(shelf.putTwiceThenThrow("two")).rejects.toMatchObject({ message: "the shelf broke" });
      expect(await shelf.items()).toEqual(["one", "two", "two"]);
      service.restart("a");
      expect(await shelf.items()).toEqual(["one"]);
    });

    it("reload: the endpoint is built anew from its storage, with a higher incarnation", async () => {
      const reasons: ActivationReason[] = [];
      const shelf = open("a", { onThrow: "reload", start: (reason) => void reasons.push(reason) });
      await shelf.put("one");
      await expect(shelf.putTwiceThenThrow("two")).rejects.toMatchObject({ message: "the shelf broke" });
      expect(await shelf.items()).toEqual(["one"]);
      expect(reasons).toEqual(["created", "recovered"]);
    });

    it("reload: a timer that fails backs off all the same", async () => {
      const fired: number[] = [];
      class Failing extends RpcEndpoint {
        protected override onStart(reason: ActivationReason): void {
          if (reason === "created") this.timers.setAfter("t", milliseconds(0));
        }
        protected override onTimer(): undefined {
          fired.push(this.clock.now());
          throw new Error("no");
        }
      }
      service.startServer("failing", {
        gateways: [],
        factory: (context) => new Failing(context, { onThrow: "reload" }),
        database: new SqliteDatabase(),
      });
      await clock.advance(8_000);
      expect(fired).toEqual([5_000, 6_000, 8_000, 12_000]);
    });

    it("asks of the turn reject with TURN_FAILED and were never sent", async () => {
      const shelf = open("a");
      const peer = open("b");
      await expect(shelf.neverHeld("b")).rejects.toMatchObject({ message: "changed my mind" });
      await clock.settle();
      expect(await peer.items()).toEqual([]);
    });
  });

  describe("the mailbox", () => {
    const started = Promise.withResolvers<void>();
    const never = (shelf: Shelf): Later<void> => shelf["ask"](started.promise);

    it("refuses what is beyond its bounds with a retryable error, tells as dead letters; control messages pass", async () => {
      let built: Shelf | undefined;
      service.startServer("full", {
        gateways: [ShelfGateway],
        factory: (context) => {
          const shelf = new Shelf(context, { mailbox: { maxMessages: 2, maxBytes: 1_000 } });
          shelf.start = () => never(shelf);
          return (built = shelf);
        },
        database: new SqliteDatabase(),
      });
      expect(built).toBeDefined();
      const shelf = service.gateway(ShelfGateway, "full");
      const first = shelf.put("first");
      shelf.blob(new Uint8Array(2_000));
      const second = shelf.put("second");
      await expect(shelf.put("third")).rejects.toMatchObject({ code: "RPC_OVERLOADED", retryable: true });
      shelf.blob(new Uint8Array(1));
      shelf.urgent();
      await clock.settle();
      expect(service.deadLetters.count("overloaded")).toBe(3);
      started.resolve();
      await Promise.all([first, second]);
      expect(await shelf.items()).toEqual(["first", "second", "urgent"]);
    });
  });

  describe("deadlines", () => {
    it("nested calls inherit what is left of the caller's", async () => {
      const shelf = open("a", { spin: () => void (clock.ticked += 3_000) });
      open("b");
      expect(await shelf.remaining(null)).toBe(10_000);
      expect(await shelf.remaining("b")).toBe(7_000);
    });

    it("a caller's own timeout applies unless less is left", async () => {
      const shelf = open("a");
      open("b");
      await shelf.fanOut(["b"]);
      expect(lastRemaining).toBe(10_000);
      // From outside fanOut has a minute; the items() inside take the default of 10 s each.
      fate = (envelope) => (envelope.endpoint === "b" ? "lose-request" : "deliver");
      const outcome = shelf.fanOut(["b"]);
      await clock.advance(10_000);
      expect(await outcome).toEqual(["TIMEOUT"]);
    });

    it("a lost reply ends as timeout, naming the phase; the effect stays", async () => {
      const shelf = open("a");
      await shelf.items();
      fate = () => "lose-reply";
      const put = Promise.allSettled([shelf.put("x")]);
      await clock.advance(10_000);
      const message: unknown = expect.stringMatching(
        /ask\(Shelf\.put\(string\)\) to a timed out after 10000 ms, the limit of the service \(sent\)/,
      );
      expect(await put).toMatchObject([{ reason: { code: "TIMEOUT", message } }]);
      fate = () => "deliver";
      expect(await shelf.items()).toEqual(["x"]);
      expect(clock.pending).toBe(0);
    });
  });

  it("arguments are validated at the border by the method's schema", async () => {
    const shelf = open("a");
    expect(await shelf.positive(1)).toBe(1);
    await expect(shelf.positive(-1)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "Shelf.positive: n: expected a positive number, got -1",
    });
  });

  it("an ask that nobody waits for may fail without harm", async () => {
    const shelf = open("a");
    expect(await shelf.forget("nowhere")).toBe("did not wait");
    await clock.settle();
    expect(await shelf.fanOut(["nowhere", "a"])).toEqual(["RPC_CONNECTION", "ok"]);
  });

  it("the clock stands still within a turn, and a slow turn is reported by name", async () => {
    const shelf = open("a", { slowTurnMillis: 200, spin: () => void (clock.ticked += 200) });
    expect(await shelf.now()).toEqual([5_000, 5_000]);
    expect(await shelf.items()).toEqual([]);
    expect(log).toEqual(["slow turn: Shelf.now took 200 ms"]);
  });

  it("a stored value that does not fit its type fails, naming the key", async () => {
    await expect(open("a").wrongType()).rejects.toThrow(/storage key number: stored value does not fit its type/);
  });

  it("deleteAll removes the endpoint's tables, keys and timers, and keeps its identity", async () => {
    const shelf = open("a");
    await shelf.put("x");
    shelf.urgent();
    await shelf.items();
    expect(clock.pending).toBeGreaterThan(0);
    await shelf.clear();
    expect(clock.pending).toBe(0);
    expect(await shelf.items()).toEqual([]);
    service.restart("a");
    await clock.advance(5_000);
    expect(log).toEqual([]);
    expect(await shelf.put("y")).toBe(1);
  });

  it("storage is usable in turns only", () => {
    const server = service.startServer("a", {
      gateways: [ShelfGateway],
      factory: (context) => new Shelf(context),
      database: new SqliteDatabase(),
    });
    const shelf = server.endpoint as Shelf;
    expect(() => shelf.put("from outside")).toThrow(/storage\.put outside the endpoint's main thread/);
    expect(() => shelf.isRunning()).toThrow(/isRunning outside/);
  });

  it("an endpoint without storage says so", () => {
    class Bare extends RpcEndpoint {
      attempt(): void {
        this.storage.get("x", LIST);
      }
      attemptTimer(): void {
        this.timers.list();
      }
    }
    const server = service.startServer("bare", { gateways: [], factory: (context) => new Bare(context) });
    const bare = server.endpoint as Bare;
    expect(() => bare.attempt()).toThrow("storage of bare: the endpoint was given no storage");
    expect(() => bare.attemptTimer()).toThrow("timers of bare: the endpoint was given no storage");
  });

  it("messages that waited for an onStart that fails are told why", async () => {
    const failure = Promise.withResolvers<void>();
    service.startServer("late", {
      gateways: [ShelfGateway],
      factory: (context) => {
        const shelf = new Shelf(context);
        shelf.start = () => shelf["ask"](failure.promise);
        return shelf;
      },
      database: new SqliteDatabase(),
    });
    const waiting = Promise.allSettled([service.gateway(ShelfGateway, "late").items()]);
    await clock.settle();
    failure.reject(new Error("no leader"));
    expect(await waiting).toMatchObject([
      { reason: { code: "ENDPOINT_NOT_STARTED", message: expect.stringContaining("no leader"), retryable: true } },
    ]);
  });

  it("a closed service waits for no killed activation, and terminates nothing of it", async () => {
    const database = new SqliteDatabase();
    const endpoint = { gateways: [ShelfGateway], factory: (context: EndpointContext) => new Shelf(context), database };
    service.startServer("a", endpoint);
    await service.gateway(ShelfGateway, "a").put("kept");
    service.kill("a");
    await service.closeAsync();
    const next = new LocalRpcService({ clock });
    next.startServer("a", endpoint);
    expect(await next.gateway(ShelfGateway, "a").items()).toEqual(["kept"]);
    await next.closeAsync();
    next.kill("a");
    const last = new LocalRpcService({ clock });
    expect(last.createServer("a", endpoint).state).toBe("terminated");
  });

  it("a gateway without handler is found when the endpoint is built", () => {
    class Empty extends RpcEndpoint {}
    expect(() =>
      service.startServer("empty", { gateways: [ShelfGateway], factory: (context) => new Empty(context) }),
    ).toThrow("Empty serves Shelf but has no method put");
  });

  it("a killed activation is an improper end: its termination future fails, what waits becomes unreachable", async () => {
    const server = service.startServer("a", {
      gateways: [ShelfGateway],
      factory: (context) => new Shelf(context),
      database: new SqliteDatabase(),
    });
    const shelf = service.gateway(ShelfGateway, "a");
    open("peer");
    fate = (envelope) => (envelope.endpoint === "peer" ? "lose-request" : "deliver");
    const waiting = Promise.allSettled([shelf.fanOut(["peer"])]);
    await clock.settle();
    service.kill("a");
    expect(await waiting).toMatchObject([{ reason: { code: "RECIPIENT_UNREACHABLE", retryable: true } }]);
    await expect(server.terminationFuture).rejects.toThrow("a ended without a proper stop");
  });

  describe("FencedRpcEndpoint", () => {
    const SwordGateway = defineGateway("Sword", {
      version: 1,
      turns: "sync",
      fenced: true,
      methods: { takeOver: ask<() => number>(), strike: tell<() => undefined>(), strikes: ask<() => number>() },
    });
    class Sword extends FencedRpcEndpoint implements HandlerOf<typeof SwordGateway> {
      #strikes = 0;
      override onStart(reason: ActivationReason): void {
        if (reason === "recovered") this.grantEpoch();
      }
      takeOver(): number {
        return this.grantEpoch();
      }
      strike(): undefined {
        this.#strikes += 1;
      }
      strikes(): number {
        return this.#strikes;
      }
    }
    const draw = () =>
      service.startServer("sword", {
        gateways: [SwordGateway],
        factory: (context) => new Sword(context),
        database: new SqliteDatabase(),
      });

    it("grants an epoch in onStart only, stored with that turn", async () => {
      draw();
      const sword = service.gateway(SwordGateway, "sword");
      await expect(sword.takeOver()).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
      expect(sword.getFencingToken()).toBe(1);
      service.restart("sword");
      service.restart("sword");
      expect(await sword.strikes()).toBe(0);
      expect(sword.getFencingToken()).toBe(3);
    });

    it("takes back an epoch whose turn threw", async () => {
      class Hesitant extends Sword {
        override onStart(): void {
          this.grantEpoch();
          throw new Error("on second thoughts");
        }
      }
      service.startServer("hesitant", {
        gateways: [SwordGateway],
        factory: (context) => new Hesitant(context),
        database: new SqliteDatabase(),
      });
      const reply = await service.openChannel("hesitant").send(envelope("hesitant"));
      expect(reply).toMatchObject({ outcome: "error", error: { code: "ENDPOINT_NOT_STARTED" }, epoch: 1 });
    });

    it("a tell refused as stale teaches its gateway the token for the next; the loss is counted", async () => {
      draw();
      const sword = service.gateway(SwordGateway, "sword");
      await sword.strikes();
      service.restart("sword");
      sword.strike();
      await clock.settle();
      expect(service.deadLetters.latest().at(-1)).toMatchObject({
        reason: "fenced",
        message: "tell(Sword.strike()) to sword",
      });
      sword.strike();
      expect(await sword.strikes()).toBe(1);
    });

    it("an instance that sees a higher epoch of itself ends", async () => {
      const server = draw();
      const [epoch] = [9 as never];
      await expect(service.gateway(SwordGateway, "sword", epoch).strikes()).rejects.toMatchObject({
        code: "RECIPIENT_UNREACHABLE",
      });
      await clock.settle();
      expect(server.state).toBe("failed");
    });
  });

  it("scheduled callbacks end with the activation", async () => {
    class Ticker extends RpcEndpoint {
      ticks = 0;
      override onStart(): void {
        const again = (): undefined => {
          this.ticks += 1;
          this.scheduleRunAsync(again, milliseconds(10));
        };
        this.scheduleRunAsync(again, milliseconds(10));
      }
    }
    let ticker: Ticker | undefined;
    service.startServer("ticker", { gateways: [], factory: (context) => (ticker = new Ticker(context)) });
    await clock.advance(35);
    expect(ticker?.ticks).toBe(3);
    service.kill("ticker");
    expect(clock.pending).toBe(0);
    await clock.advance(100);
    expect(ticker?.ticks).toBe(3);
  });
});
