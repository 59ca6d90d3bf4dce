import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { MAX_WATERMARK, type Output } from "../operators/stream-operator.ts";
import type { PollStatus, SourceReader } from "../source/source.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";
import type { WatermarkGenerator } from "../time/watermark-generator.ts";

/** Head of a source task's chain: a reader with event times and watermarks (Flink `SourceOperator`). */
export class SourceOperator {
  readonly #reader: SourceReader<unknown>;
  readonly #watermarks: WatermarkGenerator<unknown> | undefined;
  readonly #output: Output<unknown>;
  readonly #emit: (value: unknown, timestamp: number | undefined) => void;

  constructor(
    reader: SourceReader<unknown>,
    watermarks: WatermarkGenerator<unknown> | undefined,
    output: Output<unknown>,
  ) {
    this.#reader = reader;
    this.#watermarks = watermarks;
    this.#output = output;
    this.#emit =
      watermarks === undefined
        ? (value, timestamp) => output.collect(value, timestamp)
        : (value, timestamp) => output.collect(value, watermarks.timestampOf(value, timestamp));
  }

  /** One slice: emits at most `limit` records, then the watermark if it rose, and the last one at the end. */
  poll(limit: number): PollStatus {
    const status = this.#reader.poll(limit, this.#emit);
    const watermark = status.kind === "end" ? MAX_WATERMARK : this.#watermarks?.next();
    if (watermark !== undefined) this.#output.emitWatermark(watermark);
    return status;
  }

  /** Nothing is read any more: the last watermark. */
  end(): void {
    this.#output.emitWatermark(MAX_WATERMARK);
  }

  async fetch(objects: Pick<ObjectStore, "get" | "head">): Promise<void> {
    await this.#reader.fetch(objects);
  }

  snapshotPosition(): NonNullable<OperatorSnapshot["operator"]> {
    return this.#reader.snapshotPosition();
  }

  recordsRead(): number {
    return this.#reader.recordsRead();
  }
}
