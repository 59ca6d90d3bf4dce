import { dispatch, query, spawnStateless, start } from "nact";
import type { Ref } from "nact";
import { BenchState } from "../target/bench-state.ts";
import type { Order, Quote } from "../target/bench-target.ts";
import { serveLoads } from "./serve-loads.ts";

type Message =
  | { readonly kind: "increment"; readonly by: number; readonly replyTo: Ref<number> }
  | { readonly kind: "quote"; readonly order: Order; readonly replyTo: Ref<Quote> }
  | { readonly kind: "note"; readonly by: number }
  | { readonly kind: "noted"; readonly replyTo: Ref<number> };

/** As long as Sluice's asks wait by default. */
const TIMEOUT_MILLIS = 10_000;

const state = new BenchState();
const actor = spawnStateless<Message>(start(), (message) => {
  switch (message.kind) {
    case "increment":
      return dispatch(message.replyTo, state.increment(message.by));
    case "quote":
      return dispatch(message.replyTo, state.quote(message.order));
    case "note":
      return void state.note(message.by);
    case "noted":
      return dispatch(message.replyTo, state.noted());
  }
});

serveLoads({
  increment: (by) =>
    query(actor, (replyTo: Ref<number>): Message => ({ kind: "increment", by, replyTo }), TIMEOUT_MILLIS),
  quote: (order) => query(actor, (replyTo: Ref<Quote>): Message => ({ kind: "quote", order, replyTo }), TIMEOUT_MILLIS),
  note: (by) => dispatch(actor, { kind: "note", by }),
  noted: () => query(actor, (replyTo: Ref<number>): Message => ({ kind: "noted", replyTo }), TIMEOUT_MILLIS),
  pause: () => Promise.reject(new TypeError("pause: no row measures it in process")),
});
