/**
 * Every `step`-th unit (record or chunk) of a source, from `next` on. The splits of one source are disjoint and together hold
 * all that is still to be read.
 */
export interface SourceSplit {
  readonly next: number;
  readonly step: number;
  /** Where in the unit `next` reading goes on; absent: at its beginning. */
  readonly offset?: number;
}

/** A subtask among those that divide a source. */
interface Subtask {
  readonly subtaskIndex: number;
  readonly parallelism: number;
}

/** What a subtask reads of a source that starts afresh. */
export function initialSplit({ subtaskIndex, parallelism }: Subtask): SourceSplit {
  return { next: subtaskIndex, step: parallelism };
}

/**
 * One subtask's share of splits that were taken at another parallelism (RST-08): round robin; where there are fewer than
 * subtasks they are divided first, so that nobody is idle. Every subtask computes the same.
 */
export function shareOf(
  splits: readonly SourceSplit[],
  { subtaskIndex, parallelism }: Subtask,
): readonly SourceSplit[] {
  const parts = Math.ceil(parallelism / Math.max(1, splits.length));
  return splits
    .flatMap((split) => divide(split, parts))
    .toSorted((left, right) => left.next - right.next)
    .filter((_, index) => index % parallelism === subtaskIndex);
}

/** The split to read next. In order of the units, a reader of several splits keeps the order of the source. */
export function leastSplit(splits: readonly SourceSplit[]): SourceSplit | undefined {
  let least: SourceSplit | undefined;
  for (const split of splits) if (least === undefined || split.next < least.next) least = split;
  return least;
}

function divide(split: SourceSplit, parts: number): readonly SourceSplit[] {
  const step = split.step * parts;
  return Array.from({ length: parts }, (_, part) =>
    part === 0 ? { ...split, step } : { next: split.next + part * split.step, step },
  );
}
