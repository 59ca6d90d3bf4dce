import { expect, it } from "vitest";
import { brandId, type ExecutionAttemptID } from "../../../src/common/ids.ts";
import { AttemptSet } from "../../../src/runtime/executiongraph/attempt-set.ts";
import { attemptIdOf, type AttemptBatch } from "../../../src/runtime/messages/execution-attempt-id.ts";

function attempt(batch: string, place: number): ExecutionAttemptID {
  return attemptIdOf(brandId<AttemptBatch>(batch.repeat(24)), place);
}

it("knows an attempt, and neither another one of its subtask nor what is no attempt of the graph", () => {
  const set = new AttemptSet(3);
  set.add(attempt("a", 2));
  expect(set.has(attempt("a", 2))).toBe(true);
  for (const other of [attempt("b", 2), attempt("a", 1), attempt("a", 3), brandId<ExecutionAttemptID>("short")]) {
    expect(set.has(other)).toBe(false);
  }
  expect([0, 1, 2].map((place) => set.hasPlace(place))).toEqual([false, false, true]);
});

it("counts each subtask once, by its newest attempt", () => {
  const set = new AttemptSet(2);
  for (const batch of ["a", "a", "b"]) set.add(attempt(batch, 1));
  expect(set.size).toBe(1);
  expect(set.has(attempt("a", 1))).toBe(false);
  expect(set.has(attempt("b", 1))).toBe(true);
});
