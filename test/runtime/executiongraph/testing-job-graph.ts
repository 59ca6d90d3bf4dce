import { brandId } from "../../../src/common/ids.ts";
import type { IdSource, IntermediateDataSetID, JobID, JobVertexID, OperatorID } from "../../../src/common/ids.ts";
import {
  CHECKPOINT_DEFAULTS,
  DEFAULT_RESTART_STRATEGY,
  type JobConfiguration,
} from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { JobEdge, JobGraph, JobVertex, ShipStrategy } from "../../../src/runtime/jobgraph/job-graph.ts";

export const TESTING_JOB_ID = brandId<JobID>("a".repeat(32));

/** Ids in order: 0000...01, 0000...02, ... */
export function countingIds(): IdSource {
  let last = 0;
  return { hex: () => String((last += 1)).padStart(32, "0") };
}

export interface TestingVertex {
  readonly parallelism: number;
  /** How it is fed by the vertex before it; the first one is a source. */
  readonly ship?: ShipStrategy;
}

/** Changes to the default configuration; `checkpointing: undefined` asks for no checkpoints. */
export type TestingConfiguration = { readonly [Field in keyof JobConfiguration]?: JobConfiguration[Field] | undefined };

function configurationOf({ checkpointing, ...changes }: TestingConfiguration): JobConfiguration {
  return {
    parallelism: changes.parallelism ?? 1,
    restartStrategy: changes.restartStrategy ?? DEFAULT_RESTART_STRATEGY,
    userConfiguration: changes.userConfiguration ?? {},
    ...(checkpointing === undefined ? {} : { checkpointing }),
  };
}

/** A chain of vertices `v0 -> v1 -> ...` that takes a checkpoint each second. */
export function testingJobGraph(
  vertices: readonly TestingVertex[],
  configuration: TestingConfiguration = {},
): JobGraph {
  const vertexId = (index: number): JobVertexID => brandId(`b${String(index).padStart(31, "0")}`);
  const dataSet = (index: number): IntermediateDataSetID => brandId(`d${String(index).padStart(31, "0")}`);
  const edge = (index: number, ship: ShipStrategy): JobEdge => ({
    source: vertexId(index - 1),
    dataSet: dataSet(index - 1),
    shipStrategy: ship,
    exchange: "pipelined_bounded",
  });
  return {
    jobId: TESTING_JOB_ID,
    name: "testing job",
    jobType: "STREAMING",
    vertices: vertices.map(({ parallelism, ship = "HASH" }, index): JobVertex => {
      const next = vertices[index + 1];
      return {
        id: vertexId(index),
        name: `v${index}`,
        parallelism,
        maxParallelism: 128,
        operators: [
          {
            id: brandId<OperatorID>(`e${String(index).padStart(31, "0")}`),
            name: `o${index}`,
            kind: index === 0 ? "source" : "operator",
            stateful: true,
          },
        ],
        inputs: index === 0 ? [] : [edge(index, ship)],
        outputs:
          next === undefined
            ? []
            : [{ id: dataSet(index), shipStrategy: next.ship ?? "HASH", consumer: vertexId(index + 1) }],
        slotSharingGroup: "default",
      };
    }),
    configuration: configurationOf({
      checkpointing: { intervalMillis: 1_000, ...CHECKPOINT_DEFAULTS },
      ...configuration,
    }),
    hash: "f".repeat(64),
    module: { hash: "c".repeat(64), key: "modules/c.js", name: "job.js", runtimeVersion: "0.1.0" },
  };
}
