import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { OperatorID } from "../../common/ids.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { ChainedNode, JobVertexPlan, StreamNode } from "../graph/stream-node.ts";
import type { ResultPartition } from "../network/result-partition.ts";
import type { OneInputStreamOperator, Output } from "../operators/stream-operator.ts";
import type { SinkWriter } from "../sink/sink.ts";
import type { OperatorSnapshot } from "../state/operator-snapshot.ts";
import { WatermarkGenerator } from "../time/watermark-generator.ts";
import { SourceOperator } from "./source-operator.ts";

/** A snapshot to start from. */
export interface RestoredSnapshot {
  readonly snapshot: OperatorSnapshot;
  /** Whether no other subtask starts from it. */
  readonly owned: boolean;
}

/** By operator; several per operator after a change of parallelism. */
export type RestoredState = ReadonlyMap<OperatorID, readonly RestoredSnapshot[]>;

export interface OperatorChainSetup {
  readonly descriptor: TaskDeploymentDescriptor;
  readonly plan: JobVertexPlan;
  /** In the order of the plan's outputs. */
  readonly partitions: readonly ResultPartition[];
  readonly clock: Clock;
  readonly restored: RestoredState;
}

type ChainElement =
  | { readonly kind: "source"; readonly operatorId: OperatorID; readonly source: SourceOperator }
  | {
      readonly kind: "operator";
      readonly operatorId: OperatorID;
      readonly operator: OneInputStreamOperator<unknown, unknown>;
    }
  | { readonly kind: "sink"; readonly operatorId: OperatorID; readonly writer: SinkWriter<unknown>; written: number };

/** The operators of one job vertex in one subtask, wired to each other and to the result partitions, opened from the tail. */
export class OperatorChain {
  readonly #setup: OperatorChainSetup;
  readonly #elements: readonly ChainElement[];
  readonly #head: Output<unknown>;

  constructor(setup: OperatorChainSetup) {
    this.#setup = setup;
    const elements: ChainElement[] = [];
    for (const [index, chained] of [...setup.plan.chain.entries()].reverse()) {
      elements[index] = this.#createElement(chained, outputOf(index, { setup, elements }));
    }
    this.#elements = elements;
    this.#head = combine(elements.slice(0, 1).map(inputOf));
  }

  /** Takes the records and watermarks of the task's inputs. */
  get head(): Output<unknown> {
    return this.#head;
  }

  get source(): SourceOperator | undefined {
    const [head] = this.#elements;
    return head?.kind === "source" ? head.source : undefined;
  }

  /** All input was seen, the last watermark included. */
  endInput(): void {
    for (const element of this.#elements) if (element.kind === "operator") element.operator.endInput();
  }

  /** The synchronous part of a checkpoint. */
  snapshot(checkpointId: number): readonly OperatorSnapshot[] {
    for (const writer of this.#writers()) writer.prepareCommit(checkpointId);
    return this.#elements.flatMap((element) => snapshotOf(element, checkpointId) ?? []);
  }

  async stage(objects: ObjectStore): Promise<void> {
    for (const writer of this.#writers()) await writer.stage(objects);
  }

  async commit(checkpointId: number, objects: ObjectStore): Promise<void> {
    for (const writer of this.#writers()) await writer.commit(checkpointId, objects);
  }

  /** Bytes all sinks of the chain hold in memory. */
  bufferedBytes(): number {
    return this.#writers().reduce((sum, writer) => sum + writer.bufferedBytes(), 0);
  }

  /** Records given to the sinks of the chain; `undefined` if it has none. */
  get sinkRecords(): number | undefined {
    const counts = this.#elements.flatMap((element) => (element.kind === "sink" ? [element.written] : []));
    return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
  }

  /** `undefined` if no operator of the chain drops late records. */
  get lateRecordsDropped(): number | undefined {
    const counts = this.#elements.flatMap((element) =>
      element.kind === "operator" ? (element.operator.lateRecordsDropped?.() ?? []) : [],
    );
    return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    for (const element of this.#elements) if (element.kind === "operator") element.operator.close();
  }

  #writers(): readonly SinkWriter<unknown>[] {
    return this.#elements.flatMap((element) => (element.kind === "sink" ? [element.writer] : []));
  }

  #createElement(chained: ChainedNode, output: Output<unknown>): ChainElement {
    const { node } = chained;
    const { operatorId, implementation } = node;
    switch (implementation.kind) {
      case "source": {
        const reader = implementation.source.createReader({
          jobId: this.#setup.descriptor.jobId,
          ...this.#subtask(),
          restored: this.#restoredParts(node, "all"),
        });
        const watermarks =
          implementation.watermarks && new WatermarkGenerator(implementation.watermarks, `source "${node.name}"`);
        return { kind: "source", operatorId, source: new SourceOperator(reader, watermarks, output) };
      }
      case "operator": {
        const operator = implementation.create();
        operator.open({
          ...this.#subtask(),
          operatorId,
          operatorName: node.name,
          maxParallelism: this.#setup.descriptor.maxParallelism,
          output,
          restored: (this.#setup.restored.get(operatorId) ?? []).map(({ snapshot }) => snapshot),
        });
        return { kind: "operator", operatorId, operator };
      }
      case "sink": {
        const { jobId, attemptNumber } = this.#setup.descriptor;
        const writer = implementation.sink.createWriter({
          ...this.#subtask(),
          jobId,
          attemptNumber,
          operatorId,
          type: this.#inputType(chained),
          // Pending output is committed by one.
          restored: this.#restoredParts(node, "owned"),
        });
        return { kind: "sink", operatorId, writer, written: 0 };
      }
    }
  }

  #inputType({ node, upstream }: ChainedNode): TypeInformation<unknown> {
    const { chain, inputs } = this.#setup.plan;
    const type = upstream === undefined ? inputs[0]?.type : chain[upstream]?.node.outputType;
    if (type === undefined) throw new SluiceException("ILLEGAL_STATE", `the input of ${node.name} has no type`);
    return type;
  }

  #subtask(): { readonly subtaskIndex: number; readonly parallelism: number; readonly clock: Clock } {
    const { subtaskIndex, parallelism } = this.#setup.descriptor;
    return { subtaskIndex, parallelism, clock: this.#setup.clock };
  }

  #restoredParts(node: StreamNode, which: "all" | "owned"): readonly NonNullable<OperatorSnapshot["operator"]>[] {
    const restored = this.#setup.restored.get(node.operatorId) ?? [];
    return restored.flatMap(({ snapshot, owned }) => (owned || which === "all" ? (snapshot.operator ?? []) : []));
  }
}

function snapshotOf(element: ChainElement, checkpointId: number): OperatorSnapshot | undefined {
  const { operatorId } = element;
  switch (element.kind) {
    case "source":
      return { operatorId, operator: element.source.snapshotPosition() };
    case "operator":
      return element.operator.snapshotState(checkpointId);
    case "sink":
      return { operatorId, operator: element.writer.snapshotState() };
  }
}

/** Where the node at `index` emits to: the nodes chained to it, already created, and the partitions that carry its results. */
function outputOf(
  index: number,
  made: { readonly setup: OperatorChainSetup; readonly elements: readonly ChainElement[] },
): Output<unknown> {
  const { plan, partitions } = made.setup;
  const targets: Output<unknown>[] = [];
  for (const [child, chained] of plan.chain.entries()) {
    const element = chained.upstream === index ? made.elements[child] : undefined;
    if (element !== undefined) targets.push(inputOf(element));
  }
  for (const [output, planned] of plan.outputs.entries()) {
    const partition = planned.from === index ? partitions[output] : undefined;
    if (partition !== undefined) targets.push(partitionInput(partition));
  }
  return combine(targets);
}

function inputOf(element: ChainElement): Output<unknown> {
  switch (element.kind) {
    case "source":
      return combine([]);
    case "operator": {
      const { operator } = element;
      return {
        collect: (value, timestamp) => operator.processElement(value, timestamp),
        emitWatermark: (watermark) => operator.processWatermark(watermark),
      };
    }
    case "sink": {
      const { writer } = element;
      return {
        collect: (value, timestamp) => {
          writer.write(value, timestamp);
          element.written += 1;
        },
        emitWatermark: () => undefined,
      };
    }
  }
}

function partitionInput(partition: ResultPartition): Output<unknown> {
  return {
    collect: (value, timestamp) => partition.collect(value, timestamp),
    emitWatermark: (watermark) => partition.broadcast({ kind: "watermark", watermark }),
  };
}

function combine(targets: readonly Output<unknown>[]): Output<unknown> {
  const [only] = targets;
  if (only !== undefined && targets.length === 1) return only;
  return {
    collect: (value, timestamp) => {
      for (const target of targets) target.collect(value, timestamp);
    },
    emitWatermark: (watermark) => {
      for (const target of targets) target.emitWatermark(watermark);
    },
  };
}
