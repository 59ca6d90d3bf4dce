import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { JobVertexID, ResourceID } from "../../common/ids.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { JobVertexPlan, PlannedOutput } from "../graph/stream-node.ts";
import type { ChannelId } from "../network/exchange-link.ts";
import type { ExchangeRouter } from "../network/exchange-router.ts";
import { InputChannel } from "../network/input-channel.ts";
import { InputGate } from "../network/input-gate.ts";
import { createPartitioner } from "../network/partitioner.ts";
import { ResultPartition, type PartitionTarget } from "../network/result-partition.ts";
import { ResultSubpartition } from "../network/result-subpartition.ts";

export interface TaskChannelsSetup {
  readonly self: ResourceID;
  readonly descriptor: TaskDeploymentDescriptor;
  readonly plans: ReadonlyMap<JobVertexID, JobVertexPlan>;
  readonly plan: JobVertexPlan;
  readonly router: ExchangeRouter;
  readonly clock: Clock;
}

/** Both sides of one attempt's channels, known to the router from here until {@link close}. */
export class TaskChannels {
  readonly gate: InputGate;
  /** In the order of the plan's outputs. */
  readonly partitions: readonly ResultPartition[];
  readonly #setup: TaskChannelsSetup;
  readonly #ids: ChannelId[] = [];
  readonly #peers = new Set<ResourceID>();

  /** @throws ILLEGAL_STATE if descriptor and plan do not fit. */
  constructor(setup: TaskChannelsSetup) {
    this.#setup = setup;
    this.gate = new InputGate(this.#createInputs(), setup.clock);
    this.partitions = setup.plan.outputs.map((output, index) => this.#createPartition(output, index));
  }

  /** Other TaskExecutors at the far end of a channel. */
  get peers(): ReadonlySet<ResourceID> {
    return this.#peers;
  }

  close(): void {
    for (const id of this.#ids) this.#setup.router.unregister(id);
  }

  #createInputs(): readonly InputChannel[] {
    const { descriptor, plan, router } = this.#setup;
    return plan.inputs.flatMap(({ dataSet }, input) => {
      const gate = descriptor.inputGates[input];
      if (gate?.dataSet !== dataSet) throw this.#mismatch(`input ${input}`);
      return gate.producers.map((producer) => {
        const id = { dataSet, producer: producer.attemptId, consumer: descriptor.attemptId };
        const channel = new InputChannel({ id, input }, (bytes) => router.grant(producer.taskExecutor, id, bytes));
        router.registerInput(channel, producer.taskExecutor);
        this.#remember(id, producer.taskExecutor);
        return channel;
      });
    });
  }

  #createPartition(output: PlannedOutput, index: number): ResultPartition {
    const { descriptor, self, router } = this.#setup;
    const partition = descriptor.resultPartitions[index];
    if (partition?.dataSet !== output.dataSet) throw this.#mismatch(`output ${index}`);
    const targets = partition.consumers.map((consumer): PartitionTarget => {
      const channel = { dataSet: output.dataSet, producer: descriptor.attemptId, consumer: consumer.attemptId };
      const subpartition = new ResultSubpartition(
        { channel, send: (message) => router.send(consumer.taskExecutor, channel, message) },
        output.type,
      );
      router.registerOutput(subpartition);
      this.#remember(channel, consumer.taskExecutor);
      return { subpartition, remote: consumer.taskExecutor !== self };
    });
    const partitioner = createPartitioner(output, {
      subtaskIndex: descriptor.subtaskIndex,
      channels: targets.length,
      maxParallelism: partition.maxParallelism ?? this.#consumerMaxParallelism(output),
    });
    return new ResultPartition(targets, partitioner);
  }

  #consumerMaxParallelism(output: PlannedOutput): number {
    for (const { vertex } of this.#setup.plans.values()) {
      if (vertex.inputs.some((edge) => edge.dataSet === output.dataSet)) return vertex.maxParallelism;
    }
    throw this.#mismatch(`output ${output.dataSet}`);
  }

  #remember(id: ChannelId, taskExecutor: ResourceID): void {
    this.#ids.push(id);
    if (taskExecutor !== this.#setup.self) this.#peers.add(taskExecutor);
  }

  #mismatch(what: string): SluiceException {
    return new SluiceException("ILLEGAL_STATE", `${this.#setup.descriptor.taskName}: no deployment for ${what}`);
  }
}
