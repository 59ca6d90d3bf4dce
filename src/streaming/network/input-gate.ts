import type { Clock } from "../../common/clock.ts";
import { MAX_WATERMARK, MIN_WATERMARK } from "../operators/stream-operator.ts";
import { BarrierAligner, type AlignmentOutcome } from "./barrier-aligner.ts";
import type { ChannelEvent } from "./exchange-link.ts";
import type { InputChannel } from "./input-channel.ts";
import type { RecordBatch } from "./record-batch.ts";

/** What a task has to do next, in order. */
export type InputEvent =
  | { readonly kind: "batch"; readonly batch: RecordBatch; readonly input: number }
  /** The least watermark over all channels has risen to this. */
  | { readonly kind: "watermark"; readonly watermark: number }
  /** All channels are past their end of data. */
  | { readonly kind: "end-of-data" }
  | AlignmentOutcome;

/** All inputs of one subtask: merges channels, combines watermarks, aligns barriers. */
export class InputGate {
  readonly #channels: readonly InputChannel[];
  readonly #clock: Clock;
  readonly #aligner: BarrierAligner;
  readonly #ended = new Set<number>();
  readonly #ready: InputEvent[] = [];
  #watermark = MIN_WATERMARK;
  #processedBytes = 0;
  #next = 0;

  constructor(channels: readonly InputChannel[], clock: Clock) {
    this.#channels = channels;
    this.#clock = clock;
    this.#aligner = new BarrierAligner(channels.length);
  }

  get watermark(): number {
    return this.#watermark;
  }

  get peakChannelBytes(): number {
    return this.#channels.reduce((peak, channel) => Math.max(peak, channel.peakBytes), 0);
  }

  /** Bytes of all batches taken out. */
  get processedBytes(): number {
    return this.#processedBytes;
  }

  get aligner(): BarrierAligner {
    return this.#aligner;
  }

  /** Lets the producers send. */
  open(): void {
    for (const channel of this.#channels) channel.open();
  }

  /** The next thing to do, channels taken in turn; `undefined` if every channel is empty or blocked. */
  poll(): InputEvent | undefined {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      const channel = this.#nextChannel();
      if (channel === undefined) return undefined;
      const event = this.#channels[channel]?.poll();
      if (event !== undefined) this.#take(channel, event);
    }
  }

  #nextChannel(): number | undefined {
    for (let step = 0; step < this.#channels.length; step += 1) {
      const index = (this.#next + step) % this.#channels.length;
      if (this.#channels[index]?.isEmpty === false && !this.#aligner.isBlocked(index)) {
        this.#next = index + 1;
        return index;
      }
    }
    return undefined;
  }

  #take(index: number, event: ChannelEvent): void {
    switch (event.kind) {
      case "batch":
        this.#processedBytes += event.batch.byteLength;
        this.#ready.push({ kind: "batch", batch: event.batch, input: this.#channels[index]?.input ?? 0 });
        return;
      case "watermark":
        this.#raiseWatermark(index, event.watermark);
        return;
      case "barrier":
        this.#ready.push(
          ...this.#aligner.barrier(index, {
            checkpointId: event.checkpointId,
            timestampMillis: event.timestampMillis,
            arrivedMillis: this.#clock.now(),
            processedBytes: this.#processedBytes,
            ...(event.options === undefined ? {} : { options: event.options }),
          }),
        );
        return;
      case "cancel-barrier":
        this.#ready.push(...this.#aligner.cancel(event.checkpointId));
        return;
      case "end-of-data": {
        this.#raiseWatermark(index, MAX_WATERMARK);
        this.#ended.add(index);
        // First the end, then the barrier that the end may have completed: the snapshot is one of the ended task.
        if (this.#ended.size === this.#channels.length) this.#ready.push({ kind: "end-of-data" });
        this.#ready.push(...this.#aligner.endOfData(index));
        return;
      }
    }
  }

  #raiseWatermark(index: number, watermark: number): void {
    const channel = this.#channels[index];
    if (channel === undefined || watermark <= channel.watermark) return;
    channel.watermark = watermark;
    const least = this.#channels.reduce((low, each) => Math.min(low, each.watermark), MAX_WATERMARK);
    if (least <= this.#watermark) return;
    this.#watermark = least;
    this.#ready.push({ kind: "watermark", watermark: least });
  }
}
