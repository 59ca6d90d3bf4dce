import type { IntermediateDataSetID, OperatorID } from "../../common/ids.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { JobVertex, ShipStrategy } from "../../runtime/jobgraph/job-graph.ts";
import type { OneInputStreamOperator } from "../operators/stream-operator.ts";
import type { Sink } from "../sink/sink.ts";
import type { Source } from "../source/source.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";

/** One operator of the logical graph. Values flow untyped inside the engine; the API's generics hold outside. */
export interface StreamNode {
  readonly operatorId: OperatorID;
  readonly name: string;
  readonly uid?: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly stateful: boolean;
  readonly implementation: StreamNodeImplementation;
  /** Type of what it emits; sinks emit nothing. */
  readonly outputType?: TypeInformation<unknown>;
  /** Absent for sources. */
  readonly input?: StreamEdge;
}

export type StreamNodeImplementation =
  | { readonly kind: "source"; readonly source: Source<unknown>; readonly watermarks?: WatermarkStrategy<unknown> }
  | { readonly kind: "operator"; readonly create: () => OneInputStreamOperator<unknown, unknown> }
  | { readonly kind: "sink"; readonly sink: Sink<unknown> };

export interface StreamEdge {
  readonly source: OperatorID;
  readonly shipStrategy: ShipStrategy;
  /** With HASH. */
  readonly key?: KeySelection;
}

export interface KeySelection {
  /**
   * The key of a record, checked against {@link KeySelection.type}.
   *
   * @param recordNumber position of the record in what the caller has seen, for the message; from 1.
   * @throws USER_CODE naming the operator and the record if it selects no key or the selector throws.
   */
  select(value: unknown, recordNumber?: number): unknown;
  readonly type: TypeInformation<unknown>;
}

/** How one job vertex is put together: what a StreamTask instantiates. */
export interface JobVertexPlan {
  readonly vertex: JobVertex;
  /** The chain: a tree in topological order; the first node is its head. */
  readonly chain: readonly ChainedNode[];
  /** In the order of `vertex.inputs`. */
  readonly inputs: readonly { readonly dataSet: IntermediateDataSetID; readonly type: TypeInformation<unknown> }[];
  /** In the order of `vertex.outputs`. */
  readonly outputs: readonly PlannedOutput[];
}

export interface ChainedNode {
  readonly node: StreamNode;
  /** Index of its upstream in the chain; `undefined` for the head. */
  readonly upstream?: number;
}

export interface PlannedOutput {
  readonly dataSet: IntermediateDataSetID;
  /** Index in the chain of the node whose results it carries. */
  readonly from: number;
  readonly shipStrategy: ShipStrategy;
  readonly key?: KeySelection;
  readonly type: TypeInformation<unknown>;
}
