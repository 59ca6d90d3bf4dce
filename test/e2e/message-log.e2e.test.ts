import { afterAll, beforeAll, expect, it } from "vitest";
import { WorkerdHarness } from "../../src/entrypoint/workerd-harness/workerd-harness.ts";
import { MessageLogGateway, seconds } from "../../src/rpc/index.ts";
import { readMessageLog, replay, SeededRandom } from "../../src/testing/index.ts";
import { Trader, TRADER_GATEWAYS, TraderGateway } from "../fixtures/message-log/trader.ts";

const TRADERS = ["trader/anna", "trader/bert", "trader/cleo"] as const;
const ROUNDS = 12;
const CALLS = 40;

let market: WorkerdHarness;
beforeAll(async () => {
  market = await WorkerdHarness.start({ config: new URL("../fixtures/message-log/wrangler.toml", import.meta.url) });
});
afterAll(() => market[Symbol.asyncDispose]());

it("objects on workerd give their logs away, and replay in this process ends in what they are, resets and SIGKILL included", async () => {
  const random = new SeededRandom(15);
  const traders = TRADERS.map((address) => market.service.gateway(TraderGateway, address));
  for (let round = 0; round < ROUNDS; round += 1) {
    const calls = Array.from({ length: CALLS }, () => {
      const trader = random.pick(traders);
      if (random.chance(0.4)) return trader.buy("tea", random.next());
      if (random.chance(0.4)) return trader.haggle(random.between(-1, 2));
      if (random.chance(0.3)) return trader.spoil("milk");
      if (random.chance(0.3)) return trader.stock();
      if (random.chance(0.3)) trader.plan(random.pick(["durable", "daily", "forget"]));
      return random.chance(0.5) ? trader.survey() : trader.agenda();
    });
    await Promise.allSettled(calls);
    if (round % 4 === 1) await market.crash(random.pick(TRADERS));
    if (round % 4 === 2) await market.elapse(random.pick(TRADERS), seconds(3));
    if (round === 7) {
      await market.kill();
      await market.restart();
    }
  }
  for (const [index, address] of TRADERS.entries()) {
    const [trader] = traders.slice(index);
    const memory = await trader?.remember();
    const log = await market.service.gateway(MessageLogGateway, address).requestMessageLog();
    const { entries } = readMessageLog(log);
    const replayed = replay(log, entries.length, {
      gateways: TRADER_GATEWAYS,
      factory: (context) =>
        new Trader(
          context,
          TRADERS.filter((peer) => peer !== address),
        ),
    });
    expect(entries.filter(({ cause }) => cause.kind === "start").length).toBeGreaterThanOrEqual(2);
    expect(entries.filter(({ cause }) => cause.kind === "continuation").length).toBeGreaterThan(10);
    expect(entries.filter(({ failed }) => failed !== undefined).length).toBeGreaterThan(5);
    expect(replayed.endpoint.memory).toEqual(memory);
    replayed.close();
  }
});
