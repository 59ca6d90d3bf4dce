import { expect, it } from "vitest";
import { brandId, type ExecutionAttemptID } from "../../../src/common/ids.ts";
import { AttemptTable } from "../../../src/runtime/executiongraph/attempt-table.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";

function attempt(batch: string, place: number): ExecutionAttemptID {
  return attemptIdOf(brandId<AttemptBatch>(batch.repeat(24)), place);
}

it("finds an attempt, and neither another one of its subtask nor what is no attempt of the graph", () => {
  const table = new AttemptTable<{ readonly attemptId: ExecutionAttemptID }>(3);
  const entry = { attemptId: attempt("a", 2) };
  table.put(entry);
  expect(table.has(entry.attemptId)).toBe(true);
  expect(table.has(attempt("b", 2))).toBe(false);
  expect(table.has(attempt("a", 1))).toBe(false);
  expect(table.has(attempt("a", 3))).toBe(false);
  expect(table.has(brandId<ExecutionAttemptID>("short"))).toBe(false);
  expect(table.entries).toEqual([undefined, undefined, entry]);
});

it("counts each subtask once", () => {
  const table = new AttemptTable<{ readonly attemptId: ExecutionAttemptID }>(2);
  expect(table.size).toBe(0);
  table.put({ attemptId: attempt("a", 1) });
  table.put({ attemptId: attempt("a", 1) });
  table.put({ attemptId: attempt("b", 1) });
  expect(table.size).toBe(1);
  table.put({ attemptId: attempt("a", 0) });
  expect(table.size).toBe(2);
});
