import { SluiceException } from "../../common/exceptions.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { RESULTS_FOLDER } from "./commit-manifest.ts";
import { NdjsonSinkWriter } from "./ndjson-sink-writer.ts";
import type { Sink, SinkWriter, SinkWriterContext } from "./sink.ts";

const SINK_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** Results for whoever follows the job (`GET /v1/sluice/jobs/:id/results`): committed records only, kept after its end. */
export class CollectSink<T> implements Sink<T> {
  readonly name: string;
  readonly description: string;

  /** @throws INVALID_ARGUMENT if `name` is not made of letters, digits, `.`, `_` and `-`. */
  static named<T>(name: string): CollectSink<T> {
    return new CollectSink(name);
  }

  private constructor(name: string) {
    if (typeof name !== "string" || !SINK_NAME.test(name)) {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `CollectSink name: expected letters, digits, ".", "_" and "-", got ${showValue(name)}`,
      );
    }
    this.name = name;
    this.description = `collect(${name})`;
  }

  createWriter(context: SinkWriterContext<T>): SinkWriter<T> {
    return new NdjsonSinkWriter({ name: `sink "${this.name}"`, folder: `${RESULTS_FOLDER}${this.name}/` }, context);
  }
}
