import { expect, it } from "vitest";
import { StackBudget } from "../../src/rpc/stack-budget.ts";

it("a turn's first eight calls remember where they were made; of a flood, one in a hundred milliseconds", () => {
  const budget = new StackBudget();
  const takenAt = (millis: number, calls: number): number =>
    Array.from({ length: calls }, () => {
      budget.refill(millis);
      return budget.take();
    }).filter(Boolean).length;
  expect(takenAt(1_000, 100)).toBe(8);
  expect(takenAt(1_100, 100)).toBe(1);
  expect(takenAt(1_400, 100)).toBe(3);
  expect(takenAt(9_000, 100)).toBe(8);
  // A clock that goes back gives nothing.
  expect(takenAt(8_000, 1)).toBe(0);
});
