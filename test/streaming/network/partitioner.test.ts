import { describe, expect, it } from "vitest";
import { types } from "../../../src/common/types/type-factories.ts";
import { createPartitioner, type Partitioner } from "../../../src/streaming/network/partitioner.ts";

const setup = { subtaskIndex: 1, channels: 4, maxParallelism: 128 };

function selections(partitioner: Partitioner, values: readonly unknown[]): (number | "all")[] {
  return values.map((value) => (partitioner.kind === "all" ? "all" : partitioner.select(value)));
}

describe("createPartitioner", () => {
  it("FORWARD has one channel, BROADCAST takes all", () => {
    expect(selections(createPartitioner({ shipStrategy: "FORWARD" }, setup), [1, 2])).toEqual([0, 0]);
    expect(selections(createPartitioner({ shipStrategy: "BROADCAST" }, setup), [1])).toEqual(["all"]);
  });

  it("REBALANCE goes round, beginning at the producer's own index", () => {
    const values = [1, 2, 3, 4, 5];
    expect(selections(createPartitioner({ shipStrategy: "REBALANCE" }, setup), values)).toEqual([1, 2, 3, 0, 1]);
    const wide = { ...setup, subtaskIndex: 6 };
    expect(selections(createPartitioner({ shipStrategy: "REBALANCE" }, wide), values)).toEqual([2, 3, 0, 1, 2]);
  });

  it("HASH sends a key where Flink's key groups put it", () => {
    // Flink's key groups of these keys at max parallelism 128 (runtime-semantics 4.2); 32 groups are a subtask's at four.
    const groups = [
      [0, 94],
      [1, 86],
      [2, 127],
      [-1, 80],
      [42, 29],
      [1000, 7],
      [2 ** 31 - 1, 62],
      [-(2 ** 31), 108],
    ] as const;
    const key = { type: types.int(), select: (value: unknown) => value };
    const partitioner = createPartitioner({ shipStrategy: "HASH", key }, setup);
    const keys = groups.map(([value]) => value);
    expect(selections(partitioner, keys)).toEqual(groups.map(([, group]) => Math.floor(group / 32)));
  });

  it("HASH numbers the records for the key selector's message", () => {
    const numbers: (number | undefined)[] = [];
    const key = {
      type: types.string(),
      select: (value: unknown, recordNumber?: number) => {
        numbers.push(recordNumber);
        return value;
      },
    };
    selections(createPartitioner({ shipStrategy: "HASH", key }, setup), ["a", "b"]);
    expect(numbers).toEqual([1, 2]);
  });
});
