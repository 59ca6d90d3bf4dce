import { SluiceException } from "../exceptions.ts";
import { ListType, MapType, OptionalType } from "./container-type.ts";
import type { DataInput, DataOutput } from "./data-io.ts";
import { JSON_TYPE } from "./json-type.ts";
import { isPlainObject } from "./plain-object.ts";
import { BOOLEAN_TYPE, DOUBLE_TYPE, INT_TYPE, LONG_TYPE, STRING_TYPE } from "./scalar-type.ts";
import { incompatible, readerOf } from "./serializer-compatibility.ts";
import { innerSnapshot, malformed, rowSnapshotFields } from "./serializer-snapshot.ts";
import type { ColumnLayout, SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";
import { inStep, typeMismatch } from "./type-mismatch-exception.ts";

const VERSION = 1;

type Reader = (input: DataInput) => unknown;
type Compatibility = SerializerCompatibility<unknown>;
type Row = Record<string, unknown>;
type Field = readonly [name: string, type: TypeInformation<unknown>];

/**
 * Named fields in declared order. `parse` makes a new object with these fields only. Across versions fields are matched
 * by name: an optional field may be added, a field may be removed or moved, one that was required may become optional.
 */
export class RowType implements TypeInformation<Row> {
  readonly description: string;
  readonly column: ColumnLayout;
  readonly fields: readonly Field[];

  /** @throws INVALID_ARGUMENT for a field whose name would change an object's prototype. */
  constructor(fields: readonly Field[]) {
    if (fields.some(([name]) => name === "__proto__")) {
      throw new SluiceException("INVALID_ARGUMENT", "types.row: __proto__ is no name for a field");
    }
    this.fields = fields;
    this.description = `row<${fields.map(([name, type]) => `${fieldName(name)}:${type.description}`).join(",")}>`;
    this.column = { kind: "row", fields };
  }

  parse(value: unknown): Row {
    if (!isPlainObject(value)) throw typeMismatch("an object", value);
    return this.#build(([name, type]) =>
      inStep(name, () => type.parse(Object.hasOwn(value, name) ? value[name] : undefined)),
    );
  }

  serialize(value: Row, output: DataOutput): void {
    for (const [name, type] of this.fields) type.serialize(value[name], output);
  }

  deserialize(input: DataInput): Row {
    return this.#build(([, type]) => type.deserialize(input));
  }

  snapshot(): SerializerSnapshot {
    const fields = this.fields.map(([name, type]) => ({ name, serializer: type.snapshot() }));
    return { id: "row", version: VERSION, parameters: { fields } };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<Row> {
    if (written.id !== "row" || written.version !== VERSION) return incompatible(this.description, written);
    const writtenFields = rowSnapshotFields(written);
    const own = new Map(this.fields);
    const writtenNames = new Set(writtenFields.map((field) => field.name));
    for (const [name, type] of this.fields) {
      if (!writtenNames.has(name) && !(type instanceof OptionalType)) {
        return { kind: "incompatible", reason: `${name}: the field is new and not optional` };
      }
    }
    const readers: [name: string | undefined, read: Reader][] = [];
    let asIs = writtenFields.length === this.fields.length;
    for (const [index, field] of writtenFields.entries()) {
      const type = own.get(field.name) ?? typeFromSnapshot(field.serializer);
      const compatibility: Compatibility = type.resolveCompatibility(field.serializer);
      const read = readerOf(type, compatibility);
      if (compatibility.kind === "incompatible" || read === undefined) return within(field.name, compatibility);
      readers.push([own.has(field.name) ? field.name : undefined, read]);
      asIs &&= compatibility.kind === "as-is" && this.fields[index]?.[0] === field.name;
    }
    return asIs ? { kind: "as-is" } : { kind: "migrate", read: (input) => this.#migrate(input, readers) };
  }

  #migrate(input: DataInput, readers: readonly (readonly [name: string | undefined, read: Reader])[]): Row {
    const found = new Map<string | undefined, unknown>();
    for (const [name, read] of readers) found.set(name, read(input));
    return this.#build(([name]) => found.get(name));
  }

  /** In declared order, so that all rows of a type share one shape. */
  #build(valueOf: (field: Field) => unknown): Row {
    const row: Row = {};
    for (const field of this.fields) {
      const value = valueOf(field);
      if (value !== undefined) row[field[0]] = value;
    }
    return row;
  }
}

/**
 * A type that reads what was written under `snapshot`.
 *
 * @throws STATE_MIGRATION if the snapshot is of an unknown kind or malformed.
 */
export function typeFromSnapshot(snapshot: SerializerSnapshot): TypeInformation<unknown> {
  switch (snapshot.id) {
    case "string":
      return STRING_TYPE;
    case "boolean":
      return BOOLEAN_TYPE;
    case "int":
      return INT_TYPE;
    case "long":
      return LONG_TYPE;
    case "double":
      return DOUBLE_TYPE;
    case "json":
      return JSON_TYPE;
    case "optional":
      return new OptionalType(typeFromSnapshot(innerSnapshot(snapshot)));
    case "list":
      return new ListType(typeFromSnapshot(innerSnapshot(snapshot)));
    case "map":
      return new MapType(typeFromSnapshot(innerSnapshot(snapshot)));
    case "row":
      return new RowType(
        rowSnapshotFields(snapshot).map(({ name, serializer }) => [name, typeFromSnapshot(serializer)]),
      );
    default:
      throw malformed(snapshot);
  }
}

function within(step: string, compatibility: Compatibility): { kind: "incompatible"; reason: string } {
  const reason = compatibility.kind === "incompatible" ? compatibility.reason : "incompatible";
  return { kind: "incompatible", reason: `${step}: ${reason}` };
}

/** A name that could be taken for part of the description is quoted. */
function fieldName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
