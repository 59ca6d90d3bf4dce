import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deadlines } from "../../src/rpc/deadlines.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

describe("Deadlines", () => {
  it("expires what was not cancelled, each at its own instant, in order", async () => {
    const entry = fc.record({ millis: fc.nat(50), cancelledAt: fc.option(fc.nat(60), { nil: undefined }) });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 30 }), async (entries) => {
        const clock = new ManualClock();
        const deadlines = new Deadlines(clock);
        const expired: (readonly [index: number, millis: number])[] = [];
        const handles = entries.map(({ millis }, index) =>
          deadlines.add(millis, () => void expired.push([index, clock.now()])),
        );
        for (let now = 0; now <= 60; now += 1) {
          for (const [index, { cancelledAt }] of entries.entries()) if (cancelledAt === now) handles[index]?.cancel();
          await clock.advance(1);
        }
        const expected = entries
          .map(({ millis, cancelledAt }, index) => ({ index, millis, cancelledAt }))
          .filter(({ millis, cancelledAt }) => cancelledAt === undefined || cancelledAt >= Math.max(1, millis))
          .toSorted((left, right) => left.millis - right.millis || left.index - right.index);
        expect(expired.map(([index]) => index)).toEqual(expected.map(({ index }) => index));
        for (const [index, millis] of expired) expect(millis).toBe(entries[index]?.millis);
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it("holds one timer for many, and none when nothing waits", () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const handles = Array.from({ length: 100 }, (_, index) => deadlines.add(1_000 + (index % 3), () => undefined));
    expect(clock.pending).toBe(1);
    for (const handle of handles) handle.cancel();
    expect(clock.pending).toBe(0);
  });
});
