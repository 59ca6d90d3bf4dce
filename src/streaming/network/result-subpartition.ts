import { SluiceException } from "../../common/exceptions.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import {
  BATCH_TARGET_BYTES,
  MAX_RECORD_BYTES,
  type ChannelEvent,
  type ChannelId,
  type ChannelMessage,
} from "./exchange-link.ts";
import { RecordBatchBuilder } from "./record-batch-builder.ts";

/**
 * The producer's end of one channel: batches records, keeps events in order, and sends no batch without credit, and nothing at
 * all before the first credit, which says that the consumer is there. What cannot be sent waits here;
 * {@link isAvailable} then tells the task to stop producing, so what waits is bounded by what one input element makes.
 */
export class ResultSubpartition {
  readonly channel: ChannelId;
  readonly #send: (message: ChannelMessage) => void;
  readonly #builder: RecordBatchBuilder;
  #waiting: ChannelEvent[] = [];
  #open = false;
  #credit = 0;
  #sequence = 0;

  /** @param end where messages go; it takes them at once and never calls back. */
  constructor(
    end: { readonly channel: ChannelId; readonly send: (message: ChannelMessage) => void },
    type: TypeInformation<unknown>,
  ) {
    this.channel = end.channel;
    this.#send = end.send;
    this.#builder = new RecordBatchBuilder(type);
  }

  /** False while something waits for credit. */
  get isAvailable(): boolean {
    return this.#waiting.length === 0;
  }

  /** @returns the record's bytes. @throws SERIALIZATION if the record is too large or none of the type. */
  add(value: unknown, timestamp: number | undefined): number {
    const bytes = this.#builder.append(value, timestamp);
    if (bytes > MAX_RECORD_BYTES) {
      throw new SluiceException(
        "SERIALIZATION",
        `record of ${bytes} bytes: at most ${MAX_RECORD_BYTES} bytes can be sent to another task`,
      );
    }
    if (this.#builder.byteLength >= BATCH_TARGET_BYTES) {
      this.#closeBatch();
      this.#sendWaiting();
    }
    return bytes;
  }

  /** Sends the records gathered so far, if there is credit; without it they go on gathering. */
  flush(): void {
    if (this.#builder.count === 0 || !this.isAvailable || this.#builder.byteLength > this.#credit) return;
    this.#closeBatch();
    this.#sendWaiting();
  }

  /** Appends an event that is no record, behind all records added before. */
  emit(event: Exclude<ChannelEvent, { readonly kind: "batch" }>): void {
    this.#closeBatch();
    const isNewerWatermark = event.kind === "watermark" && this.#waiting.at(-1)?.kind === "watermark";
    if (isNewerWatermark) this.#waiting.pop();
    this.#waiting.push(event);
    this.#sendWaiting();
  }

  addCredit(bytes: number): void {
    this.#open = true;
    this.#credit += bytes;
    this.#sendWaiting();
  }

  #closeBatch(): void {
    if (this.#builder.count > 0) this.#waiting.push({ kind: "batch", batch: this.#builder.build() });
  }

  #sendWaiting(): void {
    if (!this.#open) return;
    let sent = 0;
    for (const event of this.#waiting) {
      if (event.kind === "batch") {
        if (event.batch.byteLength > this.#credit) break;
        this.#credit -= event.batch.byteLength;
      }
      this.#send({ sequence: this.#sequence, event });
      this.#sequence += 1;
      sent += 1;
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent);
  }
}
