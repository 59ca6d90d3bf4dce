import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { BatchEncoder } from "../../../src/rpc/session/batch-encoder.ts";
import { ForwardedEnvelope } from "../../../src/rpc/session/forwarded-envelope.ts";
import type { MessageHead } from "../../../src/rpc/ports/rpc-channel.ts";
import { columnsOf, request, settled } from "./session-world.ts";

setFlagsFromString("--expose_gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("BatchEncoder", () => {
  it("tells what messages have in common once, and keeps nothing of those that are gone", async () => {
    const encoder = new BatchEncoder();
    const encode = (number: number): { told: number; head: WeakRef<MessageHead> } => {
      const unheard = { resolve: () => undefined, reject: () => undefined };
      const as = { args: "[]", repeatable: false, nowMillis: 0 };
      const message = Object.assign(new ForwardedEnvelope(request(`c:${number}`), as, unheard), { number });
      const { newHeads } = columnsOf(encoder.encode([message], { nowMillis: 0, received: [] }));
      return { told: newHeads.length, head: new WeakRef(message.head) };
    };
    const encoded = [1, 2, 3].map(encode);
    expect(encoded.map(({ told }) => told)).toEqual([1, 0, 0]);
    // A weak reference holds on until the task that made it has ended.
    await settled();
    collectGarbage();
    expect(encoded.map(({ head }) => head.deref())).toEqual([undefined, undefined, undefined]);
  });
});
