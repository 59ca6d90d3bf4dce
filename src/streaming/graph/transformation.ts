import type { TypeInformation } from "../../common/types/type-information.ts";
import type { OneInputStreamOperator } from "../operators/stream-operator.ts";
import type { Sink } from "../sink/sink.ts";
import type { Source } from "../source/source.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";
import type { KeySelection } from "./stream-node.ts";

/**
 * One step of a program as the API recorded it (Flink `Transformation`). The API changes name, uid, parallelism and type until
 * the build function has returned; the generators only read.
 */
export interface Transformation {
  readonly body: TransformationBody;
  readonly input?: TransformationInput;
  name: string;
  uid?: string;
  /** `undefined`: the job's. */
  parallelism?: number;
  /** Absent for sinks. */
  outputType?: TypeInformation<unknown>;
}

export interface TransformationInput {
  readonly from: Transformation;
  /** Present behind `keyBy`. */
  readonly key?: KeySelection;
}

export type TransformationBody =
  | { readonly kind: "source"; readonly source: Source<unknown>; readonly watermarks?: WatermarkStrategy<unknown> }
  | {
      readonly kind: "operator";
      /** What it does, as canonical text for the graph's hash: `map`, `window(tumbling(...),...)`. */
      readonly description: string;
      readonly stateful: boolean;
      /** @param outputType the type the transformation has when the graph is complete. */
      create(outputType: TypeInformation<unknown>): OneInputStreamOperator<unknown, unknown>;
    }
  | { readonly kind: "sink"; readonly sink: Sink<unknown> };
