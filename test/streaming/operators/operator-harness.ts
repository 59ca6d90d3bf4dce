import { brandId } from "../../../src/common/ids.ts";
import type { OperatorID } from "../../../src/common/ids.ts";
import type { OneInputStreamOperator } from "../../../src/streaming/operators/stream-operator.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import type { OperatorSnapshot } from "../../../src/streaming/state/operator-snapshot.ts";

export interface EmittedRecord {
  readonly value: unknown;
  readonly timestamp: number | undefined;
}

export interface SubtaskPlace {
  readonly subtaskIndex?: number;
  readonly parallelism?: number;
  readonly maxParallelism?: number;
  readonly restored?: readonly OperatorSnapshot[];
}

/** One subtask of an operator, opened, with everything it emits. */
export class OperatorHarness {
  readonly operator: OneInputStreamOperator<unknown, unknown>;
  readonly records: EmittedRecord[] = [];
  readonly watermarks: number[] = [];

  constructor(operator: OneInputStreamOperator<unknown, unknown>, place: SubtaskPlace = {}) {
    this.operator = operator;
    operator.open({
      operatorId: brandId<OperatorID>("00000000000000000000000000000001"),
      operatorName: "tested",
      subtaskIndex: place.subtaskIndex ?? 0,
      parallelism: place.parallelism ?? 1,
      maxParallelism: place.maxParallelism ?? 128,
      clock: new ManualClock(),
      output: {
        collect: (value, timestamp) => void this.records.push({ value, timestamp }),
        emitWatermark: (watermark) => void this.watermarks.push(watermark),
      },
      restored: place.restored ?? [],
    });
  }

  values(): unknown[] {
    return this.records.map(({ value }) => value);
  }
}
