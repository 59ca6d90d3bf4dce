import type { JsonValue } from "../../common/types/json-type.ts";
import { types } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { requireOperatorName } from "../graph/operator-name.ts";
import { CollectionSource } from "../source/collection-source.ts";
import type { Source } from "../source/source.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";
import { requireMethod } from "./argument-checks.ts";
import { DataStream } from "./data-stream.ts";
import type { StreamProgram } from "./stream-program.ts";

/** Where a program begins: what the build function is given. */
export class StreamExecutionEnvironment {
  readonly #program: StreamProgram;

  constructor(program: StreamProgram) {
    this.#program = program;
  }

  /**
   * The records of a source.
   *
   * @param watermarks `WatermarkStrategy.noWatermarks()` if nothing downstream looks at event time.
   */
  fromSource<T>(source: Source<T>, watermarks: WatermarkStrategy<NoInfer<T>> | undefined, name: string): DataStream<T> {
    requireMethod("fromSource", source, {
      name: "createReader",
      expected: "a source such as ObjectSource.ndjson(key, type)",
    });
    if (watermarks !== undefined) {
      requireMethod("fromSource", watermarks, {
        name: "timestampOf",
        expected: "a WatermarkStrategy such as WatermarkStrategy.noWatermarks()",
      });
    }
    const transformation = this.#program.add({
      body: { kind: "source", source, ...(watermarks === undefined ? {} : { watermarks: erased(watermarks) }) },
      name: `Source: ${requireOperatorName(name)}`,
      outputType: source.type,
    });
    return new DataStream(this.#program, transformation);
  }

  /** A few records that are part of the program, in this order: one subtask, no event time. */
  fromCollection<T extends JsonValue>(records: readonly T[]): DataStream<T>;
  fromCollection<T>(records: readonly T[], type: TypeInformation<T>): DataStream<T>;
  fromCollection<T>(records: readonly T[], type: TypeInformation<T> = types.json<T>()): DataStream<T> {
    return this.fromSource(CollectionSource.of(records, type), undefined, "Collection").setParallelism(1);
  }
}

/** Inside the engine values are untyped; the graph only ever hands a strategy the records of its own source. */
function erased<T>(watermarks: WatermarkStrategy<T>): WatermarkStrategy<unknown> {
  return { ...watermarks, timestampOf: (value, timestamp) => watermarks.timestampOf(value as T, timestamp) };
}
