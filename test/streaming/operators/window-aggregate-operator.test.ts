import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { milliseconds } from "../../../src/common/duration.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { keySelection } from "../../../src/streaming/graph/key-selection.ts";
import { count, max, mean, sum } from "../../../src/streaming/operators/aggregates.ts";
import { MAX_WATERMARK } from "../../../src/streaming/operators/stream-operator.ts";
import { WindowAggregateOperator } from "../../../src/streaming/operators/window-aggregate-operator.ts";
import type { WindowAggregation } from "../../../src/streaming/operators/window-aggregate-operator.ts";
import { keyGroupOf, keyGroupRangeOf, subtaskOfKeyGroup } from "../../../src/streaming/state/key-group-assignment.ts";
import { keyHashOf } from "../../../src/streaming/state/key-type.ts";
import { encodeSnapshot, readSnapshot, snapshotInMemory } from "../../../src/streaming/state/snapshot-format.ts";
import type { OperatorSnapshot } from "../../../src/streaming/state/operator-snapshot.ts";
import { WatermarkGenerator } from "../../../src/streaming/time/watermark-generator.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { OperatorHarness } from "./operator-harness.ts";

/** The same cases in every run. */
const SEED = 20_261_124;

const WINDOW = 10;
const OFFSET = 3;
const MAX_PARALLELISM = 16;

interface Measurement {
  readonly key: { readonly net: string; readonly level: number };
  readonly time: number;
  readonly depth: number;
}

const keyType = types.row({ net: types.string(), level: types.int() });

function aggregation(overrides: Partial<WindowAggregation> = {}): WindowAggregation {
  return {
    assigner: TumblingEventTimeWindows.of(milliseconds(WINDOW), milliseconds(OFFSET)),
    key: keySelection("keyBy", (value) => (value as Measurement).key, keyType),
    keyField: "key",
    aggregates: {
      count: count(),
      max_depth: max((value: unknown) => (value as Measurement).depth),
      sum_depth: sum((value: unknown) => (value as Measurement).depth),
      mean_depth: mean((value: unknown) => (value as Measurement).depth, { decimals: 3 }),
    },
    ...overrides,
  };
}

function at(time: number, depth = 1, net = "ak"): Measurement {
  return { key: { net, level: 0 }, time, depth };
}

function feed(harness: OperatorHarness, ...measurements: readonly Measurement[]): void {
  for (const measurement of measurements) harness.operator.processElement(measurement, measurement.time);
}

describe("WindowAggregateOperator", () => {
  it("fires a window once, when the watermark reaches its last instant", () => {
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation()));
    feed(harness, at(3, 4), at(12, 2), at(13, 8));
    harness.operator.processWatermark(11);
    expect(harness.records).toEqual([]);
    harness.operator.processWatermark(12);
    harness.operator.processWatermark(12);
    const row = { key: { net: "ak", level: 0 }, window_start: 3, window_end: 13 };
    expect(harness.records).toEqual([
      { value: { ...row, count: 2, max_depth: 4, sum_depth: 6, mean_depth: 3 }, timestamp: 12 },
    ]);
    expect(harness.watermarks).toEqual([11, 12]);
  });

  it("fires windows in order of their start and before it forwards the watermark", () => {
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation()));
    feed(harness, at(25), at(5), at(15));
    const seen: number[] = [];
    harness.watermarks.push = (watermark) => seen.push(harness.records.length, watermark);
    harness.operator.processWatermark(MAX_WATERMARK);
    expect(harness.records.map(({ timestamp }) => timestamp)).toEqual([12, 22, 32]);
    expect(seen).toEqual([3, MAX_WATERMARK]);
  });

  it("drops and counts records of windows that have fired, and no others", () => {
    const operator = new WindowAggregateOperator(aggregation());
    const harness = new OperatorHarness(operator);
    feed(harness, at(5));
    harness.operator.processWatermark(14);
    feed(harness, at(12), at(13));
    harness.operator.processWatermark(MAX_WATERMARK);
    expect(operator.lateRecordsDropped()).toBe(1);
    expect(harness.records.map(({ timestamp }) => timestamp)).toEqual([12, 22]);
  });

  it("holds no state after its windows have fired, apart from the watermark", () => {
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation()));
    feed(harness, at(5));
    expect(harness.operator.snapshotState(1)?.keyed?.groups).toHaveLength(1);
    harness.operator.processWatermark(100);
    expect(harness.operator.snapshotState(2)?.keyed).toBeUndefined();
    expect(harness.operator.snapshotState(2)?.operator).toBeDefined();
  });

  it("does not fire a restored window again and keeps what was late late", () => {
    const before = new OperatorHarness(new WindowAggregateOperator(aggregation()));
    feed(before, at(5), at(15));
    before.operator.processWatermark(13);
    const snapshot = before.operator.snapshotState(1);
    const operator = new WindowAggregateOperator(aggregation());
    const after = new OperatorHarness(operator, { restored: snapshot === undefined ? [] : [snapshot] });
    feed(after, at(6));
    after.operator.processWatermark(1);
    after.operator.processWatermark(MAX_WATERMARK);
    expect(operator.lateRecordsDropped()).toBe(1);
    expect(after.watermarks).toEqual([MAX_WATERMARK]);
    expect(after.records.map(({ timestamp }) => timestamp)).toEqual([22]);
  });

  it("says which aggregate of which operator failed, with the user's stack", () => {
    const broken = { depth: max((): number => Number(JSON.parse("{"))) };
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation({ aggregates: broken })));
    expect(() => feed(harness, at(5))).toThrow(
      expect.objectContaining({
        code: "USER_CODE",
        message: expect.stringMatching(/^tested: depth: .*JSON/),
        stack: expect.stringMatching(/Caused by: SyntaxError[^]*window-aggregate-operator\.test\.ts/),
      }),
    );
  });

  it("checks what a custom aggregate returns", () => {
    const wrong = { ...count(), getResult: () => 1.5 };
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation({ aggregates: { records: wrong } })));
    feed(harness, at(5));
    expect(() => harness.operator.processWatermark(MAX_WATERMARK)).toThrow(
      expect.objectContaining({
        code: "USER_CODE",
        message: "tested: records: expected an integer of at most 53 bits, got 1.5",
      }),
    );
  });

  it("needs event time", () => {
    const harness = new OperatorHarness(new WindowAggregateOperator(aggregation()));
    expect(() => harness.operator.processElement(at(5), undefined)).toThrow(
      /^tested: record 1 .* has no event time. Give its source a WatermarkStrategy/,
    );
  });

  it("refuses state whose aggregates changed their kind", () => {
    const before = new OperatorHarness(new WindowAggregateOperator(aggregation({ aggregates: { value: count() } })));
    feed(before, at(5));
    const snapshot = before.operator.snapshotState(1);
    const changed = aggregation({ aggregates: { value: mean(() => 1) } });
    expect(
      () =>
        new OperatorHarness(new WindowAggregateOperator(changed), {
          restored: snapshot === undefined ? [] : [snapshot],
        }),
    ).toThrow(
      expect.objectContaining({
        code: "STATE_MIGRATION",
        message: expect.stringContaining("accumulators: value: expected row"),
      }),
    );
  });
});

/** What a run sees: records with the watermark that follows each, if one does; every producer broadcasts it. */
interface Step {
  readonly measurement: Measurement;
  readonly watermark: number | undefined;
}

function stepsOf(measurements: readonly Measurement[], bound: number): readonly Step[] {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness(milliseconds(bound)).withTimestampAssigner(
    (measurement: Measurement) => measurement.time,
  );
  const generator = new WatermarkGenerator(strategy, "source");
  return measurements.map((measurement) => {
    generator.timestampOf(measurement, undefined);
    return { measurement, watermark: generator.next() };
  });
}

/** All subtasks of the operator behind a keyed exchange. */
class ParallelRun {
  readonly #subtasks: readonly OperatorHarness[];

  constructor(parallelism: number, snapshots: readonly (readonly OperatorSnapshot[])[]) {
    this.#subtasks = snapshots.map(
      (restored, subtaskIndex) =>
        new OperatorHarness(new WindowAggregateOperator(aggregation()), {
          subtaskIndex,
          parallelism,
          maxParallelism: MAX_PARALLELISM,
          restored,
        }),
    );
  }

  static fresh(parallelism: number): ParallelRun {
    return new ParallelRun(
      parallelism,
      Array.from({ length: parallelism }, () => []),
    );
  }

  run(steps: readonly Step[]): void {
    const hash = keyHashOf(keyType);
    for (const { measurement, watermark } of steps) {
      const group = keyGroupOf(hash(measurement.key), MAX_PARALLELISM);
      const subtask = subtaskOfKeyGroup(group, this.#subtasks.length, MAX_PARALLELISM);
      this.#subtasks[subtask]?.operator.processElement(measurement, measurement.time);
      if (watermark !== undefined) this.watermark(watermark);
    }
  }

  watermark(watermark: number): void {
    for (const { operator } of this.#subtasks) operator.processWatermark(watermark);
  }

  /** Stops at a barrier and starts again with another parallelism, through the bytes of the snapshot format. */
  async rescaled(parallelism: number): Promise<ParallelRun> {
    const stored = this.#subtasks.map(({ operator }) => {
      const snapshot = operator.snapshotState(1);
      return encodeSnapshot(snapshot === undefined ? [] : [snapshot]);
    });
    const restored = Array.from({ length: parallelism }, async (_, index) => {
      const range = keyGroupRangeOf(index, parallelism, MAX_PARALLELISM);
      return (await Promise.all(stored.map(async (bytes) => readSnapshot(snapshotInMemory(bytes), range)))).flat();
    });
    return new ParallelRun(parallelism, await Promise.all(restored));
  }

  rows(): unknown[] {
    return this.#subtasks.flatMap((subtask) => subtask.values());
  }
}

/** The definition of the result, record by record over the whole stream; late is who comes after its window's watermark. */
function bruteForce(steps: readonly Step[]): unknown[] {
  const groups = new Map<string, { start: number; measurements: Measurement[] }>();
  let watermark = -Infinity;
  for (const { measurement, watermark: next } of steps) {
    const start = Math.floor((measurement.time - OFFSET) / WINDOW) * WINDOW + OFFSET;
    if (start + WINDOW - 1 > watermark) {
      const id = JSON.stringify([measurement.key.net, measurement.key.level, start]);
      const group = groups.get(id) ?? { start, measurements: [] };
      group.measurements.push(measurement);
      groups.set(id, group);
    }
    watermark = next ?? watermark;
  }
  return [...groups.values()].map(({ start, measurements }) => {
    const depths = measurements.map(({ depth }) => depth);
    const total = depths.reduce((left, right) => left + right, 0);
    return {
      key: measurements[0]?.key,
      window_start: start,
      window_end: start + WINDOW,
      count: depths.length,
      max_depth: Math.max(...depths),
      sum_depth: total,
      mean_depth: Number((total / depths.length).toFixed(3)) + 0,
    };
  });
}

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

/** Quarters, whose plain sums are exact: the brute force may add them in any order. */
const measurement: fc.Arbitrary<Measurement> = fc.record({
  key: fc.record({ net: fc.constantFrom("ak", "ci", "us", ""), level: fc.integer({ min: -1, max: 1 }) }),
  time: fc.integer({ min: -60, max: 60 }),
  depth: fc.integer({ min: -4_000, max: 4_000 }).map((quarters) => quarters / 4),
});

describe("parallel windows", () => {
  it("equal the brute force for any stream, disorder, parallelism, and rescaling at any point", async () => {
    const parallelism = fc.integer({ min: 1, max: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(measurement, { maxLength: 80 }),
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.tuple(fc.nat({ max: 80 }), parallelism), { maxLength: 3 }),
        async (measurements, bound, restarts) => {
          const steps = stepsOf(measurements, bound);
          let run = ParallelRun.fresh(2);
          const rows: unknown[] = [];
          let done = 0;
          for (const [position, next] of restarts.toSorted(([left], [right]) => left - right)) {
            const end = Math.min(position, steps.length);
            run.run(steps.slice(done, end));
            done = end;
            rows.push(...run.rows());
            run = await run.rescaled(next);
          }
          run.run(steps.slice(done));
          run.watermark(MAX_WATERMARK);
          rows.push(...run.rows());
          expect(sorted(rows)).toEqual(sorted(bruteForce(steps)));
        },
      ),
      { numRuns: 300, seed: SEED },
    );
  });
});
