import { describe, expect, it } from "vitest";
import { sleep } from "../../src/common/sleep.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

describe("sleep", () => {
  it("resolves when the time has passed on the clock, not before", async () => {
    const clock = new ManualClock();
    let woken = false;
    const sleeping = sleep(clock, 100).then(() => (woken = true));
    await clock.advance(99);
    expect(woken).toBe(false);
    await clock.advance(1);
    await sleeping;
    expect(woken).toBe(true);
  });

  it("ends with the signal's reason, and leaves nothing scheduled", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleeping = sleep(clock, 100, controller.signal);
    controller.abort(new Error("enough"));
    await expect(sleeping).rejects.toThrow("enough");
    await expect(sleep(clock, 100, controller.signal)).rejects.toThrow("enough");
    expect(clock.pending).toBe(0);
  });
});
