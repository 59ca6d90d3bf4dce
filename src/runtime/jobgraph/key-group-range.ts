import { SluiceException } from "../../common/exceptions.ts";

/** Groups from `start` to `end`, both included. */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

export function subtaskOfKeyGroup(keyGroup: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}

/** @throws INVALID_ARGUMENT if there are fewer groups than subtasks. */
export function keyGroupRangeOf(subtaskIndex: number, parallelism: number, maxParallelism: number): KeyGroupRange {
  if (parallelism > maxParallelism) {
    throw new SluiceException(
      "INVALID_ARGUMENT",
      `parallelism: expected at most the max parallelism ${maxParallelism}, got ${parallelism}`,
    );
  }
  return {
    start: Math.ceil((subtaskIndex * maxParallelism) / parallelism),
    end: Math.floor(((subtaskIndex + 1) * maxParallelism - 1) / parallelism),
  };
}
