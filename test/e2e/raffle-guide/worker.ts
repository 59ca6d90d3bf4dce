import { durableObject } from "sluice/rpc/durable-object";
import { Raffle, RAFFLE_GATEWAYS } from "./raffle.ts";

export const RaffleObject = durableObject((context) => new Raffle(context), RAFFLE_GATEWAYS);

export default { fetch: () => new Response("a fair\n") };
