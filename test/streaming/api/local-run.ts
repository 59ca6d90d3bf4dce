import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { IntermediateDataSetID, JobID } from "../../../src/common/ids.ts";
import type { ObjectStore } from "../../../src/runtime/blob/object-store.ts";
import type { JobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import type { ChainedNode, JobVertexPlan, PlannedOutput } from "../../../src/streaming/graph/stream-node.ts";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/streaming/operators/stream-operator.ts";
import type { OneInputStreamOperator, Output } from "../../../src/streaming/operators/stream-operator.ts";
import type { Source } from "../../../src/streaming/source/source.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../../src/streaming/state/key-group-assignment.ts";
import { keyHashOf } from "../../../src/streaming/state/key-type.ts";
import { WatermarkGenerator } from "../../../src/streaming/time/watermark-generator.ts";
import type { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";

const MAX_PARALLELISM = 128;
const POLL_LIMIT = 7;
const JOB_ID = brandId<JobID>("1".repeat(32));

type StreamEvent =
  | { readonly kind: "record"; readonly value: unknown; readonly timestamp: number | undefined }
  | { readonly kind: "watermark"; readonly watermark: number };

/** Channels into one subtask, by producer. */
type Channels = StreamEvent[][];

/**
 * A bounded job run to its end in one thread, vertex after vertex: what the plans mean, without network, checkpoints and tasks.
 *
 * @returns the records that reached each sink.
 */
export async function runLocally(
  definition: JobDefinition,
  options: { readonly parallelism: number; readonly objects: ObjectStore },
): Promise<ReadonlyMap<string, readonly unknown[]>> {
  const module = { hash: "a".repeat(64), key: "modules/a.js", name: "job.js", runtimeVersion: "0.1.0" };
  const jobId = brandId<JobID>("0".repeat(32));
  const { plans } = await generateJobGraph(definition, { jobId, module, parallelism: options.parallelism });
  const run = new LocalRun(options.objects, [...plans.values()]);
  for (const plan of plans.values()) {
    for (let subtask = 0; subtask < plan.vertex.parallelism; subtask++) await run.runSubtask(plan, subtask);
  }
  return run.results;
}

class LocalRun {
  readonly results = new Map<string, unknown[]>();
  readonly #objects: ObjectStore;
  /** Data set, then consumer, to its channels. */
  readonly #exchanges = new Map<IntermediateDataSetID, Channels[]>();

  constructor(objects: ObjectStore, plans: readonly JobVertexPlan[]) {
    this.#objects = objects;
    for (const { inputs, vertex } of plans) {
      for (const { dataSet } of inputs) {
        this.#exchanges.set(
          dataSet,
          Array.from({ length: vertex.parallelism }, () => []),
        );
      }
    }
  }

  async runSubtask(plan: JobVertexPlan, subtask: number): Promise<void> {
    const outputs: Output<unknown>[] = plan.outputs.map((output) => this.#partitioner(output, subtask));
    // From the chain's end to its head: each link needs the ones behind it.
    const links = new Map<number, Link>();
    for (const [index, chained] of [...plan.chain.entries()].toReversed()) {
      const consumers: Output<unknown>[] = plan.outputs.flatMap(({ from }, at) =>
        outputs[at] !== undefined && from === index ? [outputs[at]] : [],
      );
      for (const [later, { upstream }] of plan.chain.entries()) {
        const link = links.get(later);
        if (upstream === index && link !== undefined) consumers.push(link);
      }
      links.set(index, this.#link(chained, { plan, subtask, output: fanOut(consumers) }));
    }
    const head = links.get(0);
    const implementation = plan.chain[0]?.node.implementation;
    if (head === undefined || implementation === undefined) throw new Error("a chain has a head");
    if (implementation.kind === "source") {
      const { source, watermarks } = implementation;
      await this.#runSource({ source, watermarks, head, subtask, parallelism: plan.vertex.parallelism });
    } else {
      for (const { dataSet } of plan.inputs) drain(this.#exchanges.get(dataSet)?.[subtask] ?? [], head);
    }
    head.emitWatermark(MAX_WATERMARK);
    for (const [, link] of [...links].toSorted(([left], [right]) => left - right)) link.end();
  }

  async #runSource(run: {
    readonly source: Source<unknown>;
    readonly watermarks: WatermarkStrategy<unknown> | undefined;
    readonly head: Link;
    readonly subtask: number;
    readonly parallelism: number;
  }): Promise<void> {
    const { source, watermarks, head, subtask, parallelism } = run;
    // Time flies, so that a rate never makes it wait.
    let now = 0;
    const clock = { now: () => (now += 60_000), schedule: () => ({ cancel: () => {} }) };
    const reader = source.createReader({ jobId: JOB_ID, subtaskIndex: subtask, parallelism, clock, restored: [] });
    const generator = watermarks === undefined ? undefined : new WatermarkGenerator(watermarks, source.name);
    for (;;) {
      const status = reader.poll(POLL_LIMIT, (value, sourceTimestamp) => {
        head.collect(value, generator === undefined ? sourceTimestamp : generator.timestampOf(value, sourceTimestamp));
      });
      const watermark = generator?.next();
      if (watermark !== undefined) head.emitWatermark(watermark);
      if (status.kind === "end") return;
      if (status.kind === "needs-fetch") await reader.fetch(this.#objects);
    }
  }

  #link({ node }: ChainedNode, place: { plan: JobVertexPlan; subtask: number; output: Output<unknown> }): Link {
    const { implementation, name } = node;
    switch (implementation.kind) {
      case "source":
        return {
          ...place.output,
          collect: place.output.collect,
          emitWatermark: place.output.emitWatermark,
          end: () => {},
        };
      case "sink":
        return {
          collect: (value) => void this.#resultsOf(implementation.sink.name).push(value),
          emitWatermark: () => {},
          end: () => {},
        };
      case "operator": {
        const operator: OneInputStreamOperator<unknown, unknown> = implementation.create();
        operator.open({
          operatorId: node.operatorId,
          operatorName: name,
          subtaskIndex: place.subtask,
          parallelism: node.parallelism,
          maxParallelism: node.maxParallelism,
          clock: new ManualClock(),
          output: place.output,
          restored: [],
        });
        return {
          collect: (value, timestamp) => operator.processElement(value, timestamp),
          emitWatermark: (watermark) => operator.processWatermark(watermark),
          end: () => operator.endInput(),
        };
      }
    }
  }

  #resultsOf(sink: string): unknown[] {
    const results = this.results.get(sink) ?? [];
    this.results.set(sink, results);
    return results;
  }

  #partitioner({ dataSet, key, shipStrategy }: PlannedOutput, producer: number): Output<unknown> {
    const consumers = this.#exchanges.get(dataSet) ?? [];
    const channels = consumers.map((subtask) => (subtask[producer] ??= []));
    const hash = key === undefined ? undefined : keyHashOf(key.type);
    let turn = producer;
    const target = (value: unknown): number => {
      if (shipStrategy === "FORWARD") return producer;
      if (key === undefined || hash === undefined) return turn++ % channels.length;
      return subtaskOfKeyGroup(keyGroupOf(hash(key.select(value)), MAX_PARALLELISM), channels.length, MAX_PARALLELISM);
    };
    return {
      collect: (value, timestamp) => void channels[target(value)]?.push({ kind: "record", value, timestamp }),
      emitWatermark: (watermark) => {
        for (const channel of channels) channel.push({ kind: "watermark", watermark });
      },
    };
  }
}

interface Link extends Output<unknown> {
  end(): void;
}

function fanOut(consumers: readonly Output<unknown>[]): Output<unknown> {
  return {
    collect: (value, timestamp) => {
      for (const consumer of consumers) consumer.collect(value, timestamp);
    },
    emitWatermark: (watermark) => {
      for (const consumer of consumers) consumer.emitWatermark(watermark);
    },
  };
}

/** Takes one event of each channel in turn; the watermark is the least of all channels'. */
function drain(channels: Channels, head: Link): void {
  const watermarks = channels.map(() => MIN_WATERMARK);
  let emitted = MIN_WATERMARK;
  for (let position = 0; channels.some((channel) => position < channel.length); position++) {
    for (const [index, channel] of channels.entries()) {
      const event = channel[position];
      if (event?.kind === "record") head.collect(event.value, event.timestamp);
      if (event?.kind === "watermark") watermarks[index] = event.watermark;
      const least = Math.min(...watermarks);
      if (least > emitted) head.emitWatermark((emitted = least));
    }
  }
}
