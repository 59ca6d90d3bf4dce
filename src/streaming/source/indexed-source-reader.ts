import { types } from "../../common/types/type-factories.ts";
import type { RateLimit } from "./rate-limit.ts";
import { SourcePositionCodec } from "./source-position-codec.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "./source.ts";

/** Records that can be made from their number alone. */
export interface IndexedRecords<T> {
  /** `undefined`: without end. */
  readonly count: number | undefined;
  at(index: number): T;
  timestampOf(value: T): number | undefined;
}

const codec = new SourcePositionCodec(types.row({ nextIndex: types.long() }));

/** Reads every `parallelism`-th record from its subtask's index on; the position is the next index. */
export class IndexedSourceReader<T> implements SourceReader<T> {
  readonly #records: IndexedRecords<T>;
  readonly #context: SourceReaderContext;
  readonly #rate: RateLimit;
  #nextIndex: number;

  constructor(records: IndexedRecords<T>, context: SourceReaderContext, rate: RateLimit) {
    this.#records = records;
    this.#context = context;
    this.#rate = rate;
    this.#nextIndex = codec.decode(context)?.nextIndex ?? context.subtaskIndex;
  }

  poll(limit: number, emit: (value: T, timestamp: number | undefined) => void): PollStatus {
    const { count } = this.#records;
    const permits = this.#rate.permits(limit);
    for (let read = 0; read < permits; read += 1) {
      if (count !== undefined && this.#nextIndex >= count) return { kind: "end" };
      const value = this.#records.at(this.#nextIndex);
      this.#nextIndex += this.#context.parallelism;
      this.#rate.used(1);
      emit(value, this.#records.timestampOf(value));
    }
    if (count !== undefined && this.#nextIndex >= count) return { kind: "end" };
    return permits === limit ? { kind: "more" } : { kind: "wait-until", dueMillis: this.#rate.dueMillis };
  }

  async fetch(): Promise<void> {
    // Nothing is outside.
  }

  snapshotPosition(): ReturnType<SourceReader<T>["snapshotPosition"]> {
    return codec.encode({ nextIndex: this.#nextIndex }, this.#context);
  }

  recordsRead(): number {
    return (this.#nextIndex - this.#context.subtaskIndex) / this.#context.parallelism;
  }
}
