import type { TypeInformation } from "../../common/types/type-information.ts";
import { columnWriter, type ColumnWriter } from "./column-writer.ts";
import { RECORD_BATCH_VERSION, type Column, type RecordBatch } from "./record-batch.ts";

const TIMESTAMP_BYTES = 8;

/** Gathers records into one batch after another. */
export class RecordBatchBuilder {
  readonly #writer: ColumnWriter;
  #timestamps: number[] = [];
  #timestamped = false;
  #byteLength = 0;

  constructor(type: TypeInformation<unknown>) {
    this.#writer = columnWriter(type);
  }

  get count(): number {
    return this.#timestamps.length;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * @returns the bytes the record takes.
   * @throws TypeMismatchException if the value is none of the type; the builder is not usable afterwards.
   */
  append(value: unknown, timestamp: number | undefined): number {
    const bytes = this.#writer.append(value) + TIMESTAMP_BYTES;
    this.#timestamps.push(timestamp ?? Number.NaN);
    if (timestamp !== undefined) this.#timestamped = true;
    this.#byteLength += bytes;
    return bytes;
  }

  /** The records since the last call as one batch. */
  build(): RecordBatch {
    const columns: Column[] = [];
    this.#writer.finish(columns);
    const batch: RecordBatch = {
      version: RECORD_BATCH_VERSION,
      count: this.#timestamps.length,
      byteLength: this.#byteLength,
      ...(this.#timestamped ? { timestamps: Float64Array.from(this.#timestamps) } : {}),
      columns,
    };
    this.#timestamps = [];
    this.#timestamped = false;
    this.#byteLength = 0;
    return batch;
  }
}
