import { beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  defineGateway,
  MessageLogGateway,
  milliseconds,
  RpcEndpoint,
  stream,
  tell,
} from "../../../src/rpc/index.ts";
import type { EndpointContext, HandlerOf, Later, MessageLogOptions, StoredMessageLog } from "../../../src/rpc/index.ts";
import { storedRows } from "../../../src/rpc/message-log/message-ring.ts";
import type { RpcServer } from "../../../src/rpc/rpc-server.ts";
import { LocalRpcService, ManualClock, readMessageLog, replay, SqliteDatabase } from "../../../src/testing/index.ts";
import type { LocalEndpoint, RecordedLog } from "../../../src/testing/index.ts";

const LedgerGateway = defineGateway("Ledger", {
  version: 1,
  turns: "sync",
  methods: {
    add: ask<(amount: number) => number>(),
    total: ask<() => number>({ readOnly: true }),
    addThenThrow: ask<(amount: number) => number>(),
    fill: ask<(text: string) => undefined>(),
    outside: tell<() => undefined>(),
    wait: ask<(millis: number) => number>(),
    foreign: ask<() => string>(),
    leaveThenThrow: ask<() => number>(),
    cheat: ask<() => undefined>({ readOnly: true }),
    refused: ask<() => number>(),
  },
});
const NUMBER = { parse: Number };

/** Keeps one number in storage, and in memory how many turns it saw. */
class Ledger extends RpcEndpoint implements HandlerOf<typeof LedgerGateway> {
  turns = 0;

  constructor(context: EndpointContext, messageLog: MessageLogOptions | undefined) {
    super(context, messageLog === undefined ? {} : { messageLog });
  }

  add(amount: number): number {
    this.turns += 1;
    const total = this.total() + amount;
    this.storage.put("total", total);
    return total;
  }

  total(): number {
    return this.storage.get("total", NUMBER) ?? 0;
  }

  addThenThrow(amount: number): number {
    this.add(amount);
    throw new RangeError("no more");
  }

  fill(text: string): undefined {
    this.storage.put("text", text.length);
  }

  /** Posts from code that is no turn. */
  outside(): undefined {
    void Promise.resolve().then(() => this.runAsync(() => void (this.turns += 100)));
  }

  wait(millis: number): Later<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.scheduleRunAsync(() => void resolve(millis), milliseconds(millis));
    return this.ask(promise);
  }

  /** Is declared readOnly, and writes where nobody stops it. */
  cheat(): undefined {
    this.storage.sql.exec("INSERT OR REPLACE INTO sluice_kv VALUES ('total', '77')");
  }

  /** Leaves what never runs. */
  leaveThenThrow(): number {
    this.runAsync(() => undefined);
    this.scheduleRunAsync(() => undefined, milliseconds(1));
    this.ask(Promise.resolve(1), () => 1);
    throw new RangeError("left behind");
  }

  refused(): Later<number> {
    return this.ask(Promise.reject(new RangeError("not today")));
  }

  foreign(): Later<string> {
    return this.ask(Promise.resolve(new URL("https://example.org/")), (url) => url.host);
  }
}

/** The same, with a memory that it can tell. */
class KeptLedger extends Ledger {
  protected override snapshotState(): unknown {
    return { turns: this.turns };
  }

  protected override restoreState(state: unknown): void {
    this.turns = NUMBER.parse((state as { turns: unknown }).turns);
  }
}

/** Counts what is written, and knows whether it is inside of a transaction. */
class WatchedDatabase extends SqliteDatabase {
  readonly logged: { readonly inTransaction: boolean; readonly first: number; readonly last: number }[] = [];
  refuse: "transactions" | "events" | undefined;
  #depth = 0;

  override exec(...statement: Parameters<SqliteDatabase["exec"]>): ReturnType<SqliteDatabase["exec"]> {
    const [sql, first, last] = statement;
    if (sql.startsWith("INSERT INTO sluice_message_log")) {
      if (this.refuse === (this.#depth > 0 ? "transactions" : "events")) throw new Error("disk full");
      this.logged.push({ inTransaction: this.#depth > 0, first: Number(first), last: Number(last) });
    }
    return super.exec(...statement);
  }

  override transactionSync<T>(body: () => T): T {
    this.#depth += 1;
    try {
      return super.transactionSync(body);
    } finally {
      this.#depth -= 1;
    }
  }
}

const KEEP_ALL: MessageLogOptions = { capacity: 1_000 };
const GATEWAYS = [LedgerGateway, MessageLogGateway] as const;

let clock: ManualClock;
let service: LocalRpcService;
let database: WatchedDatabase;

beforeEach(() => {
  clock = new ManualClock(1_000_000);
  service = new LocalRpcService({ clock });
  database = new WatchedDatabase();
});

const ledgerOf = (messageLog?: MessageLogOptions, Kind: typeof Ledger = Ledger) => ({
  gateways: GATEWAYS,
  factory: (context: EndpointContext) => new Kind(context, messageLog),
});
const start = (endpoint: LocalEndpoint): RpcServer => service.startServer("ledger", { database, ...endpoint });
const ledger = () => service.gateway(LedgerGateway, "ledger");
const stored = (): Promise<StoredMessageLog> => service.gateway(MessageLogGateway, "ledger").requestMessageLog();
const recorded = async (): Promise<RecordedLog> => readMessageLog(await stored());
const turnsOf = (server: RpcServer): number | undefined =>
  server.endpoint instanceof Ledger ? server.endpoint.turns : undefined;

describe("a message log", () => {
  it("holds each turn with what it was given, oldest first; reading it is no turn", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().add(2);
    await recorded();
    await clock.advance(5);
    await ledger().total();
    const { entries } = await recorded();
    expect(entries).toEqual([
      {
        number: 1,
        nowMillis: 1_000_000,
        cause: { kind: "start", recovered: false, epoch: 1, incarnation: 1 },
        answers: { random: [], ids: [], timers: [] },
      },
      {
        number: 2,
        nowMillis: 1_000_000,
        cause: { kind: "message", method: "Ledger.add", args: [2], deadlineMillis: 1_010_000 },
        answers: { random: [], ids: [], timers: [] },
      },
      {
        number: 3,
        nowMillis: 1_000_005,
        cause: { kind: "message", method: "Ledger.total", args: [], deadlineMillis: 1_010_005 },
        answers: { random: [], ids: [], timers: [] },
      },
    ]);
  });

  it("is written by the transaction of a turn that writes, with all before it", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    await Promise.all([ledger().total(), ledger().total(), ledger().add(1)]);
    expect(database.logged).toEqual([
      { inTransaction: true, first: 1, last: 1 },
      { inTransaction: true, first: 2, last: 2 },
      { inTransaction: true, first: 3, last: 5 },
    ]);
  });

  it("writes nothing for a turn that writes nothing, until a second has passed or there are many", async () => {
    start(ledgerOf({ capacity: 200 }));
    await Promise.all(Array.from({ length: 25 }, () => ledger().total()));
    await clock.advance(999);
    expect(database.logged).toEqual([{ inTransaction: true, first: 1, last: 1 }]);
    await clock.advance(1);
    expect(database.logged.slice(1)).toEqual([{ inTransaction: false, first: 2, last: 26 }]);
    expect(clock.pending).toBe(0);
    await Promise.all(Array.from({ length: 119 }, () => ledger().total()));
    await clock.settle();
    // Rows are an eighth of the ring, so that it can drop its oldest turns bit by bit.
    expect(database.logged.slice(2)).toEqual([
      { inTransaction: false, first: 27, last: 51 },
      { inTransaction: false, first: 52, last: 76 },
      { inTransaction: false, first: 77, last: 101 },
      { inTransaction: false, first: 102, last: 126 },
      { inTransaction: false, first: 127, last: 145 },
    ]);
  });

  it("keeps a turn that wrote though it should not have, with the event", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().cheat();
    await Promise.resolve();
    expect(database.logged.at(-1)).toEqual({ inTransaction: false, first: 2, last: 2 });
  });

  it("loses with a crash what wrote nothing and was not kept yet, and nothing else", async () => {
    const server = start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    await ledger().total();
    // A process that dies tells nobody: what is stored is all there is.
    const dead = { address: "ledger", ...storedRows(database) };
    expect(readMessageLog(dead).entries.map(({ number }) => number)).toEqual([1, 2]);
    expect(replay(dead, 2, ledgerOf()).inspect((it) => it.total())).toBe(1);
    await server.closeAsync();
    expect(storedRows(database).rows.length).toBe(3);
  });

  it("says of a turn that threw what it threw: its writes are undone, its memory is not, and replay does the same", async () => {
    const server = start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    await expect(ledger().addThenThrow(10)).rejects.toThrow("no more");
    await ledger().add(2);
    const { entries } = await recorded();
    expect(entries.map(({ failed }) => failed)).toEqual([undefined, undefined, "no more", undefined]);
    const replayed = replay(await stored(), 4, ledgerOf());
    expect(replayed.inspect((it) => it.total())).toBe(3);
    expect(replayed.endpoint.turns).toBe(3);
    expect(turnsOf(server)).toBe(3);
    expect(replay(await stored(), 3, ledgerOf()).inspect((it) => it.total())).toBe(1);
  });

  it("undoes the turn whose entry cannot be written, and goes on", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    database.refuse = "transactions";
    await expect(ledger().add(10)).rejects.toThrow("disk full");
    database.refuse = undefined;
    expect(await ledger().add(2)).toBe(3);
    const { entries } = await recorded();
    expect(entries.map(({ number, failed }) => [number, failed])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, "disk full"],
      [4, undefined],
    ]);
  });

  it("has a gap where turns that wrote nothing could not be kept, and replay stops there", async () => {
    start(ledgerOf({ capacity: 8 }));
    await ledger().add(1);
    database.refuse = "events";
    // Two rows.
    await Promise.all([ledger().total(), ledger().total()]);
    await clock.advance(1_000);
    database.refuse = undefined;
    await ledger().add(2);
    expect((await recorded()).entries.map(({ number }) => number)).toEqual([1, 2, 5]);
    const log = await stored();
    expect(() => replay(log, 5, ledgerOf())).toThrow(
      "replay of ledger: no turn 5; the log ends, or has a gap, after turn 2",
    );
  });

  it("goes on after a crash, with the next start", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    service.kill("ledger");
    const server = service.restart("ledger");
    await ledger().add(2);
    const { entries, bases } = await recorded();
    expect(entries.map(({ cause }) => cause.kind)).toEqual(["start", "message", "start", "message"]);
    expect(bases.map(({ after }) => after)).toEqual([0]);
    const replayed = replay(await stored(), 4, ledgerOf());
    expect(replayed.endpoint.turns).toBe(1);
    expect(turnsOf(server)).toBe(1);
    expect(replayed.inspect((it) => it.total())).toBe(3);
  });

  it("begins anew, with what is stored, after it was off for a while", async () => {
    start(ledgerOf(KEEP_ALL));
    await ledger().add(1);
    await service.stopServer("nobody");
    service.kill("ledger");
    service = new LocalRpcService({ clock });
    start(ledgerOf());
    await ledger().add(10);
    service.kill("ledger");
    service = new LocalRpcService({ clock });
    start(ledgerOf(KEEP_ALL));
    await ledger().add(100);
    const { bases } = await recorded();
    expect(bases.map(({ after }) => after)).toEqual([0, 2]);
    expect(replay(await stored(), 4, ledgerOf()).inspect((it) => it.total())).toBe(111);
  });

  it("leaves no trace on an endpoint that did not ask for it, and says so to whoever reads it", async () => {
    start(ledgerOf());
    await ledger().add(1);
    expect(database.exec("SELECT name FROM sqlite_master WHERE name LIKE 'sluice_message%'")).toEqual([]);
    await expect(stored()).rejects.toThrow("ledger keeps no message log: option messageLog is not set");
  });
});

describe("the ring of a message log", () => {
  const capacity = 80;

  it("never holds more turns than its capacity, and says what it no longer reaches back to", async () => {
    start(ledgerOf({ capacity }));
    for (let turn = 0; turn < 500; turn += 1) {
      await ledger().add(1);
      const rows = database.exec("SELECT sum(last - first + 1) AS held FROM sluice_message_log");
      expect(Number(rows[0]?.["held"])).toBeLessThanOrEqual(capacity);
    }
    const log = await recorded();
    expect(log.entries.at(-1)?.number).toBe(501);
    expect(log.entries.length).toBeGreaterThanOrEqual((capacity * 3) / 4);
    // One activation longer than the ring: its start is gone, and nothing says what it remembered.
    expect(log.bases).toEqual([]);
    const text = await stored();
    expect(() => replay(text, 501, ledgerOf())).toThrow(
      /holds no state to begin with: .* an activation outgrew the log/,
    );
  });

  it("never holds more characters than it may", async () => {
    const maxCharacters = 20_000;
    start(ledgerOf({ capacity: 10_000, maxCharacters }));
    for (let turn = 0; turn < 200; turn += 1) {
      await ledger().fill("x".repeat(turn * 5));
      const rows = database.exec("SELECT sum(length(entries)) AS held FROM sluice_message_log");
      expect(Number(rows[0]?.["held"])).toBeLessThanOrEqual(maxCharacters);
    }
    expect((await recorded()).entries.length).toBeGreaterThan(10);
  });

  it("reaches back to the last starts, which need no state", async () => {
    start(ledgerOf({ capacity }));
    for (let life = 0; life < 30; life += 1) {
      for (let turn = 0; turn < 10; turn += 1) await ledger().add(1);
      service.kill("ledger");
      service.restart("ledger");
    }
    await ledger().add(1);
    const log = await recorded();
    const last = log.entries.at(-1)?.number ?? 0;
    const oldest = log.bases[0]?.after ?? last;
    expect(last - oldest).toBeGreaterThan(capacity / 4);
    expect(log.bases.length).toBeLessThanOrEqual(4);
    for (let turn = oldest + 2; turn <= last; turn += 7) {
      const replayed = replay(await stored(), turn, ledgerOf());
      // Every life has a start and ten additions.
      expect(replayed.inspect((it) => it.total())).toBe(turn - Math.ceil(turn / 11));
      replayed.close();
    }
  });

  it("reaches into a long activation by what its endpoint says of its memory", async () => {
    const server = start(ledgerOf({ capacity }, KeptLedger));
    for (let turn = 0; turn < 500; turn += 1) await ledger().add(1);
    const log = await recorded();
    const oldest = log.bases[0];
    expect(oldest?.memory).toEqual({ state: { turns: Number(oldest?.after) - 1 } });
    expect(501 - Number(oldest?.after)).toBeGreaterThanOrEqual(capacity / 4);
    const replayed = replay(await stored(), 501, ledgerOf(undefined, KeptLedger));
    expect(replayed.endpoint.turns).toBe(500);
    expect(turnsOf(server)).toBe(500);
    expect(replayed.inspect((it) => it.total())).toBe(500);
  });

  it("takes no state while a task is under way: nobody could say what it is about to do", async () => {
    start(ledgerOf({ capacity: 16 }, KeptLedger));
    const waited = ledger().wait(1_000);
    for (let turn = 0; turn < 100; turn += 1) await ledger().add(1);
    expect((await recorded()).bases).toEqual([]);
    await clock.advance(1_000);
    await waited;
    await ledger().add(1);
    expect((await recorded()).bases.length).toBe(1);
  });

  it.each(["leaveThenThrow", "refused"] as const)("takes a state after what will never run: %s", async (method) => {
    start(ledgerOf({ capacity: 16 }, KeptLedger));
    await expect(ledger()[method]()).rejects.toThrow(/left behind|not today/);
    for (let turn = 0; turn < 100; turn += 1) await ledger().add(1);
    expect((await recorded()).bases.length).toBeGreaterThan(0);
  });

  it.each([
    [{ capacity: 0 }, "messageLog.capacity: expected an integer from 1 to 9007199254740991, got 0"],
    [{ capacity: 1.5 }, "messageLog.capacity: expected an integer from 1 to 9007199254740991, got 1.5"],
    [
      { capacity: 8, maxCharacters: 1e9 },
      "messageLog.maxCharacters: expected an integer from 1 to 8388608, got 1000000000",
    ],
  ])("refuses %j", (bounds, message) => {
    expect(() => start(ledgerOf(bounds))).toThrow(message);
  });
});

describe("what cannot be replayed", () => {
  it.each([
    ["exclusive", /Talk\.say has turns "exclusive"; only sync turns without streams can be replayed/],
    ["stream", /Talk\.say is a stream; only sync turns without streams can be replayed/],
  ] as const)("is refused when the log is switched on: a method that is %s", (kind, message) => {
    class Talk extends RpcEndpoint {
      say(): readonly number[] {
        return [];
      }
    }
    const gateway =
      kind === "stream"
        ? defineGateway("Talk", { version: 1, turns: "sync", methods: { say: stream<() => number>() } })
        : defineGateway("Talk", { version: 1, methods: { say: ask<() => readonly number[]>() } });
    const factory = (context: EndpointContext): Talk => new Talk(context, { messageLog: KEEP_ALL });
    expect(() => start({ gateways: [gateway], factory })).toThrow(message);
  });

  it("is an endpoint without storage", () => {
    const factory = (context: EndpointContext): Ledger => new Ledger(context, KEEP_ALL);
    expect(() => service.startServer("bare", { gateways: [LedgerGateway], factory })).toThrow(
      "message log of bare: the endpoint was given no storage",
    );
  });

  it("is named when replay comes to it: a task from outside of turns", async () => {
    start(ledgerOf(KEEP_ALL));
    ledger().outside();
    await ledger().add(1);
    const log = await stored();
    expect(replay(log, 2, ledgerOf()).endpoint.turns).toBe(0);
    expect(() => replay(log, 4, ledgerOf())).toThrow(
      /at turn \d \(task\) cannot go on: it was posted by code that was no turn of the endpoint/,
    );
  });

  it("is named when replay comes to it: a wait that ended with what no text can hold", async () => {
    start(ledgerOf(KEEP_ALL));
    expect(await ledger().foreign()).toBe("example.org");
    const log = await stored();
    expect(() => replay(log, 3, ledgerOf())).toThrow(
      /at turn 3 \(continuation\) cannot go on: the awaited value: an instance of URL cannot be sent or stored/,
    );
  });

  it("is named when replay comes to it: a message too large to be kept", async () => {
    start(ledgerOf({ capacity: 100, maxCharacters: 8_000 }));
    await ledger().fill("x".repeat(2_000));
    await ledger().add(1);
    const log = await stored();
    expect(() => replay(log, 3, ledgerOf())).toThrow(
      /cannot go on: Ledger.fill was too large to be kept, 20\d\d characters/,
    );
  });
});
