import type { DurableBenchTarget, Order, Quote } from "./bench-target.ts";

/** A stub of an object whose methods are the target's: every call is one RPC. */
export interface BenchStub {
  increment(by: number): Promise<number>;
  quote(order: Order): Promise<Quote>;
  note(by: number): Promise<undefined>;
  noted(): Promise<number>;
  pause(millis: number): Promise<number>;
  record(by: number): Promise<number>;
}

/** The platform has no one-way calls: a tell is a call whose result nobody waits for. */
export function stubTarget(stub: BenchStub): DurableBenchTarget {
  return {
    increment: (by) => stub.increment(by),
    quote: (order) => stub.quote(order),
    note: (by) => void stub.note(by),
    noted: () => stub.noted(),
    pause: (millis) => stub.pause(millis),
    record: (by) => stub.record(by),
  };
}
