import { SluiceException } from "../../common/exceptions.ts";
import { eventTimeOf } from "../../common/types/event-time-field.ts";
import { types, type TypeOf } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { Inlet } from "../../runtime/jobgraph/job-graph.ts";
import { inletKey } from "../../runtime/messages/pushed-records.ts";
import { OperatorStateCodec, type OperatorPart } from "../state/operator-state-codec.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "./source.ts";

export interface HttpSourceSettings<T> {
  readonly inlet: Pick<Inlet, "name" | "timestampField">;
  readonly type: TypeInformation<T>;
}

const LEAST_LOOK_MILLIS = 25;
const GREATEST_LOOK_MILLIS = 500;
const NEWLINE = "\n";

const Position = types.row({
  /** An inlet belongs to its job: another job's begins at its own beginning. */
  jobId: types.string(),
  batch: types.long(),
  /** Records of the batch that are read. */
  record: types.long(),
  recordsRead: types.long(),
});
const codec = new OperatorStateCodec<TypeOf<typeof Position>>("position of the source", Position);

/** Reads every n-th batch that was pushed to the job, n being the parallelism, in order of their acceptance. */
export class HttpSourceReader<T> implements SourceReader<T> {
  readonly #settings: HttpSourceSettings<T>;
  readonly #context: SourceReaderContext;
  readonly #decoder = new TextDecoder();
  #batch: number;
  #record = 0;
  #recordsRead = 0;
  /** The lines of the batch that is being read. */
  #lines: readonly string[] | undefined;
  #lookMillis: number;
  #pauseMillis = LEAST_LOOK_MILLIS;

  constructor(settings: HttpSourceSettings<T>, context: SourceReaderContext) {
    this.#settings = settings;
    this.#context = context;
    this.#batch = context.subtaskIndex;
    this.#lookMillis = context.clock.now();
    const [part] = context.restored;
    const position = part === undefined ? undefined : codec.decode(part);
    if (position?.jobId !== context.jobId) return;
    this.#batch = position.batch;
    this.#record = position.record;
    this.#recordsRead = position.recordsRead;
  }

  /** @throws SERIALIZATION naming batch and line of a record that is no value of the type: none such is ever accepted. */
  poll(limit: number, emit: (value: T, timestamp: number | undefined) => void): PollStatus {
    const lines = this.#lines;
    if (lines === undefined) {
      const now = this.#context.clock.now();
      if (now >= this.#lookMillis) return { kind: "needs-fetch" };
      return { kind: "wait-for-records", lookMillis: this.#lookMillis };
    }
    for (let read = 0; read < limit; read += 1) {
      const line = lines[this.#record];
      if (line === undefined) {
        this.#batch += this.#context.parallelism;
        this.#record = 0;
        this.#lines = undefined;
        return { kind: "needs-fetch" };
      }
      const { value, timestamp } = this.#parse(line);
      this.#record += 1;
      this.#recordsRead += 1;
      emit(value, timestamp);
    }
    return { kind: "more" };
  }

  /** Looks for the next batch; where there is none, again after a pause that grows. */
  async fetch(objects: Pick<ObjectStore, "get">): Promise<void> {
    const batch = await objects.get(inletKey(this.#settings.inlet.name, this.#batch));
    if (batch === undefined) {
      this.#lookMillis = this.#context.clock.now() + this.#pauseMillis;
      this.#pauseMillis = Math.min(this.#pauseMillis * 2, GREATEST_LOOK_MILLIS);
      return;
    }
    // The first line says who sent the batch.
    this.#lines = this.#decoder.decode(batch.bytes).split(NEWLINE).slice(1);
    this.#lookMillis = this.#context.clock.now();
    this.#pauseMillis = LEAST_LOOK_MILLIS;
  }

  snapshotPosition(): OperatorPart {
    const { jobId } = this.#context;
    return codec.encode({ jobId, batch: this.#batch, record: this.#record, recordsRead: this.#recordsRead });
  }

  recordsRead(): number {
    return this.#recordsRead;
  }

  #parse(line: string): { readonly value: T; readonly timestamp: number | undefined } {
    const { type, inlet } = this.#settings;
    try {
      const json: unknown = JSON.parse(line);
      return { value: type.parse(json), timestamp: eventTimeOf(json, inlet.timestampField) };
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      const where = `${inlet.name} batch ${this.#batch} line ${this.#record + 1}`;
      throw new SluiceException("SERIALIZATION", `${where}: ${problem}`, { cause });
    }
  }
}
