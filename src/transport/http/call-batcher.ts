import type { Clock } from "../../common/clock.ts";
import { fromErrorData, isErrorData, SluiceException } from "../../common/exceptions.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RecipientUnreachableException, RpcConnectionException } from "../../rpc/exceptions.ts";
import { decodeOutcomes } from "./call-frame.ts";
import type { CallOutcome } from "./call-frame.ts";
import { closedException, CallQueue } from "./call-queue.ts";
import type { CallSender, PendingCall } from "./call-queue.ts";
import { FRAME_MEDIA_TYPE, FrameReader } from "./frame.ts";

/** Longest reply: a result has at most 16 MiB, as text at most some times that. */
export const MAX_FRAME_BYTES = 128 * 1_024 * 1_024;

export interface CallBatcherOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly token: () => string | undefined | Promise<string | undefined>;
  /** How long a batch waits at least for the server to begin its answer. */
  readonly patienceMillis: number;
}

/**
 * Sends calls in batches: those made in one turn leave as one POST. While a POST has no answer the next calls gather,
 * and leave when the server has let in what went before: that is what keeps their order over several connections.
 * Replies come one by one over the answer's body, each as soon as it is there.
 */
export class CallBatcher implements CallSender {
  readonly #options: CallBatcherOptions;
  readonly #waiting: CallQueue;
  // Of each POST under way.
  readonly #aborts = new Set<AbortController>();
  #closed = false;
  #scheduled = false;
  #posting = false;

  constructor(options: CallBatcherOptions) {
    this.#options = options;
    this.#waiting = new CallQueue(options.clock);
  }

  send(envelope: RequestEnvelope, repeatable: boolean): Promise<CallOutcome> {
    if (this.#closed) return Promise.reject(closedException());
    const outcome = this.#waiting.push(envelope, repeatable);
    this.#schedule();
    return outcome;
  }

  close(): void {
    this.#closed = true;
    for (const abort of this.#aborts) abort.abort(closedException());
    this.#waiting.rejectAll(closedException());
  }

  #schedule(): void {
    if (this.#scheduled || this.#posting || this.#waiting.isEmpty) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#waiting.isEmpty) void this.#post();
    });
  }

  async #post(): Promise<void> {
    this.#posting = true;
    const { calls, body } = this.#waiting.takeBatch();
    const open = new Map(calls.entries());
    const abort = new AbortController();
    this.#aborts.add(abort);
    try {
      const response = await this.#fetch(body, abort, this.#patience(calls)).finally(() => {
        this.#posting = false;
        this.#schedule();
      });
      if (response.headers.get("content-type") !== FRAME_MEDIA_TYPE) throw await refusalOf(response);
      await readOutcomes(response, open, abort.signal);
      if (open.size === 0) return;
      throw new RecipientUnreachableException("the answer ended before the reply", { retryable: true });
    } catch (error) {
      const exception = this.#exceptionOf(error);
      for (const call of open.values()) call.reject(exception);
    } finally {
      this.#aborts.delete(abort);
    }
  }

  async #fetch(body: Uint8Array<ArrayBuffer>, abort: AbortController, patienceMillis: number): Promise<Response> {
    const { url, clock, fetch, token } = this.#options;
    const presented = await token();
    const headers = {
      "content-type": FRAME_MEDIA_TYPE,
      ...(presented === undefined ? {} : { authorization: `Bearer ${presented}` }),
    };
    const timer = clock.schedule(patienceMillis, () => {
      abort.abort(new RpcConnectionException(`${url} did not answer within ${patienceMillis} ms`, { retryable: true }));
    });
    try {
      return await fetch(url, { method: "POST", headers, body, signal: abort.signal });
    } finally {
      timer.cancel();
    }
  }

  /** After it nobody waits for any of the calls, and the next ones should not wait behind them. */
  #patience(calls: readonly PendingCall[]): number {
    return Math.max(...calls.map(({ envelope }) => envelope.remainingMillis ?? 0), this.#options.patienceMillis);
  }

  #exceptionOf(error: unknown): SluiceException {
    // Not every runtime rejects with the reason of the signal.
    if (this.#closed) return closedException();
    if (SluiceException.is(error)) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new RpcConnectionException(`connection to ${this.#options.url} failed: ${message}`, {
      cause: error,
      retryable: true,
    });
  }
}

/** Settles each call that the frames tell of and takes it out of `open`. */
export function settleOutcomes(frames: readonly Uint8Array[], open: Map<number, PendingCall>): void {
  for (const frame of frames) {
    for (const [call, outcome] of decodeOutcomes(frame)) {
      open.get(call)?.resolve(outcome);
      open.delete(call);
    }
  }
}

/** Reads until the end of the answer. */
async function readOutcomes(response: Response, open: Map<number, PendingCall>, aborted: AbortSignal): Promise<void> {
  const frames = new FrameReader(MAX_FRAME_BYTES);
  const settle = (bytes: Uint8Array): void => settleOutcomes(frames.push(bytes), open);
  // One of the platforms' types says any.
  const body: ReadableStream<Uint8Array> | null = response.body;
  // A body of known length is all there.
  if (body === null || response.headers.has("content-length"))
    return settle(new Uint8Array(await response.arrayBuffer()));
  const reader = body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  aborted.addEventListener("abort", stop);
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) settle(chunk.value);
  } finally {
    aborted.removeEventListener("abort", stop);
    // Without effect after the end; a malformed answer is not read on.
    stop();
  }
}

/** The exception that an answer without frames stands for. */
async function refusalOf(response: Response): Promise<SluiceException> {
  const text = await response.text();
  const refusal = refusalIn(text);
  if (refusal !== undefined) return refusal;
  const excerpt = text.trim().slice(0, 200);
  return new RpcConnectionException(`${response.url} answered ${response.status}: ${excerpt}`, {
    retryable: response.status >= 500,
  });
}

/** The exception in the text of an {@link HttpRefusal}; `undefined` if it is none of our endpoint's. */
export function refusalIn(text: string): SluiceException | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "exception" in body && isErrorData(body.exception)) {
      return fromErrorData(body.exception);
    }
  } catch {
    // Whatever answered, it was not asked by name.
  }
  return undefined;
}
