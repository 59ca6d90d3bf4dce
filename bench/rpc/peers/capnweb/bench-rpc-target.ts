import { RpcTarget } from "capnweb";
import { BenchState } from "../../target/bench-state.ts";
import type { BenchTarget, Order, Quote } from "../../target/bench-target.ts";
import type { RpcStub } from "capnweb";

export class BenchRpcTarget extends RpcTarget {
  readonly #state = new BenchState();

  increment(by: number): number {
    return this.#state.increment(by);
  }

  quote(order: Order): Quote {
    return this.#state.quote(order);
  }

  note(by: number): undefined {
    return this.#state.note(by);
  }

  noted(): number {
    return this.#state.noted();
  }
}

/** `pause` is left out: no row measures it here. */
export function capnwebTarget(stub: RpcStub<BenchRpcTarget>): BenchTarget {
  return {
    increment: (by) => stub.increment(by),
    quote: (order) => stub.quote(order),
    note: (by) => void stub.note(by),
    noted: () => stub.noted(),
    pause: () => Promise.reject(new TypeError("pause: not offered over capnweb")),
  };
}
