import type { Clock } from "../../common/clock.ts";
import { fromErrorData, isErrorData, SluiceException } from "../../common/exceptions.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RecipientUnreachableException, RpcConnectionException } from "../../rpc/exceptions.ts";
import { decodeOutcome, encodeCall } from "./call-frame.ts";
import type { CallOutcome } from "./call-frame.ts";
import { decodeFrame, FRAME_MEDIA_TYPE, FrameReader } from "./frame.ts";

/** Calls of one POST, and its bytes, unless one call alone is longer; the server's default limits are above both. */
const MAX_BATCH_CALLS = 1_024;
const MAX_BATCH_BYTES = 8 * 1_024 * 1_024;
/** Longest reply: a result has at most 16 MiB, as text at most some times that. */
const MAX_FRAME_BYTES = 128 * 1_024 * 1_024;

export interface CallBatcherOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly token: () => string | undefined | Promise<string | undefined>;
  /** How long a batch waits at least for the server to begin its answer. */
  readonly patienceMillis: number;
}

interface PendingCall {
  readonly envelope: RequestEnvelope;
  readonly queuedMillis: number;
  resolve(outcome: CallOutcome): void;
  reject(error: SluiceException): void;
}

/**
 * Sends calls in batches: those made in one turn leave as one POST. While a POST has no answer the next calls gather,
 * and leave when the server has let in what went before: that is what keeps their order over several connections.
 * Replies come one by one over the answer's body, each as soon as it is there.
 */
export class CallBatcher {
  readonly #options: CallBatcherOptions;
  // Of each POST under way.
  readonly #aborts = new Set<AbortController>();
  #closed = false;
  #waiting: PendingCall[] = [];
  #scheduled = false;
  #posting = false;

  constructor(options: CallBatcherOptions) {
    this.#options = options;
  }

  /** @throws (rejects) RpcException if no outcome can come any more; whether the call ran is unknown then. */
  send(envelope: RequestEnvelope): Promise<CallOutcome> {
    if (this.#closed) return Promise.reject(closedException());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ envelope, queuedMillis: this.#options.clock.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** Breaks off what is under way; its calls fail. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const abort of this.#aborts) abort.abort(closedException());
    for (const call of this.#waiting.splice(0)) call.reject(closedException());
  }

  #schedule(): void {
    if (this.#scheduled || this.#posting || this.#waiting.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#waiting.length > 0) void this.#post();
    });
  }

  async #post(): Promise<void> {
    this.#posting = true;
    const { calls, body } = this.#takeBatch();
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
      throw new RecipientUnreachableException("the answer ended before the reply", { retryable: true });
    } catch (error) {
      const exception = this.#exceptionOf(error);
      for (const call of open.values()) call.reject(exception);
    } finally {
      this.#aborts.delete(abort);
    }
  }

  #takeBatch(): { readonly calls: readonly PendingCall[]; readonly body: Uint8Array<ArrayBuffer> } {
    const now = this.#options.clock.now();
    const frames: Uint8Array[] = [];
    let size = 0;
    for (const { envelope, queuedMillis } of this.#waiting) {
      const { remainingMillis } = envelope;
      const left = remainingMillis === null ? null : Math.max(0, remainingMillis - (now - queuedMillis));
      const frame = encodeCall({ ...envelope, remainingMillis: left });
      if (frames.length > 0 && size + frame.byteLength > MAX_BATCH_BYTES) break;
      frames.push(frame);
      size += frame.byteLength;
      if (frames.length === MAX_BATCH_CALLS) break;
    }
    const body = new Uint8Array(size);
    let offset = 0;
    for (const frame of frames) {
      body.set(frame, offset);
      offset += frame.byteLength;
    }
    return { calls: this.#waiting.splice(0, frames.length), body };
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

/** Reads until the end of the answer; settles each call that it tells of and takes it out of `open`. */
async function readOutcomes(response: Response, open: Map<number, PendingCall>, aborted: AbortSignal): Promise<void> {
  const frames = new FrameReader(MAX_FRAME_BYTES);
  const settle = (bytes: Uint8Array): void => {
    for (const frame of frames.push(bytes)) {
      const { call, outcome } = decodeOutcome(decodeFrame(frame));
      open.get(call)?.resolve(outcome);
      open.delete(call);
    }
  };
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
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "exception" in body && isErrorData(body.exception)) {
      return fromErrorData(body.exception);
    }
  } catch {
    // Not from our endpoint.
  }
  const excerpt = text.trim().slice(0, 200);
  return new RpcConnectionException(`${response.url} answered ${response.status}: ${excerpt}`, {
    retryable: response.status >= 500,
  });
}

function closedException(): SluiceException {
  return new RpcConnectionException("the RpcService is closed");
}

/** The reply that a caller gets for `outcome`. */
export function replyOf(outcome: CallOutcome, head: Omit<ReplyEnvelope, "outcome" | "value" | "error">): ReplyEnvelope {
  switch (outcome.kind) {
    case "reply":
      return outcome.reply;
    case "refusal":
      return { ...head, outcome: "error", error: outcome.error };
    case "unreachable":
      throw fromErrorData(outcome.error);
  }
}
