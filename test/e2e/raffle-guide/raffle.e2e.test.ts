import { afterAll, beforeAll, expect, it } from "vitest";
import { MessageLogGateway } from "sluice/rpc";
import { readMessageLog, Replay, replay } from "sluice/testing";
import { WorkerdHarness } from "sluice/testing/workerd";
import { Raffle, RAFFLE_GATEWAYS, RaffleGateway } from "./raffle.ts";

let fair: WorkerdHarness;
beforeAll(async () => {
  fair = await WorkerdHarness.start({ config: new URL("wrangler.toml", import.meta.url) });
});
afterAll(() => fair[Symbol.asyncDispose]());

it("shows what happened in the object, turn by turn", async () => {
  const raffle = fair.service.gateway(RaffleGateway, "raffle/summer");
  await expect(raffle.draw()).rejects.toThrow("no ticket was sold");
  await raffle.sell("ada");
  await raffle.sell("bob");
  await fair.crash("raffle/summer");
  const winner = await raffle.draw();

  // From here on nothing of the object is needed but its log.
  const log = await fair.service.gateway(MessageLogGateway, "raffle/summer").requestMessageLog();
  const endpoint = {
    gateways: RAFFLE_GATEWAYS,
    factory: (context: ConstructorParameters<typeof Raffle>[0]) => new Raffle(context),
  };

  // The state after the third turn: a start, a draw that failed, the first sale.
  expect(replay(log, 3, endpoint).endpoint.sold).toEqual(["ada"]);

  // Every turn again. The second start is the crash; the last draw draws the same winner.
  const stepping = new Replay(readMessageLog(log), 0, endpoint);
  const turns = [];
  for (let turn = stepping.step(); turn !== undefined; turn = stepping.step()) {
    const { cause } = turn.entry;
    turns.push([cause.kind === "message" ? cause.method : cause.kind, turn.result ?? turn.error?.message]);
  }
  expect(turns).toEqual([
    ["start", undefined],
    ["Raffle.draw", "no ticket was sold"],
    ["Raffle.sell", 1],
    ["Raffle.sell", 2],
    ["start", undefined],
    ["Raffle.draw", winner],
  ]);
  expect(stepping.endpoint.sold).toEqual(["ada", "bob"]);
});
