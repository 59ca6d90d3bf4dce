import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PeerTracker } from "../../../src/rpc/fencing/peer-tracker.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";

describe("PeerTracker", () => {
  it("accepts exactly what is not below the highest pair of the same address, epoch first", () => {
    const identity = fc.record({
      address: fc.constantFrom("a", "b"),
      epoch: fc.integer({ min: 1, max: 3 }).map((value) => value as Epoch),
      incarnation: fc.integer({ min: 0, max: 3 }).map((value) => value as Incarnation),
    });
    fc.assert(
      fc.property(fc.array(identity, { maxLength: 20 }), (messages) => {
        const tracker = new PeerTracker();
        messages.forEach((message, index) => {
          // By the words of the rule, over the whole history of accepted messages.
          const higher = messages
            .slice(0, index)
            .some(
              (earlier) =>
                earlier.address === message.address &&
                (earlier.epoch > message.epoch ||
                  (earlier.epoch === message.epoch && earlier.incarnation > message.incarnation)),
            );
          expect(tracker.accept(message)).toBe(!higher);
        });
      }),
      { seed: 11 },
    );
  });
});
