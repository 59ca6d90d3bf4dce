import type { ValueType } from "../value-type.ts";
import type { DataInput, DataOutput } from "./data-io.ts";

/**
 * The type of records, keys or state: check, serialise, compare across versions (Flink `TypeInformation` and
 * `TypeSerializer` in one). Instances are immutable and made by `types.*`.
 */
export interface TypeInformation<T> extends ValueType<T> {
  /** Text form, equal for equal types: `row<net:string,mag:double>`. Part of the graph's hash. */
  readonly description: string;
  /** @throws SluiceException SERIALIZATION naming the path and the value if `value` is no `T`. */
  parse(value: unknown): T;
  serialize(value: T, output: DataOutput): void;
  deserialize(input: DataInput): T;
  /** What a snapshot records of this serializer. */
  snapshot(): SerializerSnapshot;
  /** How data written under `written` can be read by this type. */
  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<T>;
  /**
   * How the batch format lays out a column of this type. `row` columns are one column per field; `binary` is the
   * serialised form.
   */
  readonly column: ColumnLayout;
}

export type ColumnLayout =
  | { readonly kind: "double" }
  | { readonly kind: "long" }
  | { readonly kind: "int" }
  | { readonly kind: "boolean" }
  | { readonly kind: "string" }
  | { readonly kind: "row"; readonly fields: readonly (readonly [name: string, type: TypeInformation<unknown>])[] }
  | { readonly kind: "binary" };

/** Identity of a serializer in a checkpoint: plain JSON. */
export interface SerializerSnapshot {
  readonly id: string;
  readonly version: number;
  /** Parameters, such as the fields of a row with their own snapshots. */
  readonly parameters?: unknown;
}

export type SerializerCompatibility<T> =
  | { readonly kind: "as-is" }
  | { readonly kind: "migrate"; readonly read: (input: DataInput) => T }
  | { readonly kind: "incompatible"; readonly reason: string };
