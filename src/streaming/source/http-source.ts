import { SluiceException } from "../../common/exceptions.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { HttpSourceReader } from "./http-source-reader.ts";
import type { Source, SourceReader, SourceReaderContext } from "./source.ts";

export interface HttpSourceOptions {
  /** Field that holds the event time in epoch milliseconds; without it records have none. */
  readonly timestampField?: string;
}

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/**
 * Records that are sent to the running job: `POST /v1/sluice/jobs/:jobid/sources/:name/records`, one JSON value per line.
 * What was acknowledged is stored, and read exactly once. While nobody sends anything the job sleeps; the next record
 * wakes it. The source belongs to its job and never ends by itself.
 */
export class HttpSource<T> implements Source<T> {
  readonly name: string;
  readonly bounded = false;
  readonly type: TypeInformation<T>;
  readonly description: string;
  readonly inlet: { readonly name: string } & HttpSourceOptions;

  /**
   * A request with a line that is no value of `type`, or lacks its event time, is refused as a whole.
   *
   * @param name in the path of the request.
   * @throws INVALID_ARGUMENT if the name cannot be one.
   */
  static ndjson<T>(name: string, type: TypeInformation<T>, options: HttpSourceOptions = {}): HttpSource<T> {
    return new HttpSource(name, type, options);
  }

  private constructor(name: string, type: TypeInformation<T>, { timestampField }: HttpSourceOptions) {
    if (typeof name !== "string" || !NAME.test(name)) {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `name: expected up to 64 letters, digits, ".", "_" and "-", got ${showValue(name)}`,
      );
    }
    this.name = name;
    this.inlet = { name, ...(timestampField === undefined ? {} : { timestampField }) };
    this.type = type;
    this.description = `http(${JSON.stringify([name, type.description, timestampField])})`;
  }

  createReader(context: SourceReaderContext): SourceReader<T> {
    return new HttpSourceReader({ inlet: this.inlet, type: this.type }, context);
  }
}
