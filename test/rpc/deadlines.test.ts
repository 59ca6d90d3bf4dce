import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deadlines } from "../../src/rpc/deadlines.ts";
import type { DeadlineEntry } from "../../src/rpc/deadlines.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

describe("Deadlines", () => {
  it("expires what was not cancelled, each at its own instant, in order", async () => {
    const entry = fc.record({ millis: fc.nat(50), cancelledAt: fc.option(fc.nat(60), { nil: undefined }) });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 30 }), fc.boolean(), async (entries, mayLeave) => {
        const clock = new ManualClock();
        const deadlines = new Deadlines(clock, mayLeave);
        const expired: (readonly [index: number, millis: number])[] = [];
        const handles = entries.map(({ millis }, index) => {
          const handle: DeadlineEntry = { instant: undefined, expire: () => void expired.push([index, clock.now()]) };
          deadlines.add(handle, millis, clock.now());
          return handle;
        });
        for (let now = 0; now <= 60; now += 1) {
          for (const [index, { cancelledAt }] of entries.entries()) {
            const handle = handles[index];
            if (cancelledAt === now && handle !== undefined) deadlines.remove(handle);
          }
          await clock.advance(1);
        }
        const expected = entries
          .map(({ millis, cancelledAt }, index) => ({ index, millis, cancelledAt }))
          .filter(({ millis, cancelledAt }) => cancelledAt === undefined || cancelledAt >= Math.max(1, millis))
          .toSorted((left, right) => left.millis - right.millis || left.index - right.index);
        expect(expired.map(([index]) => index)).toEqual(expected.map(({ index }) => index));
        for (const [index, millis] of expired) expect(millis).toBe(entries[index]?.millis);
        await clock.advance(1_000);
        expect(clock.pending).toBe(0);
      }),
    );
  });

  const waiting = (clock: ManualClock, deadlines: Deadlines): readonly DeadlineEntry[] =>
    Array.from({ length: 100 }, (_, index) => {
      const entry: DeadlineEntry = { instant: undefined, expire: () => undefined };
      deadlines.add(entry, 10_000 + (index % 3), clock.now());
      return entry;
    });

  it("holds one timer for many, and none when nothing waits", () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const entries = waiting(clock, deadlines);
    expect(clock.pending).toBe(1);
    for (const entry of entries) deadlines.remove(entry);
    expect(clock.pending).toBe(0);
  });

  it("where a timer may be left, it is for a second at most", async () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock, true);
    const entries = waiting(clock, deadlines);
    await clock.advance(2_500);
    expect(clock.pending).toBe(1);
    for (const entry of entries) deadlines.remove(entry);
    expect(clock.pending).toBe(1);
    await clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });
});
