import { ask, defineGateway, minutes, RpcEndpoint } from "sluice/rpc";
import type { HandlerOf } from "sluice/rpc";
import * as z from "zod";

export const CartGateway = defineGateway("Cart", {
  version: 1,
  turns: "sync",
  methods: { add: ask<(item: string) => number>(), items: ask<() => string[]>({ readOnly: true, idempotent: true }) },
});

/** Is emptied when nothing was added for half an hour. */
export class Cart extends RpcEndpoint implements HandlerOf<typeof CartGateway> {
  add(item: string): number {
    const items = [...this.items(), item];
    this.storage.put("items", items);
    this.timers.setAfter("abandoned", minutes(30));
    return items.length;
  }

  items(): string[] {
    return this.storage.get("items", z.array(z.string())) ?? [];
  }

  protected override onTimer(): undefined {
    this.storage.delete("items");
  }
}
