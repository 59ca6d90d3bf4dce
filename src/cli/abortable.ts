/**
 * `promise`, or the signal's reason as soon as it aborts; what `promise` does after that is nobody's concern. Commands leave their
 * requests this way instead of aborting them: an aborted `fetch` whose body is arriving brings Node 24 down with an uncaught
 * "ReadableStream is already closed".
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Never settles but by the signal. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => undefined), signal);
}

/** The elements of `source`, or the signal's reason as soon as it aborts. */
export async function* abortableElements<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator: AsyncIterator<T, unknown> = source[Symbol.asyncIterator]();
  for (;;) {
    const result = await abortable(iterator.next(), signal);
    if (result.done === true) return;
    yield result.value;
  }
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
