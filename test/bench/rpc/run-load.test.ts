import { describe, expect, it } from "vitest";
import { LOADS } from "../../../bench/rpc/load/load.ts";
import type { Load } from "../../../bench/rpc/load/load.ts";
import { runLoad } from "../../../bench/rpc/load/run-load.ts";
import { BenchState } from "../../../bench/rpc/target/bench-state.ts";
import type { DurableBenchTarget } from "../../../bench/rpc/target/bench-target.ts";
import { countedStub } from "../../../bench/rpc/workerd/counted-stub.ts";

const WIDTH = 16;
/** Every load makes its calls at least once, whatever the budget. */
const run = (target: DurableBenchTarget, load: Load) => runLoad(target, { load, width: WIDTH, budgetMillis: 0 });

function honestTarget(): DurableBenchTarget {
  const state = new BenchState();
  const stored = new BenchState();
  return {
    increment: (by) => Promise.resolve(state.increment(by)),
    quote: (order) => Promise.resolve(state.quote(order)),
    note: (by) => void state.note(by),
    noted: () => Promise.resolve(state.noted()),
    pause: (millis) => Promise.resolve(millis),
    record: (by) => Promise.resolve(stored.increment(by)),
  };
}

/** A target whose `nth` increment, record or note does something else. */
function faultyTarget(fault: (honest: DurableBenchTarget, call: number) => number): DurableBenchTarget {
  const honest = honestTarget();
  let calls = 0;
  const by = (): number => fault(honest, (calls += 1));
  return {
    ...honest,
    increment: () => honest.increment(by()),
    note: () => honest.note(by()),
    record: () => honest.record(by()),
    quote: (order) => honest.quote({ ...order, quantity: order.quantity + by() - 1 }),
  };
}

const FIFTH = 5;
const lost = (): DurableBenchTarget => faultyTarget((_, call) => (call === FIFTH ? 0 : 1));
const doubled = (): DurableBenchTarget => faultyTarget((_, call) => (call === FIFTH ? 2 : 1));

describe("a load", () => {
  it.each(LOADS)("%s: accepts a target that answers every call", async (load) => {
    expect((await run(honestTarget(), load)).value).toBeGreaterThanOrEqual(0);
  });

  const checked = LOADS.filter((load) => !load.startsWith("batches"));
  it.each(checked)("%s: refuses a target that loses or doubles a call", async (load) => {
    await expect(run(lost(), load)).rejects.toThrow("a call was lost, doubled or reordered");
    await expect(run(doubled(), load)).rejects.toThrow("a call was lost, doubled or reordered");
  });

  it("refuses a target that answers calls in another order", async () => {
    const honest = honestTarget();
    const swapped: DurableBenchTarget = {
      ...honest,
      increment: async (by) => WIDTH + 1 - (await honest.increment(by)),
    };
    await expect(run(swapped, "in flight")).rejects.toThrow("reordered");
  });

  it("counts top-level calls on a stub, and no calls on what it returns", async () => {
    const calls = { count: 0 };
    const session = { increment: (by: number) => Promise.resolve(by) };
    const stub = countedStub({ name: "stub", open: () => session, increment: session.increment }, calls);
    await stub.open().increment(1);
    await stub.increment(1);
    expect([stub.name, calls.count]).toEqual(["stub", 2]);
  });
});
