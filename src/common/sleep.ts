import type { Clock } from "./clock.ts";

/**
 * Resolves when `millis` have passed on `clock`. Endpoint code does not await: this is for what runs outside of turns.
 *
 * @throws the signal's reason as soon as it aborts; nothing stays scheduled then.
 */
export function sleep(clock: Pick<Clock, "schedule">, millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(asError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      scheduled.cancel();
      reject(asError(signal?.reason));
    };
    const scheduled = clock.schedule(millis, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
