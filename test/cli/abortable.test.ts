import { describe, expect, it } from "vitest";
import { abortable, abortableElements, untilAborted } from "../../src/cli/abortable.ts";

const reason = new Error("stop");

describe("abortable", () => {
  it("is the promise, unless the signal comes first", async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    await expect(abortable(Promise.reject(new Error("own fault")), signal)).rejects.toThrow("own fault");
    await expect(abortable(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("leaves a promise that never settles, and hears no late rejection", async () => {
    const controller = new AbortController();
    const late = Promise.withResolvers<number>();
    const left = abortable(late.promise, controller.signal);
    controller.abort(reason);
    await expect(left).rejects.toBe(reason);
    late.reject(new Error("too late"));
    await expect(untilAborted(controller.signal)).rejects.toBe(reason);
  });

  it("leaves a stream in the middle", async () => {
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => undefined);
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const element of abortableElements(endless(), controller.signal)) {
        seen.push(element);
        controller.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    expect(seen).toEqual([1]);
  });

  it("ends with the stream", async () => {
    async function* two(): AsyncGenerator<number> {
      yield* [1, 2];
    }
    const seen: number[] = [];
    for await (const element of abortableElements(two(), new AbortController().signal)) seen.push(element);
    expect(seen).toEqual([1, 2]);
  });
});
