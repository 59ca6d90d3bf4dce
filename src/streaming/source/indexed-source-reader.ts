import { types } from "../../common/types/type-factories.ts";
import { RateLimit } from "./rate-limit.ts";
import { SourcePositionCodec } from "./source-position-codec.ts";
import { initialSplit, leastSplit, type SourceSplit } from "./source-splits.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "./source.ts";

/** Records that can be made from their number alone. */
export interface IndexedRecords<T> {
  /** `undefined`: without end. */
  readonly count: number | undefined;
  at(index: number): T;
  timestampOf(value: T): number | undefined;
}

/** The input is the program itself. */
const codec = new SourcePositionCodec(types.boolean());

/** Reads every n-th record, n being the parallelism; after a change of parallelism several such splits, in their common order. */
export class IndexedSourceReader<T> implements SourceReader<T> {
  readonly #records: IndexedRecords<T>;
  readonly #context: SourceReaderContext;
  readonly #rate: RateLimit;
  #splits: readonly SourceSplit[];
  #recordsRead: number;

  /** @param recordsPerSecond of the whole source; `undefined`: as fast as possible. */
  constructor(records: IndexedRecords<T>, context: SourceReaderContext, recordsPerSecond?: number) {
    this.#records = records;
    this.#context = context;
    const position = codec.decode(context);
    const { clock, parallelism } = context;
    this.#rate = new RateLimit(clock, { recordsPerSecond, parallelism, dueMillis: position?.dueMillis });
    this.#splits = position?.splits ?? [initialSplit(context)];
    this.#recordsRead = position?.recordsRead ?? 0;
  }

  poll(limit: number, emit: (value: T, timestamp: number | undefined) => void): PollStatus {
    const permits = this.#rate.permits(limit);
    for (let read = 0; read < permits; read += 1) {
      const split = this.#next();
      if (split === undefined) return { kind: "end" };
      const value = this.#records.at(split.next);
      const advanced = { next: split.next + split.step, step: split.step };
      this.#splits = this.#splits.map((each) => (each === split ? advanced : each));
      this.#recordsRead += 1;
      this.#rate.used(1);
      emit(value, this.#records.timestampOf(value));
    }
    if (this.#next() === undefined) return { kind: "end" };
    return permits === limit ? { kind: "more" } : { kind: "wait-until", dueMillis: this.#rate.dueMillis };
  }

  async fetch(): Promise<void> {
    // Nothing is outside.
  }

  snapshotPosition(): ReturnType<SourceReader<T>["snapshotPosition"]> {
    return codec.encode(
      { splits: this.#splits, recordsRead: this.#recordsRead, input: undefined, dueMillis: this.#rate.position },
      this.#context,
    );
  }

  recordsRead(): number {
    return this.#recordsRead;
  }

  #next(): SourceSplit | undefined {
    const split = leastSplit(this.#splits);
    const { count } = this.#records;
    return split === undefined || (count !== undefined && split.next >= count) ? undefined : split;
  }
}
