import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minutes } from "sluice/rpc";
import { WorkerdHarness } from "sluice/testing/workerd";
import { CartGateway } from "./cart.ts";

describe("the shop on workerd", () => {
  let shop: WorkerdHarness;
  beforeAll(async () => {
    shop = await WorkerdHarness.start({ config: new URL("wrangler.toml", import.meta.url) });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  it("keeps what was put into a cart, whatever dies", async () => {
    const cart = shop.service.gateway(CartGateway, "cart/ada");
    expect(await cart.add("tea")).toBe(1);
    await shop.crash("cart/ada"); // the object alone, as by a deploy
    expect(await cart.add("milk")).toBe(2);
    await shop.kill(); // SIGKILL to workerd
    await expect(cart.items()).rejects.toMatchObject({ code: "RPC_CONNECTION", retryable: true });
    await shop.restart();
    expect(await cart.items()).toEqual(["tea", "milk"]);
  });

  it("empties a cart that nobody has touched for half an hour", async () => {
    const cart = shop.service.gateway(CartGateway, "cart/bob");
    await cart.add("bread");
    await shop.elapse("cart/bob", minutes(29));
    expect(await cart.items()).toEqual(["bread"]);
    await shop.elapse("cart/bob", minutes(1));
    expect(await cart.items()).toEqual([]);
  });

  it("answers over HTTP as it does elsewhere", async () => {
    expect(await (await shop.fetch("/")).text()).toBe("a shop\n");
  });
});
