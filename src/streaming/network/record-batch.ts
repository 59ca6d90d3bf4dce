/** Version of the record batch format; a batch of another version is refused. */
export const RECORD_BATCH_VERSION = 1;

/**
 * Records of one type as columns (record batch format v1): what crosses between tasks. Plain data that structured clone
 * and Workers RPC copy as it is. A row is one column per field, depth first in the order of its type; nothing of the
 * type is in the batch, both ends know it from the graph.
 */
export interface RecordBatch {
  /** {@link RECORD_BATCH_VERSION} of the writer. */
  readonly version: number;
  /** Number of records; every column has as many values. */
  readonly count: number;
  /** Size for credit and metrics: bytes of the columns, strings at two bytes per UTF-16 unit plus a length. */
  readonly byteLength: number;
  /** Event times in epoch milliseconds, `NaN` for a record without; absent if no record has one. */
  readonly timestamps?: Float64Array;
  readonly columns: readonly Column[];
}

/**
 * By layout of the type: double and long `Float64Array`, int `Int32Array`, boolean `Uint8Array` of 0 and 1, string an
 * array, everything else {@link BinaryColumn}.
 */
export type Column = Float64Array | Int32Array | Uint8Array | readonly string[] | BinaryColumn;

/** Serialised values behind one another; value `i` lies from `offsets[i]` to `offsets[i + 1]`. */
export interface BinaryColumn {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}
