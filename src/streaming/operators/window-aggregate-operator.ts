import { SluiceException } from "../../common/exceptions.ts";
import { types } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { KeySelection } from "../graph/stream-node.ts";
import { HeapKeyedStateBackend } from "../state/heap-keyed-state-backend.ts";
import type { KeyedValueState } from "../state/heap-keyed-state-backend.ts";
import { keyGroupRangeOf } from "../state/key-group-assignment.ts";
import { OperatorStateCodec } from "../state/operator-state-codec.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";
import { maxTimestamp } from "../windowing/time-window.ts";
import type { WindowAssigner } from "../windowing/window-assigner.ts";
import type { AggregateFunction } from "./aggregate-function.ts";
import { MIN_WATERMARK } from "./stream-operator.ts";
import type { OneInputStreamOperator, OperatorContext } from "./stream-operator.ts";
import { describeRecord, userCodeException } from "./user-code.ts";

export type NamedAggregates = Readonly<Record<string, AggregateFunction<unknown, unknown, unknown>>>;

export interface WindowAggregation {
  readonly assigner: WindowAssigner;
  readonly key: KeySelection;
  /** Name of the result's field that carries the key. */
  readonly keyField: string;
  readonly aggregates: NamedAggregates;
}

type Row = Readonly<Record<string, unknown>>;

/** One open window of one key; replaced as a whole by every record. */
interface WindowContents {
  readonly window_start: number;
  readonly accumulators: Row;
}

interface OpenedOperator {
  readonly context: OperatorContext<unknown>;
  readonly backend: HeapKeyedStateBackend;
  readonly windows: KeyedValueState<readonly WindowContents[]>;
}

/** Name of the keyed state in snapshots. */
const STATE_NAME = "window-contents";

/** What the subtask itself must remember. */
const PROGRESS = new OperatorStateCodec("progress of the windows", types.row({ watermark: types.long() }));

/**
 * Incremental aggregates per key and event-time window (Flink `WindowOperator` with an `AggregateFunction` and the event-time
 * trigger). A window fires once, when the watermark reaches its last instant; windows fire in order of their start. Records
 * of a window that has fired are dropped and counted.
 *
 * The watermark is part of the snapshot (in Flink it is not), so a record that was late before a failure is late after it
 * and no window fires twice. Timers are not: the open windows tell them.
 */
export class WindowAggregateOperator implements OneInputStreamOperator<unknown, unknown> {
  readonly #aggregation: WindowAggregation;
  readonly #aggregates: readonly (readonly [name: string, aggregate: AggregateFunction<unknown, unknown, unknown>])[];
  #opened: OpenedOperator | undefined;
  /** Open windows: start to the keys that have one, each once. */
  readonly #timers = new Map<number, unknown[]>();
  #watermark = MIN_WATERMARK;
  #lateRecordsDropped = 0;
  #recordNumber = 0;

  constructor(aggregation: WindowAggregation) {
    this.#aggregation = aggregation;
    this.#aggregates = Object.entries(aggregation.aggregates);
  }

  /** Records dropped by this attempt because their window had fired (Flink metric `numLateRecordsDropped`). */
  lateRecordsDropped(): number {
    return this.#lateRecordsDropped;
  }

  open(context: OperatorContext<unknown>): void {
    const backend = new HeapKeyedStateBackend({
      operatorName: context.operatorName,
      keyType: this.#aggregation.key.type,
      maxParallelism: context.maxParallelism,
      keyGroups: keyGroupRangeOf(context.subtaskIndex, context.parallelism, context.maxParallelism),
    });
    const windows = backend.register({ name: STATE_NAME, type: contentsType(this.#aggregates) });
    this.#opened = { context, backend, windows };
    this.#restore(context.restored, this.#opened);
  }

  processElement(value: unknown, timestamp: number | undefined): void {
    const { context, windows } = this.#state();
    this.#recordNumber++;
    if (timestamp === undefined) throw this.#noEventTime(value);
    const key = this.#aggregation.key.select(value, this.#recordNumber);
    for (const window of this.#aggregation.assigner.assignWindows(timestamp)) {
      if (maxTimestamp(window) <= this.#watermark) {
        this.#lateRecordsDropped++;
        continue;
      }
      const open = windows.get(key) ?? [];
      const index = open.findIndex((contents) => contents.window_start === window.start);
      const before = open[index]?.accumulators;
      const contents = { window_start: window.start, accumulators: this.#add(value, before, context) };
      windows.put(key, index < 0 ? [...open, contents] : open.with(index, contents));
      if (index < 0) this.#setTimer(window.start, key);
    }
  }

  processWatermark(watermark: number): void {
    const { context } = this.#state();
    // A restored operator knows a later one than sources that have just begun again.
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    for (const start of [...this.#timers.keys()].sort((left, right) => left - right)) {
      if (maxTimestamp(this.#aggregation.assigner.windowAt(start)) > watermark) break;
      for (const key of this.#timers.get(start) ?? []) this.#fire(key, start);
      this.#timers.delete(start);
    }
    context.output.emitWatermark(watermark);
  }

  endInput(): void {}

  snapshotState(): OperatorSnapshot | undefined {
    const { context, backend } = this.#state();
    const keyed = backend.snapshot();
    if (keyed === undefined && this.#watermark === MIN_WATERMARK) return undefined;
    return {
      operatorId: context.operatorId,
      ...(keyed === undefined ? {} : { keyed }),
      operator: PROGRESS.encode({ watermark: this.#watermark }),
    };
  }

  close(): void {}

  #state(): OpenedOperator {
    if (this.#opened === undefined) throw new SluiceException("ILLEGAL_STATE", "operator used before open");
    return this.#opened;
  }

  #restore(snapshots: readonly OperatorSnapshot[], { backend, windows }: OpenedOperator): void {
    backend.restore(snapshots.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed])));
    for (const [key, contents] of windows.entries()) {
      for (const { window_start } of contents) this.#setTimer(window_start, key);
    }
    // Every subtask had seen the same watermark when the barrier came: sources broadcast both in one order.
    const watermarks = snapshots.flatMap(({ operator }) =>
      operator === undefined ? [] : [PROGRESS.decode(operator).watermark],
    );
    if (watermarks.length > 0) this.#watermark = Math.min(...watermarks);
  }

  #setTimer(windowStart: number, key: unknown): void {
    const keys = this.#timers.get(windowStart);
    if (keys === undefined) this.#timers.set(windowStart, [key]);
    else keys.push(key);
  }

  #add(value: unknown, before: Row | undefined, { operatorName }: OperatorContext<unknown>): Row {
    const after: Record<string, unknown> = {};
    for (const [name, aggregate] of this.#aggregates) {
      try {
        after[name] = aggregate.add(value, before === undefined ? aggregate.createAccumulator() : before[name]);
      } catch (error) {
        throw userCodeException(`${operatorName}: ${name}`, error);
      }
    }
    return after;
  }

  #fire(key: unknown, windowStart: number): void {
    const { context, windows } = this.#state();
    const open = windows.get(key) ?? [];
    const contents = open.find((candidate) => candidate.window_start === windowStart);
    if (contents === undefined) return;
    if (open.length === 1) windows.delete(key);
    else
      windows.put(
        key,
        open.filter((other) => other !== contents),
      );
    const window = this.#aggregation.assigner.windowAt(windowStart);
    const row: Record<string, unknown> = {
      [this.#aggregation.keyField]: key,
      window_start: window.start,
      window_end: window.end,
    };
    for (const [name, aggregate] of this.#aggregates) {
      try {
        row[name] = aggregate.resultType.parse(aggregate.getResult(contents.accumulators[name]));
      } catch (error) {
        throw userCodeException(`${context.operatorName}: ${name}`, error);
      }
    }
    context.output.collect(row, maxTimestamp(window));
  }

  #noEventTime(value: unknown): SluiceException {
    const problem = `${describeRecord(value, this.#recordNumber)} has no event time. Give its source a WatermarkStrategy with a timestamp assigner.`;
    return userCodeException(this.#state().context.operatorName, new TypeError(problem));
  }
}

function contentsType(
  aggregates: readonly (readonly [name: string, aggregate: AggregateFunction<unknown, unknown, unknown>])[],
): TypeInformation<readonly WindowContents[]> {
  const accumulators = types.row(
    Object.fromEntries(aggregates.map(([name, aggregate]) => [name, aggregate.accumulatorType])),
  );
  return types.list(types.row({ window_start: types.long(), accumulators }));
}
