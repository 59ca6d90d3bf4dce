import type { PlannedOutput } from "../graph/stream-node.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../state/key-group-assignment.ts";
import { keyHashOf } from "../state/key-type.ts";

/** Which channels of a partition a record goes to (Flink `ChannelSelector`). */
export type Partitioner = { readonly kind: "one"; select(value: unknown): number } | { readonly kind: "all" };

/** The subtasks at both ends of an output. */
export interface PartitionerSetup {
  readonly subtaskIndex: number;
  /** Channels of the partition: all subtasks of the consumer, or one for FORWARD. */
  readonly channels: number;
  /** Key groups of the consumer. */
  readonly maxParallelism: number;
}

export function createPartitioner(
  output: Pick<PlannedOutput, "shipStrategy" | "key">,
  setup: PartitionerSetup,
): Partitioner {
  switch (output.shipStrategy) {
    case "FORWARD":
      return { kind: "one", select: () => 0 };
    case "BROADCAST":
      return { kind: "all" };
    case "REBALANCE":
      return roundRobin(setup);
    case "HASH":
      return byKeyGroup(output, setup);
  }
}

/** Producers start at different consumers, so that short streams spread too. */
function roundRobin(setup: PartitionerSetup): Partitioner {
  let next = setup.subtaskIndex % setup.channels;
  return {
    kind: "one",
    select: () => {
      const channel = next;
      next = (next + 1) % setup.channels;
      return channel;
    },
  };
}

function byKeyGroup(output: Pick<PlannedOutput, "key">, setup: PartitionerSetup): Partitioner {
  const { key } = output;
  if (key === undefined) throw new RangeError("a HASH edge without a key selection");
  const hash = keyHashOf(key.type);
  let recordNumber = 0;
  return {
    kind: "one",
    select: (value) => {
      recordNumber += 1;
      const keyGroup = keyGroupOf(hash(key.select(value, recordNumber)), setup.maxParallelism);
      return subtaskOfKeyGroup(keyGroup, setup.channels, setup.maxParallelism);
    },
  };
}
