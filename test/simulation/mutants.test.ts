import { expect, it } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { applyMutant, readSource } from "./run-mutants.ts";

it.each(MUTANTS)('the place of the mutant "$name" is in the sources, once', (mutant) => {
  const text = readSource(mutant.file);
  expect(applyMutant(mutant, text)).not.toBe(text);
});

it("there are at least twelve mutants, of different names", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(12);
});
