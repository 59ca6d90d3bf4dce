import { brandId } from "../common/ids.ts";
import type { IntermediateDataSetID, JobID, JobVertexID, OperatorID } from "../common/ids.ts";
import { CHECKPOINT_DEFAULTS, DEFAULT_RESTART_STRATEGY } from "../runtime/jobgraph/job-configuration.ts";
import type { JobConfiguration } from "../runtime/jobgraph/job-configuration.ts";
import type { JobGraph } from "../runtime/jobgraph/job-graph.ts";
import type { JobSubmission } from "../runtime/messages/job-submission.ts";

/** `digits`, repeated or cut to `length`, as a hex id made for tests. */
function hex(digits: string, length = 32): string {
  return digits.padStart(length, "0").slice(-length);
}

export interface TestingJobOptions {
  /** Names the job; two numbers are two jobs. */
  readonly number?: number;
  readonly parallelism?: number;
  readonly configuration?: Partial<JobConfiguration>;
}

/** A sound job graph: a source, exchanged by key with a sink. */
export function testingJobGraph({ number = 1, parallelism = 4, configuration = {} }: TestingJobOptions = {}): JobGraph {
  const source = brandId<JobVertexID>(hex("a1"));
  const sink = brandId<JobVertexID>(hex("b2"));
  const dataSet = brandId<IntermediateDataSetID>(hex("c3"));
  const vertex = { parallelism, maxParallelism: 128, slotSharingGroup: "default" };
  return {
    jobId: brandId<JobID>(hex(`d${number.toString(16)}`)),
    name: `job ${number}`,
    jobType: "STREAMING",
    hash: hex("e", 64),
    module: { hash: hex("f", 64), key: "v1/default/modules/f.js", name: "job.js", runtimeVersion: "0.1.0" },
    configuration: {
      parallelism,
      checkpointing: { ...CHECKPOINT_DEFAULTS, intervalMillis: 1_000 },
      restartStrategy: DEFAULT_RESTART_STRATEGY,
      userConfiguration: {},
      ...configuration,
    },
    vertices: [
      {
        ...vertex,
        id: source,
        name: "numbers",
        operators: [{ id: brandId<OperatorID>(hex("1")), name: "numbers", kind: "source", stateful: true }],
        inputs: [],
        outputs: [{ id: dataSet, shipStrategy: "HASH", consumer: sink }],
      },
      {
        ...vertex,
        id: sink,
        name: "rows",
        operators: [{ id: brandId<OperatorID>(hex("2")), name: "rows", kind: "sink", stateful: true }],
        inputs: [{ source, dataSet, shipStrategy: "HASH", exchange: "pipelined_bounded" }],
        outputs: [],
      },
    ],
  };
}

/** {@link testingJobGraph}, as the Dispatcher gets it. */
export function testingSubmission(options: TestingJobOptions = {}, idempotencyKey?: string): JobSubmission {
  return {
    jobGraph: testingJobGraph(options),
    requestHash: "request",
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}
