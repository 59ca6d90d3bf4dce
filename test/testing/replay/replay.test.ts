import { beforeAll, describe, expect, it } from "vitest";
import { MessageLogGateway, minutes } from "../../../src/rpc/index.ts";
import type { EndpointContext, StoredMessageLog } from "../../../src/rpc/index.ts";
import {
  LocalRpcService,
  ManualClock,
  readMessageLog,
  Replay,
  replay,
  SeededRandom,
  seededIds,
  SqliteDatabase,
} from "../../../src/testing/index.ts";
import type { RecordedLog } from "../../../src/testing/index.ts";
import { saySomething } from "../../fixtures/message-log/small-talk.ts";
import { Trader, TRADER_GATEWAYS, TraderGateway } from "../../fixtures/message-log/trader.ts";

const TRADERS = ["anna", "bert", "cleo"] as const;
const MESSAGES = 10_000;
/** Holds every turn of the market. */
const MESSAGE_LOG = { capacity: 100_000, maxCharacters: 8 * 1_024 * 1_024 };

function traderOf(address: string): {
  readonly gateways: typeof TRADER_GATEWAYS;
  readonly factory: (context: EndpointContext) => Trader;
} {
  const peers = TRADERS.filter((trader) => trader !== address);
  return { gateways: TRADER_GATEWAYS, factory: (context) => new Trader(context, peers, { messageLog: MESSAGE_LOG }) };
}

/** A trader as it was in the end. */
interface Lived {
  readonly log: StoredMessageLog;
  readonly marks: readonly number[];
  readonly memory: readonly number[];
  /** Its storage, read by SQL. */
  readonly rows: readonly unknown[];
}

function rowsOf(database: SqliteDatabase): readonly unknown[] {
  return [database.exec("SELECT * FROM deals ORDER BY id"), database.exec("SELECT * FROM sluice_kv ORDER BY key")];
}

/** A market in virtual time, by a seed: everything happens to a turn that can. */
async function market(messages: number, seed: number): Promise<ReadonlyMap<string, Lived>> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock(Date.UTC(2024, 0, 1));
  const service = new LocalRpcService({ clock, random: random.fork(), ids: seededIds(random.fork()) });
  const traders = TRADERS.map((address) => {
    const database = new SqliteDatabase();
    return { address, database, server: service.startServer(address, { ...traderOf(address), database }) };
  });
  for (let message = 0; message < messages; message += 1) {
    saySomething(service.gateway(TraderGateway, random.pick(TRADERS)), random);
    if (random.chance(0.1)) await clock.advance(random.between(0, 300));
  }
  for (const address of TRADERS)
    for (const plan of ["seldom", "forget"] as const) service.gateway(TraderGateway, address).plan(plan);
  await clock.advance(minutes(1));
  const lived = new Map<string, Lived>();
  for (const { address, database, server } of traders) {
    const { endpoint } = server;
    if (!(endpoint instanceof Trader)) throw new TypeError(`${address} is no trader`);
    const log = await service.gateway(MessageLogGateway, address).requestMessageLog();
    lived.set(address, { log, marks: endpoint.marks, memory: endpoint.memory, rows: rowsOf(database) });
  }
  await service.closeAsync();
  return lived;
}

function lifeOf(address: string, lives: ReadonlyMap<string, Lived>): Lived {
  const life = lives.get(address);
  if (life === undefined) throw new RangeError(`nobody is called ${address}`);
  return life;
}

describe("a replay of 10,000 random messages to three endpoints that call each other", () => {
  let lives: ReadonlyMap<string, Lived>;
  beforeAll(async () => {
    lives = await market(MESSAGES, 4_711);
  });

  it.each(TRADERS)("finds the state of %s the same at every hundredth turn", (address) => {
    const { log, marks, memory, rows } = lifeOf(address, lives);
    const { entries } = readMessageLog(log);
    const replayed = replay(log, entries.length, traderOf(address));
    expect(replayed.endpoint.marks).toEqual(marks);
    expect(marks.length).toBe(Math.floor((memory[0] ?? 0) / 100));
    expect(replayed.endpoint.memory).toEqual(memory);
    expect(rowsOf(replayed.database)).toEqual(rows);
    replayed.close();
  });

  it("had every kind of turn in it, those that failed included", () => {
    const { entries } = readMessageLog(lifeOf("anna", lives).log);
    const count = (test: (entry: (typeof entries)[number]) => boolean): number => entries.filter(test).length;
    expect(entries.length).toBeGreaterThan(MESSAGES / 3);
    expect(count(({ cause }) => cause.kind === "continuation" && "value" in cause.outcome)).toBeGreaterThan(1_000);
    expect(count(({ cause }) => cause.kind === "continuation" && "error" in cause.outcome)).toBeGreaterThan(20);
    expect(count(({ cause }) => cause.kind === "task")).toBeGreaterThan(100);
    expect(count(({ cause }) => cause.kind === "timer")).toBeGreaterThan(20);
    expect(count(({ cause, failed }) => cause.kind === "message" && failed !== undefined)).toBeGreaterThan(100);
    expect(count(({ cause, failed }) => cause.kind === "timer" && failed !== undefined)).toBeGreaterThan(2);
    expect(count(({ answers }) => answers.random.length > 0)).toBeGreaterThan(1_000);
    expect(count(({ answers }) => answers.ids.length > 0)).toBeGreaterThan(500);
    expect(count(({ answers }) => answers.timers.length > 0)).toBeGreaterThan(100);
  });

  it("goes from turn to turn, and shows what each was given and sent", () => {
    const { log } = lifeOf("bert", lives);
    const stepping = new Replay(readMessageLog(log), 0, traderOf("bert"));
    expect(stepping.position).toBe(0);
    expect(() => stepping.endpoint).toThrow(/has not started yet/);
    const turns = Array.from({ length: 200 }, () => stepping.step());
    const asked = turns.find(
      (turn) => turn?.entry.cause.kind === "message" && turn.entry.cause.method === "Trader.survey",
    );
    expect(asked?.sent.map(({ endpoint, method }) => `${endpoint}.${method}`)).toEqual(["anna.stock", "cleo.stock"]);
    const spoilt = turns.find((turn) => turn?.error !== undefined);
    expect(spoilt?.error?.message).toMatch(/^milk is spoilt/);
    expect(spoilt?.sent).toEqual([]);
    expect(stepping.position).toBe(200);
    expect(stepping.inspect((trader) => trader.hash())).toBe(
      replay(log, 200, traderOf("bert")).inspect((trader) => trader.hash()),
    );
    stepping.close();
  });
});

describe("a replay whose log lacks something", () => {
  const TURNS = 1_000;
  let log: StoredMessageLog;
  let memory: readonly number[];
  beforeAll(async () => {
    ({ log, memory } = lifeOf("anna", await market(TURNS, 8)));
  });

  /** The log with some entries changed. */
  const changed = (change: (entry: RecordedLog["entries"][number]) => RecordedLog["entries"][number]): RecordedLog => {
    const recorded = readMessageLog(log);
    return { ...recorded, entries: recorded.entries.map(change) };
  };
  const memoryOf = (recorded: RecordedLog): readonly number[] => {
    const replayed = new Replay(recorded, 0, traderOf("anna"));
    const { memory: replayedMemory } = replayed.advanceTo(recorded.entries.length).endpoint;
    replayed.close();
    return replayedMemory;
  };

  it("ends in the state that was, with nothing lacking", () => {
    expect(memoryOf(changed((entry) => entry))).toEqual(memory);
  });

  it.each(["random", "ids", "timers"] as const)("stops at the first turn whose %s were not kept", (kind) => {
    const without = changed((entry) => ({ ...entry, answers: { ...entry.answers, [kind]: [] } }));
    expect(() => memoryOf(without)).toThrow(/has left the log: it asked for \d+ .*, the logged turn for 0/);
  });

  it("stops where a turn that failed does not fail", () => {
    const without = changed(({ failed: _failed, ...entry }) => entry);
    expect(() => memoryOf(without)).toThrow(/has left the log: it threw "milk is spoilt.*", the logged turn did not/);
  });

  it("ends in another state if one turn read another time", () => {
    const last = readMessageLog(log).entries.length;
    const late = changed((entry) => (entry.number === last ? { ...entry, nowMillis: entry.nowMillis + 1 } : entry));
    expect(memoryOf(late)).not.toEqual(memory);
  });

  it("ends in another state if one answer of a peer was another", () => {
    const first = readMessageLog(log).entries.find(
      ({ cause }) => cause.kind === "continuation" && "value" in cause.outcome,
    );
    const other = changed((entry) =>
      entry.number === first?.number && entry.cause.kind === "continuation"
        ? { ...entry, cause: { ...entry.cause, outcome: { value: "another" } } }
        : entry,
    );
    expect(memoryOf(other)).not.toEqual(memory);
  });

  it("stops at a gap", () => {
    const recorded = readMessageLog(log);
    const gap = { ...recorded, entries: recorded.entries.filter(({ number }) => number !== 500) };
    const replayed = new Replay(gap, 0, traderOf("anna"));
    expect(() => replayed.advanceTo(600)).toThrow(/no turn 600; the log ends, or has a gap, after turn 499/);
  });
});
