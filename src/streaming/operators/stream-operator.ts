import type { Clock } from "../../common/clock.ts";
import type { OperatorID } from "../../common/ids.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";

/** Where an operator's results go: the next operator of the chain, or the task's result partitions. */
export interface Output<T> {
  /** @param timestamp event time in epoch milliseconds, or `undefined` if the record has none. */
  collect(value: T, timestamp: number | undefined): void;
  emitWatermark(watermark: number): void;
}

/** What a running operator is given. */
export interface OperatorContext<Out> {
  readonly operatorId: OperatorID;
  readonly operatorName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** Processing time. */
  readonly clock: Clock;
  readonly output: Output<Out>;
  /** Snapshots to start from; empty for a fresh start, several after a change of parallelism. */
  readonly restored: readonly OperatorSnapshot[];
}

/**
 * One operator of a chain (Flink `OneInputStreamOperator`). All calls are synchronous and come one at a time; state changes
 * and emitted records of one call belong together. An exception fails the task.
 */
export interface OneInputStreamOperator<In, Out> {
  open(context: OperatorContext<Out>): void;
  processElement(value: In, timestamp: number | undefined): void;
  /** Watermarks only rise. Operators forward them after their own timers fired. */
  processWatermark(watermark: number): void;
  /** All input was seen and the final watermark was processed; last chance to emit. */
  endInput(): void;
  /** State as of now, at a barrier; `undefined` if the operator has none. */
  snapshotState(checkpointId: number): OperatorSnapshot | undefined;
  close(): void;
  /** Records dropped because they came too late (Flink metric `numLateRecordsDropped`); only where there is such a thing. */
  lateRecordsDropped?(): number;
}

/** The watermark after the last record (Flink `Watermark.MAX_WATERMARK`, bounded to safe integers). */
export const MAX_WATERMARK = Number.MAX_SAFE_INTEGER;
/** Before any watermark. */
export const MIN_WATERMARK = Number.MIN_SAFE_INTEGER;
