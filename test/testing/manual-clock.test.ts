import { describe, expect, it } from "vitest";
import { ManualClock } from "../../src/testing/manual-clock.ts";

describe("ManualClock", () => {
  it("fires in order of due time, then of scheduling, each at its own instant", async () => {
    const clock = new ManualClock(100);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name}@${clock.now()}`);
    clock.schedule(20, note("late"));
    clock.schedule(10, note("first"));
    clock.schedule(10, note("second"));
    clock.schedule(5, note("cancelled")).cancel();
    await clock.advance(15);
    expect(fired).toEqual(["first@110", "second@110"]);
    expect(clock.now()).toBe(115);
    await clock.advance(5);
    expect(fired).toEqual(["first@110", "second@110", "late@120"]);
    expect(clock.pending).toBe(0);
  });

  it("a callback that schedules itself again fires at every instant of a jump", async () => {
    const clock = new ManualClock();
    const instants: number[] = [];
    const again = (): void => {
      instants.push(clock.now());
      clock.schedule(10, again);
    };
    clock.schedule(10, again);
    await clock.advance(35);
    expect(instants).toEqual([10, 20, 30]);
  });

  it("lets promises settle between two steps", async () => {
    const clock = new ManualClock();
    const trace: string[] = [];
    clock.schedule(
      1,
      () =>
        void Promise.resolve()
          .then(() => Promise.resolve())
          .then(() => trace.push("settled")),
    );
    clock.schedule(2, () => void trace.push("next step"));
    await clock.advance(2);
    expect(trace).toEqual(["settled", "next step"]);
  });
});
