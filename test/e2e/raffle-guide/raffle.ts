import { ask, defineGateway, MessageLogGateway, RpcEndpoint } from "sluice/rpc";
import type { EndpointContext, HandlerOf } from "sluice/rpc";
import * as z from "zod";

export const RaffleGateway = defineGateway("Raffle", {
  version: 1,
  turns: "sync",
  methods: { sell: ask<(name: string) => number>(), draw: ask<() => string>() },
});

/** What the object serves; who may read its log may read everything that was ever said to it. */
export const RAFFLE_GATEWAYS = [RaffleGateway, MessageLogGateway] as const;

/** Sells tickets, and draws the winner. */
export class Raffle extends RpcEndpoint implements HandlerOf<typeof RaffleGateway> {
  #sold: string[] = [];

  constructor(context: EndpointContext) {
    super(context, { messageLog: { capacity: 10_000 } });
  }

  /** For whoever looks at a replay. */
  get sold(): readonly string[] {
    return this.#sold;
  }

  protected override onStart(): void {
    this.#sold = this.storage.get("sold", z.array(z.string())) ?? [];
  }

  sell(name: string): number {
    this.#sold.push(name);
    this.storage.put("sold", this.#sold);
    return this.#sold.length;
  }

  draw(): string {
    const winner = this.#sold[Math.floor(this.random.next() * this.#sold.length)];
    if (winner === undefined) throw new RangeError("no ticket was sold");
    return winner;
  }
}
