import { brandId } from "../../../src/common/ids.ts";
import type { IntermediateDataSetID, JobVertexID, OperatorID } from "../../../src/common/ids.ts";
import { DEFAULT_RESTART_STRATEGY } from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { JobGraph, JobVertex } from "../../../src/runtime/jobgraph/job-graph.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

const CHECKPOINT_INTERVAL_MILLIS = 1_000;
const CHECKPOINT_TIMEOUT_MILLIS = 60_000;
const ID_DIGITS = 32;

/** Vertices in a row, each exchanged by key with the next, checkpointed every second. A checkpoint that fails fails the job. */
export function chainGraph(vertices: number, parallelism: number): JobGraph {
  const id = (digit: string, index: number): string => digit + String(index).padStart(ID_DIGITS - 1, "0");
  const vertexId = (index: number): JobVertexID => brandId(id("b", index));
  const dataSet = (index: number): IntermediateDataSetID => brandId(id("c", index));
  return {
    ...testingJobGraph({
      parallelism,
      configuration: {
        checkpointing: {
          intervalMillis: CHECKPOINT_INTERVAL_MILLIS,
          timeoutMillis: CHECKPOINT_TIMEOUT_MILLIS,
          minPauseMillis: 0,
          maxConcurrent: 1,
          tolerableFailed: 0,
          retained: 1,
        },
        restartStrategy: DEFAULT_RESTART_STRATEGY,
      },
    }),
    vertices: Array.from({ length: vertices }, (_, index): JobVertex => {
      const [first, last] = [index === 0, index === vertices - 1];
      return {
        id: vertexId(index),
        name: `vertex ${index}`,
        parallelism,
        maxParallelism: parallelism,
        slotSharingGroup: "default",
        operators: [
          {
            id: brandId<OperatorID>(id("e", index)),
            name: `operator ${index}`,
            kind: first ? "source" : "operator",
            stateful: true,
          },
        ],
        inputs: first
          ? []
          : [
              {
                source: vertexId(index - 1),
                dataSet: dataSet(index - 1),
                shipStrategy: "HASH",
                exchange: "pipelined_bounded",
              },
            ],
        outputs: last ? [] : [{ id: dataSet(index), shipStrategy: "HASH", consumer: vertexId(index + 1) }],
      };
    }),
  };
}
