import type { Clock } from "../../common/clock.ts";
import type { JobID } from "../../common/ids.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { Inlet } from "../../runtime/jobgraph/job-graph.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";

/** A source as the graph knows it (Flink `Source`). Replayable: a reader restored from its position repeats what follows. */
export interface Source<T> {
  readonly name: string;
  readonly type: TypeInformation<T>;
  readonly bounded: boolean;
  /** Where records are sent to it while the job runs; absent: it finds its records itself. */
  readonly inlet?: Pick<Inlet, "name" | "timestampField">;
  /** Canonical description for the graph's hash. */
  readonly description: string;
  createReader(context: SourceReaderContext): SourceReader<T>;
}

export interface SourceReaderContext {
  readonly jobId: JobID;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly clock: Clock;
  /**
   * Operator parts (`OperatorSnapshot.operator`) of the snapshots to start from: the subtask's own, or after a change of
   * parallelism those of all, of which each subtask takes its share.
   */
  readonly restored: readonly NonNullable<OperatorSnapshot["operator"]>[];
}

/** What a poll left behind. */
export type PollStatus =
  | { readonly kind: "more" }
  /** Call {@link SourceReader.fetch} before the next poll. */
  | { readonly kind: "needs-fetch" }
  /** Nothing before this time (a rate limit, a generator's clock). */
  | { readonly kind: "wait-until"; readonly dueMillis: number }
  /** Nothing until somebody sends something; worth another look at `lookMillis`. The JobMaster knows if there is more. */
  | { readonly kind: "wait-for-records"; readonly lookMillis: number }
  | { readonly kind: "end" };

/**
 * One subtask's reader. `poll` is synchronous and emits; all I/O happens in `fetch`, which the task host awaits between
 * slices, so a barrier always falls between two polls.
 */
export interface SourceReader<T> {
  /** Emits at most `limit` records. `timestamp` is the source's own, or `undefined`. */
  poll(limit: number, emit: (value: T, timestamp: number | undefined) => void): PollStatus;
  fetch(objects: Pick<ObjectStore, "get" | "head">): Promise<void>;
  /** Position after the last emitted record. */
  snapshotPosition(): NonNullable<OperatorSnapshot["operator"]>;
  /** Records emitted since the job's first start, restored ones included. */
  recordsRead(): number;
}
