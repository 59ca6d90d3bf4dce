import { expect, it } from "vitest";
import { seconds } from "../../../src/rpc/index.ts";
import type { EndpointContext } from "../../../src/rpc/index.ts";
import { storedRows } from "../../../src/rpc/message-log/message-ring.ts";
import { readMessageLog, replay, SeededRandom, SimulatedPlatform } from "../../../src/testing/index.ts";
import { saySomething } from "../../fixtures/message-log/small-talk.ts";
import { Trader, TRADER_GATEWAYS, TraderGateway } from "../../fixtures/message-log/trader.ts";

const TRADERS = ["anna", "bert", "cleo"] as const;
const SEEDS = 25;
const MESSAGES = 120;

function traderOf(address: string): {
  readonly gateways: typeof TRADER_GATEWAYS;
  readonly factory: (context: EndpointContext) => Trader;
} {
  const peers = TRADERS.filter((trader) => trader !== address);
  return {
    gateways: TRADER_GATEWAYS,
    factory: (context) => new Trader(context, peers, { messageLog: { capacity: 10_000 } }),
  };
}

/** A market whose traders lose their memory, and turns that were not durable yet, at any moment. */
function dangerousMarket(seed: number): SimulatedPlatform {
  return new SimulatedPlatform({
    seed,
    endpointOf: traderOf,
    rates: {
      incidental: { "turn-lost": 0.02, "message-delayed": 0.1, "storage-slow": 0.05 },
      disruptions: ["crash"],
      disruptionMillis: seconds(5),
    },
  });
}

it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  "replay goes through the crashes of a log's endpoint to what it is and has stored: seed %i",
  async (seed) => {
    const random = new SeededRandom(seed);
    const platform = dangerousMarket(seed);
    for (let message = 0; message < MESSAGES; message += 1) {
      saySomething(platform.service.gateway(TraderGateway, random.pick(TRADERS)), random);
      await platform.time.advance(random.between(0, 60));
      if (message === MESSAGES / 2 || random.chance(0.03)) platform.crash(random.pick(TRADERS));
    }
    platform.calm();
    for (const address of TRADERS) {
      for (const plan of ["seldom", "forget"] as const) platform.service.gateway(TraderGateway, address).plan(plan);
    }
    await platform.time.advance(seconds(30));
    for (const object of platform.objects) {
      const { database } = object.durable;
      const log = { address: object.address, ...storedRows(database) };
      const { entries } = readMessageLog(log);
      const replayed = replay(log, entries.length, traderOf(object.address));
      const living = object.current?.server.endpoint;
      if (living instanceof Trader) expect(replayed.endpoint.memory).toEqual(living.memory);
      const deals = "SELECT * FROM deals ORDER BY id";
      expect(replayed.database.exec(deals)).toEqual(database.exec(deals));
      const values = "SELECT * FROM sluice_kv ORDER BY key";
      expect(replayed.database.exec(values)).toEqual(database.exec(values));
      replayed.close();
    }
    expect(platform.faults.counts["crash"]).toBeGreaterThan(0);
    platform.close();
  },
);
