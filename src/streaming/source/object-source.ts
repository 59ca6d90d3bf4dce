import { SluiceException } from "../../common/exceptions.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { NdjsonSourceReader } from "./ndjson-source-reader.ts";
import { requireRate } from "./rate-limit.ts";
import type { Source, SourceReader, SourceReaderContext } from "./source.ts";

export interface ObjectSourceOptions {
  /** Of the whole source, shared by its subtasks; without it as fast as possible. */
  readonly recordsPerSecond?: number;
  /** Field that holds the event time in epoch milliseconds; without it records have none. */
  readonly timestampField?: string;
  /** Bytes a subtask takes at a time; default by the object's size and the parallelism. */
  readonly chunkBytes?: number;
}

/**
 * An uploaded object, read in chunks that the subtasks take in turn: chunk `i` belongs to subtask `i` modulo the parallelism,
 * and a line to the chunk in which it begins. The object must not change while a job reads it.
 */
export class ObjectSource<T> implements Source<T> {
  readonly name: string;
  readonly bounded = true;
  readonly type: TypeInformation<T>;
  readonly description: string;
  readonly #key: string;
  readonly #options: ObjectSourceOptions;

  /**
   * One JSON value per line; blank lines are skipped. A line that is no JSON or no value of `type` fails the task with the
   * line's number and the field.
   *
   * @param key as given to `PUT /v1/sluice/objects/:key`.
   * @throws INVALID_ARGUMENT naming the option.
   */
  static ndjson<T>(key: string, type: TypeInformation<T>, options: ObjectSourceOptions = {}): ObjectSource<T> {
    return new ObjectSource(key, type, options);
  }

  private constructor(key: string, type: TypeInformation<T>, options: ObjectSourceOptions) {
    const { recordsPerSecond, timestampField, chunkBytes } = options;
    if (typeof key !== "string" || key === "") {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `key: expected the key of an uploaded object, got ${showValue(key)}`,
      );
    }
    requireRate(recordsPerSecond);
    if (chunkBytes !== undefined && !(Number.isSafeInteger(chunkBytes) && chunkBytes > 0)) {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `chunkBytes: expected an integer from 1, got ${showValue(chunkBytes)}`,
      );
    }
    this.name = key;
    this.type = type;
    this.#key = key;
    this.#options = options;
    this.description = `ndjson(${JSON.stringify([key, type.description, recordsPerSecond, timestampField, chunkBytes])})`;
  }

  createReader(context: SourceReaderContext): SourceReader<T> {
    return new NdjsonSourceReader({ key: this.#key, type: this.type, ...this.#options }, context);
  }
}
