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

  it("as calls come and go: each expires once, at its own instant and in order, and no timer outlives them by a second", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: fc.nat(3_000) }) },
      { weight: 4, arbitrary: fc.record({ remove: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ pass: fc.nat(1_500) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), fc.boolean(), async (steps, mayLeave) => {
        const clock = new ManualClock();
        const deadlines = new Deadlines(clock, mayLeave);
        // All that waits, in the order in which it was added.
        let model: { readonly millis: number; readonly entry: DeadlineEntry }[] = [];
        const expired: (readonly [millis: number, at: number])[] = [];
        const add = (millis: number, onExpired?: () => void): void => {
          const added = {
            millis,
            entry: {
              instant: undefined,
              expire: () => {
                expired.push([millis, clock.now()]);
                const first = model.toSorted((left, right) => left.millis - right.millis)[0];
                expect(first).toBe(added);
                model = model.filter((other) => other !== added);
                onExpired?.();
              },
            } as DeadlineEntry,
          };
          model.push(added);
          deadlines.add(added.entry, millis, clock.now());
        };
        for (const { add: delay, remove, pass } of steps as { add?: number; remove?: number; pass?: number }[]) {
          // What expires makes the next call, now and then.
          if (delay !== undefined) {
            const again = delay % 5 === 0 ? () => add(clock.now() + 1 + delay) : undefined;
            add(clock.now() + delay, again);
          }
          // The last first, as calls made one at a time do.
          const removed = remove === undefined ? undefined : model.at(-1 - remove);
          if (removed !== undefined) {
            model = model.filter((other) => other !== removed);
            deadlines.remove(removed.entry);
          }
          if (pass !== undefined) await clock.advance(pass);
          const due = model.filter(({ millis }) => millis < clock.now());
          expect(due).toEqual([]);
        }
        for (const { entry } of model) deadlines.remove(entry);
        expect(clock.pending).toBeLessThanOrEqual(mayLeave ? 1 : 0);
        await clock.advance(1_000);
        expect(clock.pending).toBe(0);
        for (const [millis, at] of expired) expect(at).toBe(millis);
      }),
      { numRuns: 500 },
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

  it("of calls made one at a time it remembers one", () => {
    const deadlines = new Deadlines(new ManualClock(), true);
    for (let call = 0; call < 100; call += 1) {
      const entry: DeadlineEntry = { instant: undefined, expire: () => undefined };
      deadlines.add(entry, 10_000 + call, call);
      expect(entry.instant?.entries).toEqual([entry]);
      deadlines.remove(entry);
    }
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
