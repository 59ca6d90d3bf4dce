import type { BenchTarget, DurableBenchTarget, Order } from "../target/bench-target.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import { percentile } from "../report/statistics.ts";

const MILLIS_PER_SECOND = 1_000;
/** Calls between two looks at the clock when calls are made one at a time. */
const STRETCH = 32;
/** Asks of each caller in one stretch of the load "out of step". */
const ASKS_PER_CALLER = 16;
/** Callers wait 0 to 8 extra microtasks between two asks. */
const MICROTASK_VARIANTS = 9;
const SLOW_MILLIS = 200;
/** With five rounds this makes a hundred. */
const BATCHES = 20;
const THOUSAND = 1_000;
const P99 = 0.99;

type Ask = () => Promise<number>;
/** Makes some calls and answers with their number. */
type Stretch = () => Promise<number>;

/**
 * Calls `target` as `plan` says and checks what came back: a system that loses, doubles or reorders calls fails instead
 * of being fast. Runs where the calls are made: in a Durable Object or in a process. A caller that is an endpoint enters
 * a turn for each stretch of calls.
 */
export async function runLoad(
  target: BenchTarget | DurableBenchTarget,
  plan: LoadPlan,
  enter: (stretch: Stretch) => Promise<number> = (stretch) => stretch(),
): Promise<LoadResult> {
  const { width, budgetMillis } = plan;
  const rate = (stretch: Stretch): Promise<LoadResult> => callsPerSecond(budgetMillis, () => enter(stretch));
  const increment = (): Promise<number> => target.increment(1);
  switch (plan.load) {
    case "one at a time":
      return rate(() => oneAtATime(increment, STRETCH));
    case "in flight":
      return rate(() => inFlight(increment, width));
    case "in flight, object":
      return rate(() => objectsInFlight(target, width));
    case "out of step":
      return rate(() => outOfStep(increment, width));
    case "tells":
      return rate(() => tells(target, width));
    case "durable, one at a time":
      return rate(() => oneAtATime(recordOf(target), STRETCH));
    case "durable, in flight":
      return rate(() => inFlight(recordOf(target), width));
    case "batches":
      return { value: await batches(target, width, "fast") };
    case "batches with a slow call":
      return { value: await batches(target, width, "slow") };
    case "thousand calls":
      return { value: await windows(increment, THOUSAND, width) };
  }
}

/** Repeats `stretch` until the budget is used up. */
async function callsPerSecond(budgetMillis: number, stretch: Stretch): Promise<LoadResult> {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    calls += await stretch();
    elapsed = performance.now() - start;
  } while (elapsed < budgetMillis);
  return { value: (calls / elapsed) * MILLIS_PER_SECOND };
}

async function oneAtATime(ask: Ask, calls: number): Promise<number> {
  const first = await ask();
  let last = first;
  for (let call = 1; call < calls; call += 1) last = await ask();
  expectSum("asks one at a time", last, first + calls - 1);
  return calls;
}

async function inFlight(ask: Ask, width: number): Promise<number> {
  const sums = await Promise.all(Array.from({ length: width }, ask));
  const [first = 0] = sums;
  for (const [position, sum] of sums.entries())
    expectSum(`ask ${position} of ${width} in flight`, sum, first + position);
  return width;
}

async function windows(ask: Ask, calls: number, width: number): Promise<number> {
  for (let left = calls; left > 0; left -= width) await inFlight(ask, Math.min(left, width));
  return calls;
}

async function objectsInFlight(target: BenchTarget, width: number): Promise<number> {
  const quotes = await Promise.all(Array.from({ length: width }, (_, position) => target.quote(orderAt(position))));
  for (const [position, { id, total }] of quotes.entries()) {
    const order = orderAt(position);
    if (id !== order.id) throw new Error(`quote ${position} answers order ${id}`);
    expectSum(`total of quote ${position}`, total, order.quantity * order.price);
  }
  return width;
}

function orderAt(position: number): Order {
  return {
    id: `order-${position}`,
    customer: "alice",
    quantity: position,
    price: 1.5,
    express: position % 2 === 0,
    note: "leave at the door",
  };
}

async function outOfStep(ask: Ask, callers: number): Promise<number> {
  const before = await ask();
  const call = async (caller: number): Promise<void> => {
    for (let made = 0; made < ASKS_PER_CALLER; made += 1) {
      await ask();
      const extra = (caller * 7 + made * 5) % MICROTASK_VARIANTS;
      for (let microtask = 0; microtask < extra; microtask += 1) await Promise.resolve();
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const calls = callers * ASKS_PER_CALLER;
  expectSum("asks out of step", await ask(), before + calls + 1);
  return calls + 2;
}

/** All but the last message are tells; the last is an ask, which arrives behind them and tells that they did. */
async function tells(target: BenchTarget, messages: number): Promise<number> {
  const before = await target.noted();
  for (let told = 1; told < messages; told += 1) target.note(1);
  expectSum("tells", await target.noted(), before + messages - 1);
  return messages;
}

function recordOf(target: BenchTarget | DurableBenchTarget): Ask {
  if (!("record" in target)) throw new TypeError("the target keeps nothing durably");
  return () => target.record(1);
}

/** The 99th percentile of how long a fast call of a batch takes. */
async function batches(target: BenchTarget, width: number, first: "fast" | "slow"): Promise<number> {
  const latencies: number[] = [];
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const start = performance.now();
    const head = first === "slow" ? target.pause(SLOW_MILLIS) : target.increment(1);
    const fast = Array.from({ length: width - 1 }, async () => {
      await target.increment(1);
      latencies.push(performance.now() - start);
    });
    await Promise.all([head, ...fast]);
  }
  return percentile(latencies, P99);
}

function expectSum(what: string, found: number, expected: number): void {
  if (found !== expected)
    throw new Error(`${what}: expected ${expected}, got ${found}: a call was lost, doubled or reordered`);
}
