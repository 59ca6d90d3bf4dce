import { beforeEach, describe, expect, it } from "vitest";
import { systemIds } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import { systemRandom } from "../../src/common/random.ts";
import type { RpcEndpointOptions, WireValue } from "../../src/rpc/index.ts";
import { RpcServer } from "../../src/rpc/rpc-server.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import { envelope } from "../conformance/row.ts";
import type { AddLast } from "../fixtures/rpc/probe-gateways.ts";
import { ProbeGateway, QueueProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import { Probe } from "../fixtures/rpc/probe.ts";

/** The database of a host that can throw away what an event wrote, as that of a Durable Object. */
class DiscardingDatabase extends SqliteDatabase {
  readonly discarded: string[] = [];
  transactions = 0;

  override transactionSync<T>(body: () => T): T {
    this.transactions += 1;
    return super.transactionSync(body);
  }

  discard(reason: string): never {
    this.discarded.push(reason);
    throw new Error(reason);
  }
}

describe("a method that declares to be undone by a reset", () => {
  let database: DiscardingDatabase;

  beforeEach(() => {
    database = new DiscardingDatabase();
  });

  const served = (on: SqliteDatabase, options: RpcEndpointOptions = {}): RpcServer => {
    const clock = new ManualClock();
    const server = new RpcServer({
      address: "probe",
      gateways: options.messageLog === undefined ? [ProbeGateway, QueueProbeGateway] : [QueueProbeGateway],
      factory: (context) => new Probe(context, options),
      ports: {
        rpcService: new LocalRpcService({ clock }),
        clock,
        random: systemRandom,
        ids: systemIds,
        log: silentLogger,
        database: on,
        alarm: { get: () => undefined, set: () => undefined, delete: () => undefined },
      },
      onBroken: (_reason, error) => {
        throw error;
      },
    });
    server.start();
    return server;
  };
  const call = (server: RpcServer, method: string, ...args: readonly WireValue[]): Promise<unknown> =>
    server.receive(envelope("probe", { gateway: "Probe", method, args }));
  const addLast = (server: RpcServer, by: number, how: AddLast): Promise<unknown> =>
    server.receive(envelope("probe", { gateway: "QueueProbe", gatewayVersion: 1, method: "addLast", args: [by, how] }));

  it("takes no savepoint where its host can throw away what it wrote", async () => {
    const server = served(database);
    const before = database.transactions;
    expect(await addLast(server, 3, "well")).toMatchObject({ outcome: "value", value: 3 });
    expect(database.transactions).toBe(before);
    expect(await call(server, "add", 1)).toMatchObject({ value: 4 });
    expect(database.transactions).toBe(before + 1);
  });

  it.each(["throws after", "throws after SQL", "throws after a timer", "throws after a transaction"] as const)(
    "that %s has its host throw everything away, and says what threw",
    async (how) => {
      await addLast(served(database), 3, how);
      expect(database.discarded).toEqual(["QueueProbe.addLast threw after it wrote: RangeError: out of range"]);
    },
  );

  it.each([
    ["throws before", "UNEXPECTED"],
    ["fails to write", "UNEXPECTED"],
    ["puts what cannot be stored", "SERIALIZATION"],
    ["sets a timer whose payload cannot be stored", "SERIALIZATION"],
    ["throws in a transaction", "UNEXPECTED"],
  ] as const)("that %s throws nothing away", async (how, code) => {
    const server = served(database);
    expect(await addLast(server, 3, how)).toMatchObject({ outcome: "error", error: { code } });
    expect(database.discarded).toEqual([]);
    expect(await call(server, "noted")).toMatchObject({ value: [how] });
    expect(await call(server, "total")).toMatchObject({ value: 0 });
  });

  it("that fails after part of a statement has had its effect has everything thrown away", async () => {
    await addLast(served(database), 3, "fails after a row");
    expect(database.discarded).toEqual([
      expect.stringContaining("QueueProbe.addLast threw after it wrote: Error: UNIQUE"),
    ]);
  });

  it("that throws what has no text has everything thrown away", async () => {
    await addLast(served(database), 3, "throws no error after it");
    expect(database.discarded).toEqual([
      "QueueProbe.addLast threw after it wrote: UnexpectedException: thrown value that is no error: {}",
    ]);
  });

  it("has everything thrown away although an observer of a call that it does not send throws, too", async () => {
    const observer = (): never => {
      throw new Error("an observer's own");
    };
    await addLast(served(database, { filters: { outgoing: [() => observer] } }), 3, "throws after a call");
    expect(database.discarded).toEqual(["QueueProbe.addLast threw after it wrote: RangeError: out of range"]);
  });

  it.each([
    ["a host that cannot do that", new SqliteDatabase(), {}],
    ["an endpoint with a message log", new DiscardingDatabase(), { messageLog: { capacity: 10 } }],
  ])("has its savepoint all the same on %s", async (_what, on, options) => {
    const server = served(on, options);
    await addLast(server, 3, "well");
    expect(await addLast(server, 4, "throws after")).toMatchObject({ error: { message: "out of range" } });
    expect(await addLast(server, 5, "well")).toMatchObject({ value: 8 });
    if (on instanceof DiscardingDatabase) expect(on.discarded).toEqual([]);
  });
});
