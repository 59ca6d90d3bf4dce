import { SluiceException } from "../../common/exceptions.ts";
import { MIN_WATERMARK } from "../operators/stream-operator.ts";
import { CHANNEL_CREDIT_BYTES, type ChannelEvent, type ChannelId, type ChannelMessage } from "./exchange-link.ts";

/** Credit goes back once this much was consumed, or when the channel is empty: fewer messages, and no channel starves. */
const GRANT_THRESHOLD_BYTES = CHANNEL_CREDIT_BYTES / 4;

/** The consumer's end of one channel: what arrived and was not yet processed, never more than the credit given. */
export class InputChannel {
  readonly id: ChannelId;
  /** Index of the input edge it belongs to. */
  readonly input: number;
  /** Watermark of this channel; a channel past its end of data no longer holds back others. */
  watermark = MIN_WATERMARK;
  readonly #grant: (bytes: number) => void;
  readonly #queue: ChannelEvent[] = [];
  #expectedSequence = 0;
  #bufferedBytes = 0;
  #peakBytes = 0;
  #consumedBytes = 0;

  constructor(end: { readonly id: ChannelId; readonly input: number }, grant: (bytes: number) => void) {
    this.id = end.id;
    this.input = end.input;
    this.#grant = grant;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Most bytes ever held. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Gives the producer its first credit; before it, the producer sends no record. */
  open(): void {
    this.#grant(CHANNEL_CREDIT_BYTES);
  }

  /** @throws PARTITION_CONNECTION if a message is missing or repeated, or the producer sent more than it had credit for. */
  receive(message: ChannelMessage): void {
    if (message.sequence !== this.#expectedSequence) {
      throw this.#broken(`expected message ${this.#expectedSequence}, got ${message.sequence}`);
    }
    this.#expectedSequence += 1;
    if (message.event.kind === "batch") {
      this.#bufferedBytes += message.event.batch.byteLength;
      if (this.#bufferedBytes + this.#consumedBytes > CHANNEL_CREDIT_BYTES) throw this.#broken("more data than credit");
      this.#peakBytes = Math.max(this.#peakBytes, this.#bufferedBytes);
    }
    this.#queue.push(message.event);
  }

  /** The oldest event, removed. */
  poll(): ChannelEvent | undefined {
    const event = this.#queue.shift();
    if (event?.kind === "batch") {
      this.#bufferedBytes -= event.batch.byteLength;
      this.#consumedBytes += event.batch.byteLength;
    }
    if (this.#consumedBytes > 0 && (this.isEmpty || this.#consumedBytes >= GRANT_THRESHOLD_BYTES)) {
      const granted = this.#consumedBytes;
      // A producer on this host sends at once, back into this channel.
      this.#consumedBytes = 0;
      this.#grant(granted);
    }
    return event;
  }

  #broken(problem: string): SluiceException {
    return new SluiceException("PARTITION_CONNECTION", `channel from attempt ${this.id.producer}: ${problem}`);
  }
}
