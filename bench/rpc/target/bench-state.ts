import type { Order, Quote } from "./bench-target.ts";

/** The work itself, the same in every system, so that the systems differ only in how they call it. */
export class BenchState {
  #sum = 0;
  #notes = 0;

  increment(by: number): number {
    this.#sum += by;
    return this.#sum;
  }

  quote(order: Order): Quote {
    return { id: order.id, total: order.quantity * order.price, accepted: !order.express };
  }

  note(by: number): undefined {
    this.#notes += by;
  }

  noted(): number {
    return this.#notes;
  }
}
