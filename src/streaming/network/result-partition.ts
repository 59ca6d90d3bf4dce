import type { ChannelEvent } from "./exchange-link.ts";
import type { Partitioner } from "./partitioner.ts";
import type { ResultSubpartition } from "./result-subpartition.ts";

/** Counts of what left a partition. */
export interface ResultPartitionCounters {
  records: number;
  bytes: number;
  /** Records to consumers on another TaskExecutor. */
  remoteRecords: number;
}

/** One channel of a partition. */
export interface PartitionTarget {
  readonly subpartition: ResultSubpartition;
  readonly remote: boolean;
}

/** One output data set of one subtask: spreads records over the consumers' channels. */
export class ResultPartition {
  readonly counters: ResultPartitionCounters = { records: 0, bytes: 0, remoteRecords: 0 };
  readonly #targets: readonly PartitionTarget[];
  readonly #partitioner: Partitioner;

  constructor(targets: readonly PartitionTarget[], partitioner: Partitioner) {
    this.#targets = targets;
    this.#partitioner = partitioner;
  }

  /** Whether every channel has sent what it was given; a task produces only then. */
  get isAvailable(): boolean {
    return this.#targets.every((target) => target.subpartition.isAvailable);
  }

  /** @throws what the key selection throws, or SERIALIZATION for a record that is none of the type. */
  collect(value: unknown, timestamp: number | undefined): void {
    if (this.#partitioner.kind === "all") {
      for (const target of this.#targets) this.#add(target, { value, timestamp });
      return;
    }
    const target = this.#targets[this.#partitioner.select(value)];
    if (target === undefined) throw new RangeError("the partitioner selected a channel that does not exist");
    this.#add(target, { value, timestamp });
  }

  broadcast(event: Exclude<ChannelEvent, { readonly kind: "batch" }>): void {
    for (const target of this.#targets) target.subpartition.emit(event);
  }

  flush(): void {
    for (const target of this.#targets) target.subpartition.flush();
  }

  #add(target: PartitionTarget, record: { readonly value: unknown; readonly timestamp: number | undefined }): void {
    this.counters.bytes += target.subpartition.add(record.value, record.timestamp);
    this.counters.records += 1;
    if (target.remote) this.counters.remoteRecords += 1;
  }
}
