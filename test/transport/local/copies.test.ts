import { beforeEach, describe, expect, it } from "vitest";
import { ask, defineGateway, RpcEndpoint, tell } from "../../../src/rpc/index.ts";
import type { GatewayOf, HandlerOf } from "../../../src/rpc/index.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";

interface Shelf {
  readonly books: string[];
}

const ShelfGateway = defineGateway("Shelf", {
  version: 1,
  turns: "sync",
  methods: {
    keep: ask<(shelf: Shelf) => Shelf>(),
    kept: ask<() => Shelf>(),
    leave: tell<(shelf: Shelf) => undefined>(),
  },
});

class ShelfKeeper extends RpcEndpoint implements HandlerOf<typeof ShelfGateway> {
  #shelf: Shelf = { books: [] };

  keep(shelf: Shelf): Shelf {
    shelf.books.push("the handler's");
    this.#shelf = shelf;
    this.runAsync(() => void shelf.books.push("a later turn's"));
    return shelf;
  }

  kept(): Shelf {
    return this.#shelf;
  }

  leave(shelf: Shelf): undefined {
    this.#shelf = shelf;
  }
}

describe("values of calls within a process are copied (P13)", () => {
  let shelf: GatewayOf<typeof ShelfGateway>;

  beforeEach(() => {
    const service = new LocalRpcService();
    service.startServer("shelf", { gateways: [ShelfGateway], factory: (context) => new ShelfKeeper(context) });
    shelf = service.gateway(ShelfGateway, "shelf");
  });

  it("as they are at the call", async () => {
    const own = { books: ["a"] };
    const kept = shelf.keep(own);
    own.books.push("changed after the call");
    expect(await kept).toEqual({ books: ["a", "the handler's"] });
    shelf.leave(own);
    own.books.push("changed after the tell");
    expect(await shelf.kept()).toEqual({ books: ["a", "changed after the call"] });
  });

  it("so neither side sees what the other does to them", async () => {
    const own = { books: ["a"] };
    const result = await shelf.keep(own);
    expect(own).toEqual({ books: ["a"] });
    // As it was returned.
    expect(result).toEqual({ books: ["a", "the handler's"] });
    result.books.push("the caller's");
    expect(await shelf.kept()).toEqual({ books: ["a", "the handler's", "a later turn's"] });
  });
});
