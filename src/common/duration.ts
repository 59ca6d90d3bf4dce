import type { Branded } from "./ids.ts";

/** A length of time in whole milliseconds. */
export type Duration = Branded<number, "Duration">;

/** @param amount non-negative, finite milliseconds; fractions are rounded to whole milliseconds. */
export function milliseconds(amount: number): Duration {
  if (!Number.isFinite(amount) || amount < 0) {
    throw new RangeError(`duration: expected a non-negative finite number of milliseconds, got ${amount}`);
  }
  return Math.round(amount) as Duration;
}

export const seconds = (amount: number): Duration => milliseconds(amount * 1_000);
export const minutes = (amount: number): Duration => milliseconds(amount * 60_000);
export const hours = (amount: number): Duration => milliseconds(amount * 3_600_000);
export const days = (amount: number): Duration => milliseconds(amount * 86_400_000);
