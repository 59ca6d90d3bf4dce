import type { Clock } from "../../common/clock.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import { CallFrameEncoder } from "./call-frame.ts";
import type { CallOutcome } from "./call-frame.ts";

/** What a batch carries, and one call more: the server's default limits are above both. */
const MAX_BATCH_CALLS = 1_024;
const MAX_BATCH_LENGTH = 4 * 1_024 * 1_024;

/** How calls get to a server: by requests, or over a held connection. */
export interface CallSender {
  /**
   * @param repeatable running it twice has the effect of running it once.
   * @throws (rejects) RpcException if no outcome can come any more; whether the call ran is unknown then.
   */
  send(envelope: RequestEnvelope, repeatable: boolean): Promise<CallOutcome>;
  /** Breaks off what is under way; its calls fail, and all later ones. Idempotent. */
  close(): void;
}

/** A call that has no outcome yet. */
export interface PendingCall {
  readonly envelope: RequestEnvelope;
  readonly queuedMillis: number;
  readonly repeatable: boolean;
  /** How often it was sent. */
  attempts: number;
  resolve(outcome: CallOutcome): void;
  reject(error: SluiceException): void;
}

/** Calls that wait to be sent, in order. */
export class CallQueue {
  readonly #clock: Clock;
  #calls: PendingCall[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  push(envelope: RequestEnvelope, repeatable: boolean): Promise<CallOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
    this.#calls.push({ envelope, queuedMillis: this.#clock.now(), repeatable, attempts: 0, resolve, reject });
    return promise;
  }

  /** Puts calls that were taken before all others. */
  putBack(calls: readonly PendingCall[]): void {
    this.#calls = [...calls, ...this.#calls];
  }

  /** The head of the queue as a frame, as much of it as one body may carry. */
  takeBatch(maxCalls = MAX_BATCH_CALLS): {
    readonly calls: readonly PendingCall[];
    readonly body: Uint8Array<ArrayBuffer>;
  } {
    const now = this.#clock.now();
    const most = Math.min(maxCalls, MAX_BATCH_CALLS);
    const encoder = new CallFrameEncoder();
    for (const call of this.#calls) {
      const { remainingMillis } = call.envelope;
      const left = remainingMillis === null ? null : Math.max(0, remainingMillis - (now - call.queuedMillis));
      call.attempts += 1;
      encoder.add(call.envelope, left);
      if (encoder.calls === most || encoder.length > MAX_BATCH_LENGTH) break;
    }
    return { calls: this.#calls.splice(0, encoder.calls), body: encoder.frame() };
  }

  /** Takes all and rejects them. */
  rejectAll(error: SluiceException): void {
    for (const call of this.#calls.splice(0)) call.reject(error);
  }
}

export function closedException(): SluiceException {
  return new RpcConnectionException("the RpcService is closed");
}
