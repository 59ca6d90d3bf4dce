import { strict as assert } from "node:assert";
import { milliseconds, withOptions } from "../../../src/rpc/index.ts";
import { ActorProbeGateway, ProbeGateway, QueueProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";
import { calling, rejection } from "../row.ts";
import type { Row, World } from "../row.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const PATIENCE_MILLIS = 5_000;
const STEP_MILLIS = 20;

/** What the probe has noted once it is as many, or has had time enough: its end of a stream may be later than the caller's. */
async function notedIn(world: World, address: string, count: number): Promise<readonly string[]> {
  const probe = world.service.gateway(ProbeGateway, address);
  let noted = await probe.noted();
  for (let waited = 0; noted.length < count && waited < PATIENCE_MILLIS; waited += STEP_MILLIS) {
    await world.elapse(STEP_MILLIS);
    noted = await probe.noted();
  }
  return noted;
}

/** Methods whose result is an async iterable. */
export const streamRows: readonly Row[] = [
  calling("ST1", "items arrive in order, each once, over many pages; an empty stream ends", async (world) => {
    const actor = world.service.gateway(ActorProbeGateway, world.open("probe"));
    const expected = Array.from({ length: 1_000 }, (_, index) => index + 1);
    assert.deepEqual(await all(actor.count(1, 1_000)), expected);
    assert.deepEqual(await all(actor.count(1, 0)), []);
  }),
  calling("ST2", "a source is not ahead of its consumer by more than the credit, and ends with it", async (world) => {
    const address = world.open("probe");
    const queue = world.service.gateway(QueueProbeGateway, address);
    for await (const number of world.service.gateway(ActorProbeGateway, address).count(1, 1_000_000)) {
      if (number === 10) {
        assert.ok((await queue.counted()) <= 128, "two pages of 64");
        break;
      }
    }
    await queue.counted();
    assert.deepEqual(await world.service.gateway(ProbeGateway, address).noted(), ["count ends"]);
  }),
  calling("ST3", "an async generator lets other messages in, and each stretch is on the main thread", async (world) => {
    const address = world.open("probe");
    const probe = world.service.gateway(ProbeGateway, address);
    const counted = all(world.service.gateway(ActorProbeGateway, address).countSlowly(5, 10));
    assert.equal(await probe.add(1), 1);
    await world.elapse(100);
    assert.deepEqual(await counted, [1, 2, 3, 4, 5]);
    assert.deepEqual(await probe.noted(), ["countSlowly ends"]);
  }),
  calling("ST4", "a stream ends at its deadline, at both ends", async (world) => {
    const address = world.open("probe");
    // Connections are there: a call that is not delivered in time ends at one end only.
    assert.deepEqual(await world.service.gateway(ProbeGateway, address).noted(), []);
    const actor = withOptions(world.service.gateway(ActorProbeGateway, address), { timeout: milliseconds(100) });
    const timed = rejection(all(actor.countSlowly(1_000, 20)), "TIMEOUT");
    await world.elapse(250);
    await timed;
    assert.deepEqual(await notedIn(world, address, 1), ["countSlowly ends"]);
  }),
  calling("ST5", "what later turns push reaches the consumer; the end that the source says ends it", async (world) => {
    const address = world.open("probe");
    const probe = world.service.gateway(ProbeGateway, address);
    const followed = all(world.service.gateway(ActorProbeGateway, address).notes());
    await probe.noted();
    for (const text of ["one", "two", "the end", "late"]) probe.note(text);
    assert.deepEqual(await followed, ["one", "two"]);
  }),
  calling("ST6", "an item outside the list fails the stream, naming it; arguments fail at the call", async (world) => {
    const actor = world.service.gateway(ActorProbeGateway, world.open("probe"));
    assert.match((await rejection(all(actor.badItems()), "SERIALIZATION")).message, /badItems.*a function/);
    assert.throws(() => actor.count(1, (() => 1) as unknown as number), { code: "SERIALIZATION" });
  }),
  calling("ST7", "a consumer that aborts ends the stream at the callee", async (world) => {
    const address = world.open("probe");
    const abort = new AbortController();
    const actor = withOptions(world.service.gateway(ActorProbeGateway, address), { signal: abort.signal });
    const probe = world.service.gateway(ProbeGateway, address);
    const cancelled = rejection(all(actor.notes()), "CANCELLED");
    probe.note("one");
    await probe.noted();
    await world.elapse(20);
    abort.abort();
    await cancelled;
    assert.deepEqual(await notedIn(world, address, 2), ["one", "notes closed"]);
  }),
];
