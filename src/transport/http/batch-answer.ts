import type { Clock } from "../../common/clock.ts";
import { encodeOutcomes } from "./call-frame.ts";
import type { CallOutcome, NumberedOutcome } from "./call-frame.ts";
import { FRAME_MEDIA_TYPE } from "./frame.ts";

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
  readonly #outcomes: NumberedOutcome[] = [];
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
    this.#outcomes.push([call, outcome]);
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
      const body = this.#takeFrame();
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
    if (this.#outcomes.length > 0) this.#stream.enqueue(this.#takeFrame());
    if (this.#open === 0) this.#stream.close();
  }

  #takeFrame(): Uint8Array<ArrayBuffer> {
    return encodeOutcomes(this.#outcomes.splice(0));
  }
}
