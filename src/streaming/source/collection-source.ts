import { DataOutputBuffer } from "../../common/types/data-output-buffer.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { inStep } from "../../common/types/type-mismatch-exception.ts";
import { IndexedSourceReader } from "./indexed-source-reader.ts";
import type { Source, SourceReader, SourceReaderContext } from "./source.ts";

export interface CollectionSourceOptions<T> {
  /** Event time in epoch milliseconds; without it records have none. */
  readonly timestampOf?: (value: T) => number;
}

/** A few records that are part of the program. Several subtasks share them, every n-th each. */
export class CollectionSource<T> implements Source<T> {
  readonly name = "Collection";
  readonly bounded = true;
  readonly type: TypeInformation<T>;
  readonly description: string;
  readonly #values: readonly T[];
  readonly #options: CollectionSourceOptions<T>;

  /** @throws SERIALIZATION naming the element that is none of the type. */
  static of<T>(
    values: readonly T[],
    type: TypeInformation<T>,
    options: CollectionSourceOptions<T> = {},
  ): CollectionSource<T> {
    return new CollectionSource(values, type, options);
  }

  private constructor(values: readonly T[], type: TypeInformation<T>, options: CollectionSourceOptions<T>) {
    this.type = type;
    this.#values = values.map((value, index) => inStep(`[${index}]`, () => type.parse(value)));
    this.#options = options;
    this.description = `collection(${type.description},${this.#contentHex()})`;
  }

  createReader(context: SourceReaderContext): SourceReader<T> {
    const values = this.#values;
    return new IndexedSourceReader<T>(
      {
        count: values.length,
        // The reader stays below the count, and an element may be undefined itself.
        at: (index) => values[index] as T,
        timestampOf: (value) => this.#options.timestampOf?.(value),
      },
      context,
    );
  }

  /** The records are part of the graph: two builds with different ones are different graphs. */
  #contentHex(): string {
    const output = new DataOutputBuffer();
    for (const value of this.#values) this.type.serialize(value, output);
    return output.toUint8Array().reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "");
  }
}
