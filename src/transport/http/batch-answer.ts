import type { Clock } from "../../common/clock.ts";
import { encodeOutcome } from "./call-frame.ts";
import type { CallOutcome } from "./call-frame.ts";
import { concatenated, FRAME_MEDIA_TYPE } from "./frame.ts";

/** How long an answer waits for its first reply: with the answer's beginning the client learns that its calls are in. */
const LINGER_MILLIS = 5;

/**
 * The answer to one batch. Replies that are there together leave together; if all are, as a body of known length, which
 * costs less than a stream. No reply waits for another one.
 */
export class BatchAnswer {
  readonly #clock: Clock;
  readonly #begun = Promise.withResolvers<void>();
  #open: number;
  readonly #frames: Uint8Array[] = [];
  #flushing = false;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #abandoned = false;

  constructor(calls: number, clock: Clock) {
    this.#open = calls;
    this.#clock = clock;
  }

  /** Once for each call. */
  settle(call: number, outcome: CallOutcome): void {
    if (this.#abandoned) return;
    this.#open -= 1;
    this.#frames.push(encodeOutcome(call, outcome));
    if (this.#flushing) return;
    this.#flushing = true;
    // Behind what else settles in this turn.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  async response(): Promise<Response> {
    const timer = this.#clock.schedule(LINGER_MILLIS, () => this.#begun.resolve());
    await this.#begun.promise;
    timer.cancel();
    const headers = { "content-type": FRAME_MEDIA_TYPE };
    if (this.#open === 0) {
      const body = this.#takeFrames();
      return new Response(body, { headers: { ...headers, "content-length": String(body.byteLength) } });
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
        this.#flush();
      },
      cancel: () => {
        this.#abandoned = true;
      },
    });
    return new Response(body, { headers });
  }

  #flush(): void {
    if (this.#abandoned) return;
    this.#begun.resolve();
    if (this.#stream === undefined) return;
    if (this.#frames.length > 0) this.#stream.enqueue(this.#takeFrames());
    if (this.#open === 0) this.#stream.close();
  }

  #takeFrames(): Uint8Array<ArrayBuffer> {
    return concatenated(this.#frames.splice(0));
  }
}
