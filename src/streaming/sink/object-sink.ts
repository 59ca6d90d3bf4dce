import { SluiceException } from "../../common/exceptions.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { NdjsonSinkWriter } from "./ndjson-sink-writer.ts";
import type { Sink, SinkWriter, SinkWriterContext } from "./sink.ts";

/** One or more names joined by single slashes; none is `.` or `..`. */
const PREFIX = /^(?!\.{1,2}(?:\/|$))[^/]+(?:\/(?!\.{1,2}(?:\/|$))[^/]+)*$/;

/**
 * Objects under a prefix, in the key space of uploaded objects: parts of lines and the manifests that commit them. Read only parts
 * that a manifest names.
 */
export class ObjectSink<T> implements Sink<T> {
  readonly name: string;
  readonly description: string;

  /** @throws INVALID_ARGUMENT if `prefix` is no path of names. */
  static ndjson<T>(prefix: string): ObjectSink<T> {
    return new ObjectSink(prefix);
  }

  private constructor(prefix: string) {
    const trimmed = typeof prefix === "string" && prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
    if (typeof trimmed !== "string" || !PREFIX.test(trimmed)) {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `ObjectSink prefix: expected names joined by "/", got ${showValue(prefix)}`,
      );
    }
    this.name = trimmed;
    this.description = `ndjson(${trimmed})`;
  }

  createWriter(context: SinkWriterContext<T>): SinkWriter<T> {
    return new NdjsonSinkWriter({ name: `sink "${this.name}"`, folder: `objects/${this.name}/` }, context);
  }
}
