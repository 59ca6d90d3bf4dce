import { DataOutputBuffer } from "../../common/types/data-output-buffer.ts";
import { TypeMismatchException, typeMismatch } from "../../common/types/type-mismatch-exception.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { Column } from "./record-batch.ts";

const DOUBLE_BYTES = 8;
const INT_BYTES = 4;
const BOOLEAN_BYTES = 1;
const LENGTH_BYTES = 4;
const UTF16_UNIT_BYTES = 2;

/** Collects the values of one type until they become columns. */
export interface ColumnWriter {
  /**
   * @returns the bytes the value takes.
   * @throws TypeMismatchException naming the path; the writer is not usable afterwards.
   */
  append(value: unknown): number;
  /** Appends the finished columns to `columns` and starts anew. */
  finish(columns: Column[]): void;
}

export function columnWriter(type: TypeInformation<unknown>): ColumnWriter {
  switch (type.column.kind) {
    case "double":
      return numberWriter({ check: isNumber, expected: "a number", bytes: DOUBLE_BYTES, finish: float64Column });
    case "long":
      return numberWriter({
        check: isLong,
        expected: "an integer of at most 53 bits",
        bytes: DOUBLE_BYTES,
        finish: float64Column,
      });
    case "int":
      return numberWriter({ check: isInt, expected: "an integer of 32 bits", bytes: INT_BYTES, finish: int32Column });
    case "boolean":
      return booleanWriter();
    case "string":
      return stringWriter();
    case "row":
      return rowWriter(type.column.fields);
    case "binary":
      return binaryWriter(type);
  }
}

const isNumber = (value: number): boolean => typeof value === "number";
const isLong = (value: number): boolean => Number.isSafeInteger(value);
const isInt = (value: number): boolean => (value | 0) === value;
const float64Column = (values: readonly number[]): Column => Float64Array.from(values);
const int32Column = (values: readonly number[]): Column => Int32Array.from(values);

interface NumberColumn {
  readonly check: (value: number) => boolean;
  readonly expected: string;
  readonly bytes: number;
  readonly finish: (values: readonly number[]) => Column;
}

function numberWriter(column: NumberColumn): ColumnWriter {
  let values: number[] = [];
  return {
    append: (value) => {
      if (typeof value !== "number" || !column.check(value)) throw typeMismatch(column.expected, value);
      values.push(value);
      return column.bytes;
    },
    finish: (columns) => {
      columns.push(column.finish(values));
      values = [];
    },
  };
}

function booleanWriter(): ColumnWriter {
  let values: number[] = [];
  return {
    append: (value) => {
      if (typeof value !== "boolean") throw typeMismatch("true or false", value);
      values.push(value ? 1 : 0);
      return BOOLEAN_BYTES;
    },
    finish: (columns) => {
      columns.push(Uint8Array.from(values));
      values = [];
    },
  };
}

function stringWriter(): ColumnWriter {
  let values: string[] = [];
  return {
    append: (value) => {
      if (typeof value !== "string") throw typeMismatch("a string", value);
      values.push(value);
      return LENGTH_BYTES + UTF16_UNIT_BYTES * value.length;
    },
    finish: (columns) => {
      columns.push(values);
      values = [];
    },
  };
}

function rowWriter(fields: readonly (readonly [name: string, type: TypeInformation<unknown>])[]): ColumnWriter {
  const names = fields.map(([name]) => name);
  const writers = fields.map(([, type]) => columnWriter(type));
  return {
    append: (value) => {
      if (!isRecord(value)) throw typeMismatch("an object", value);
      let bytes = 0;
      let field = "";
      try {
        for (const [index, writer] of writers.entries()) {
          field = names[index] ?? "";
          bytes += writer.append(value[field]);
        }
      } catch (error) {
        throw error instanceof TypeMismatchException ? error.within(field) : error;
      }
      return bytes;
    },
    finish: (columns) => {
      for (const writer of writers) writer.finish(columns);
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function binaryWriter(type: TypeInformation<unknown>): ColumnWriter {
  const output = new DataOutputBuffer();
  let offsets = [0];
  return {
    append: (value) => {
      const start = output.length;
      type.serialize(type.parse(value), output);
      offsets.push(output.length);
      return output.length - start + LENGTH_BYTES;
    },
    finish: (columns) => {
      columns.push({ bytes: output.toUint8Array(), offsets: Uint32Array.from(offsets) });
      output.clear();
      offsets = [0];
    },
  };
}
