import { SluiceException } from "../../common/exceptions.ts";
import { DataInputView } from "../../common/types/data-input-view.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { RECORD_BATCH_VERSION, type BinaryColumn, type Column, type RecordBatch } from "./record-batch.ts";

type ReadValue = (index: number) => unknown;

/** Reads batches of one type. */
export class RecordBatchReader {
  readonly #type: TypeInformation<unknown>;

  constructor(type: TypeInformation<unknown>) {
    this.#type = type;
  }

  /**
   * Calls `visit` for every record in order.
   *
   * @throws SERIALIZATION if the batch is of another version or its columns do not fit the type.
   */
  forEach(batch: RecordBatch, visit: (value: unknown, timestamp: number | undefined) => void): void {
    if (batch.version !== RECORD_BATCH_VERSION) {
      throw malformed(`version ${batch.version} is not ${RECORD_BATCH_VERSION}`);
    }
    const columns = batch.columns[Symbol.iterator]();
    const read = columnReader(this.#type, { columns, count: batch.count });
    if (columns.next().done !== true) throw malformed("more columns than the type has");
    for (let index = 0; index < batch.count; index += 1) {
      const timestamp = batch.timestamps?.[index];
      visit(read(index), timestamp === undefined || Number.isNaN(timestamp) ? undefined : timestamp);
    }
  }
}

interface ColumnCursor {
  readonly columns: Iterator<Column>;
  readonly count: number;
}

function columnReader(type: TypeInformation<unknown>, cursor: ColumnCursor): ReadValue {
  const layout = type.column;
  if (layout.kind === "row") {
    const fields = layout.fields.map(([name, fieldType]) => ({ name, read: columnReader(fieldType, cursor) }));
    return (index) => {
      const row: Record<string, unknown> = {};
      for (const field of fields) {
        const value = field.read(index);
        if (value !== undefined) row[field.name] = value;
      }
      return row;
    };
  }
  const next = cursor.columns.next();
  if (next.done === true) throw malformed("fewer columns than the type has");
  const column = next.value;
  switch (layout.kind) {
    case "double":
    case "long":
      return valuesOf(column instanceof Float64Array ? column : undefined, cursor.count);
    case "int":
      return valuesOf(column instanceof Int32Array ? column : undefined, cursor.count);
    case "string":
      return valuesOf(Array.isArray(column) ? column : undefined, cursor.count);
    case "boolean": {
      const read = valuesOf(column instanceof Uint8Array ? column : undefined, cursor.count);
      return (index) => read(index) === 1;
    }
    case "binary":
      return binaryReader(type, { column, count: cursor.count });
  }
}

function valuesOf(column: ArrayLike<unknown> | undefined, count: number): ReadValue {
  if (column?.length !== count) throw malformed("a column of another kind or length than expected");
  return (index) => column[index];
}

function binaryReader(
  type: TypeInformation<unknown>,
  source: { readonly column: Column; readonly count: number },
): ReadValue {
  const { column, count } = source;
  if (!isBinaryColumn(column) || column.offsets.length !== count + 1) {
    throw malformed("a column of another kind or length than expected");
  }
  return (index) =>
    type.deserialize(new DataInputView(column.bytes.subarray(column.offsets[index], column.offsets[index + 1])));
}

function isBinaryColumn(column: Column): column is BinaryColumn {
  return "offsets" in column;
}

function malformed(problem: string): SluiceException {
  return new SluiceException("SERIALIZATION", `record batch: ${problem}`);
}
