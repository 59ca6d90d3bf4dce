import { durableObject } from "sluice/rpc/durable-object";
import { Cart, CartGateway } from "./cart.ts";

export const CartObject = durableObject((context) => new Cart(context), [CartGateway]);

export default { fetch: () => new Response("a shop\n") };
