import fc from "fast-check";
import { expect, it } from "vitest";
import { brandId, type JobID, type ResourceID } from "../../../src/common/ids.ts";
import { TaskExecutorTable } from "../../../src/runtime/executiongraph/task-executor-table.ts";
import { taskExecutorResourceId } from "../../../src/runtime/object-name.ts";

const JOB = brandId<JobID>("d".repeat(32));

function named(name: string): ResourceID {
  return brandId<ResourceID>(name);
}

it("is in the order in which a job's TaskExecutors were made, whatever order they came in", () => {
  const numbers = [0, 2, 9, 10, 11, 99, 100, 32_767, 32_768, 99_999];
  const table = new TaskExecutorTable<number>();
  for (const number of numbers.toReversed()) table.set(taskExecutorResourceId(JOB, number), number);
  expect(table.values()).toEqual(numbers);
  expect(table.keys()).toEqual(numbers.map((number) => taskExecutorResourceId(JOB, number)));
});

it("keeps apart those whose names end with the same number, or with none", () => {
  const names = ["te-1", "te-01", "other-1", "1", "te", "", "te-1x", "te-32768", "te-1e1"].map(named);
  const table = new TaskExecutorTable<ResourceID>();
  for (const name of names) table.set(name, name);
  for (const name of names) expect(table.get(name)).toBe(name);
  expect(table.values().toSorted()).toEqual(names.toSorted());
});

it("holds what a map holds", () => {
  const name = fc.constantFrom("te-0", "te-1", "te-00", "x-0", "x", "te-40000").map(named);
  const step = fc.record({ name, value: fc.option(fc.nat(9), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const table = new TaskExecutorTable<number>();
      const map = new Map<ResourceID, number>();
      for (const { name: id, value } of steps) {
        if (value === undefined) table.delete(id);
        else table.set(id, value);
        if (value === undefined) map.delete(id);
        else map.set(id, value);
        expect(table.get(id)).toBe(map.get(id));
      }
      expect(table.keys().toSorted()).toEqual([...map.keys()].toSorted());
      expect(table.values()).toEqual(table.keys().map((id) => map.get(id)));
    }),
  );
});
