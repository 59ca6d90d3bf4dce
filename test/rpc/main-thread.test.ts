import { beforeEach, describe, expect, it } from "vitest";
import { ROOT_CONTEXT } from "../../src/rpc/call-context.ts";
import { milliseconds } from "../../src/rpc/index.ts";
import { INTERNAL, MainThread, passThrough } from "../../src/rpc/main-thread.ts";
import type { SqlDatabase } from "../../src/rpc/ports/storage.ts";
import type { Outcome } from "../../src/rpc/turn.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { manualMainThreadOptions } from "../../src/testing/manual-main-thread.ts";

describe("MainThread", () => {
  let clock: ManualClock;
  let mainThread: MainThread;
  let trace: string[];

  const note = (text: string) => (): undefined => void trace.push(text);
  const post = (label: string, run: () => unknown): Outcome[] => {
    const outcomes: Outcome[] = [];
    mainThread.post({
      ...INTERNAL,
      label,
      context: ROOT_CONTEXT,
      sender: undefined,
      run,
      settle: (outcome) => void outcomes.push(outcome),
    });
    return outcomes;
  };

  beforeEach(() => {
    clock = new ManualClock();
    trace = [];
    mainThread = new MainThread(manualMainThreadOptions(clock));
  });

  it("keeps the order of arrival when turns post more turns (M4)", () => {
    mainThread.open();
    mainThread.runAsync(() => {
      trace.push("a");
      mainThread.runAsync(() => {
        trace.push("b");
        mainThread.runAsync(note("d"));
      });
      mainThread.runAsync(note("c"));
    });
    expect(trace).toEqual(["a", "b", "c", "d"]);
  });

  it("buffers what is posted before it is opened", () => {
    mainThread.runAsync(note("early"));
    expect(trace).toEqual([]);
    mainThread.open();
    expect(trace).toEqual(["early"]);
  });

  it("takes a transaction for a continuation, and none for a result that only passes through", async () => {
    let transactions = 0;
    const database: SqlDatabase = {
      exec: () => [],
      transactionSync: (body) => {
        transactions += 1;
        return body();
      },
      deleteAll: () => undefined,
    };
    mainThread = new MainThread({ ...manualMainThreadOptions(clock), database });
    mainThread.open();
    const results: unknown[] = [];
    post("asks", () => {
      void mainThread.ask(Promise.resolve(1), passThrough).settled.then((result) => results.push(result));
      void mainThread.ask(Promise.resolve(2), (result) => result).settled.then((result) => results.push(result));
    });
    expect(transactions).toBe(1);
    await clock.settle();
    expect(results).toEqual([1, 2]);
    expect(transactions).toBe(2);
  });

  it("drops the continuations of a turn that threw", async () => {
    mainThread.open();
    const settled: unknown[] = [];
    const outcomes = post("throws", () => {
      const later = mainThread.ask(Promise.resolve(1), note("continued"));
      later.settled.catch((error: unknown) => settled.push(error));
      throw new Error("no");
    });
    await clock.settle();
    expect(outcomes).toMatchObject([{ ok: false, error: { message: "no" } }]);
    expect(trace).toEqual([]);
    expect(settled).toMatchObject([{ code: "TURN_FAILED" }]);
  });

  it("does not run a scheduled body that was cancelled after it was posted (S12)", async () => {
    const handle = mainThread.schedule(note("cancelled"), milliseconds(10));
    mainThread.schedule(note("kept"), milliseconds(10));
    // Due, posted, and waiting: the queue is not open yet.
    await clock.advance(20);
    handle.cancel();
    mainThread.open();
    expect(trace).toEqual(["kept"]);
  });

  it("does not schedule what a turn that threw had scheduled", async () => {
    mainThread.open();
    post("throws", () => {
      mainThread.schedule(note("scheduled"), milliseconds(1));
      throw new Error("no");
    });
    await clock.advance(10);
    expect(trace).toEqual([]);
  });

  it("flattens a continuation's Later, and an error without continuation passes through", async () => {
    mainThread.open();
    const flat = post("flat", () =>
      mainThread.ask(Promise.resolve(1), (one) => mainThread.ask(Promise.resolve(one + 1), (two) => two + 1)),
    );
    const failed = post("failed", () => mainThread.ask(Promise.reject(new RangeError("asked")), note("not reached")));
    const handled = post("handled", () =>
      mainThread.ask(
        Promise.reject(new RangeError("asked")),
        () => "not reached",
        (error) => `handled ${error.name}`,
      ),
    );
    await clock.settle();
    expect(flat).toEqual([{ ok: true, value: 3 }]);
    expect(failed).toMatchObject([{ ok: false, error: { name: "RangeError", message: "asked" } }]);
    expect(handled).toEqual([{ ok: true, value: "handled RangeError" }]);
    expect(trace).toEqual([]);
  });

  it("a callAsync whose turn threw is never run, and its promise fails", async () => {
    mainThread.open();
    let call: Promise<unknown> = Promise.resolve();
    post("throws", () => {
      call = mainThread.callAsync(note("called"), milliseconds(100));
      throw new Error("no");
    });
    await expect(call).rejects.toMatchObject({ code: "TURN_FAILED" });
    expect(trace).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("once ended, settles what waits and whatever comes, runs nothing, and keeps no timer (S13, F12)", async () => {
    mainThread.open();
    const never = Promise.withResolvers<number>();
    const waiting = post("waiting", () => mainThread.ask(never.promise, note("continued")));
    mainThread.schedule(note("scheduled"), milliseconds(5));
    mainThread.end();
    const late = post("late", note("late"));
    never.resolve(1);
    await clock.advance(10);
    expect(waiting).toMatchObject([{ ok: false, error: { code: "RECIPIENT_UNREACHABLE", retryable: true } }]);
    expect(late).toMatchObject([{ ok: false, error: { code: "RECIPIENT_UNREACHABLE" } }]);
    expect(trace).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
