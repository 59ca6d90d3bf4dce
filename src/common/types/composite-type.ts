import { SluiceException } from "../exceptions.ts";
import type { DataInput, DataOutput } from "./data-io.ts";
import { JSON_TYPE } from "./json-type.ts";
import { BOOLEAN_TYPE, DOUBLE_TYPE, INT_TYPE, LONG_TYPE, STRING_TYPE } from "./scalar-type.ts";
import { incompatible, readerOf } from "./serializer-compatibility.ts";
import type { ColumnLayout, SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";
import { inStep, showValue, typeMismatch } from "./type-mismatch-exception.ts";

const VERSION = 1;
const BINARY: ColumnLayout = { kind: "binary" };

type Reader = (input: DataInput) => unknown;
type Compatibility = SerializerCompatibility<unknown>;

/** A value that may be absent. As a row's field its name is optional; a JSON `null` counts as absent. */
export class OptionalType<T> implements TypeInformation<T | undefined> {
  readonly description: string;
  readonly column = BINARY;
  readonly inner: TypeInformation<T>;

  constructor(inner: TypeInformation<T>) {
    this.inner = inner;
    this.description = `optional<${inner.description}>`;
  }

  parse(value: unknown): T | undefined {
    return value === undefined || value === null ? undefined : this.inner.parse(value);
  }

  serialize(value: T | undefined, output: DataOutput): void {
    output.writeByte(value === undefined ? 0 : 1);
    if (value !== undefined) this.inner.serialize(value, output);
  }

  deserialize(input: DataInput): T | undefined {
    return input.readByte() === 0 ? undefined : this.inner.deserialize(input);
  }

  snapshot(): SerializerSnapshot {
    return { id: "optional", version: VERSION, parameters: { inner: this.inner.snapshot() } };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<T | undefined> {
    const isOptional = written.id === "optional" && written.version === VERSION;
    const compatibility = this.inner.resolveCompatibility(isOptional ? innerSnapshot(written) : written);
    if (isOptional && compatibility.kind === "as-is") return compatibility;
    const read = readerOf(this.inner, compatibility);
    if (read === undefined) return incompatible(this.description, written);
    if (!isOptional) return { kind: "migrate", read };
    return { kind: "migrate", read: (input) => (input.readByte() === 0 ? undefined : read(input)) };
  }
}

export class ListType<T> implements TypeInformation<readonly T[]> {
  readonly description: string;
  readonly column = BINARY;
  readonly #element: TypeInformation<T>;

  constructor(element: TypeInformation<T>) {
    this.#element = element;
    this.description = `list<${element.description}>`;
  }

  parse(value: unknown): readonly T[] {
    if (!Array.isArray(value)) throw typeMismatch("a list", value);
    return value.map((element: unknown, index) => inStep(`[${index}]`, () => this.#element.parse(element)));
  }

  serialize(value: readonly T[], output: DataOutput): void {
    output.writeVarint(value.length);
    for (const element of value) this.#element.serialize(element, output);
  }

  deserialize(input: DataInput): readonly T[] {
    return readList(input, (from) => this.#element.deserialize(from));
  }

  snapshot(): SerializerSnapshot {
    return { id: "list", version: VERSION, parameters: { inner: this.#element.snapshot() } };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<readonly T[]> {
    if (written.id !== "list" || written.version !== VERSION) return incompatible(this.description, written);
    const compatibility = this.#element.resolveCompatibility(innerSnapshot(written));
    if (compatibility.kind !== "migrate") return compatibility;
    return { kind: "migrate", read: (input) => readList(input, compatibility.read) };
  }
}

/** String-keyed map as a plain object, which is what it is in JSON. Entries keep their order. */
export class MapType<T> implements TypeInformation<Readonly<Record<string, T>>> {
  readonly description: string;
  readonly column = BINARY;
  readonly #value: TypeInformation<T>;

  constructor(value: TypeInformation<T>) {
    this.#value = value;
    this.description = `map<${value.description}>`;
  }

  parse(value: unknown): Readonly<Record<string, T>> {
    if (!isPlainObject(value)) throw typeMismatch("an object", value);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, inStep(key, () => this.#value.parse(item))]),
    );
  }

  serialize(value: Readonly<Record<string, T>>, output: DataOutput): void {
    const entries = Object.entries(value);
    output.writeVarint(entries.length);
    for (const [key, item] of entries) {
      output.writeString(key);
      this.#value.serialize(item, output);
    }
  }

  deserialize(input: DataInput): Readonly<Record<string, T>> {
    return readMap(input, (from) => this.#value.deserialize(from));
  }

  snapshot(): SerializerSnapshot {
    return { id: "map", version: VERSION, parameters: { inner: this.#value.snapshot() } };
  }

  resolveCompatibility(written: SerializerSnapshot): SerializerCompatibility<Readonly<Record<string, T>>> {
    if (written.id !== "map" || written.version !== VERSION) return incompatible(this.description, written);
    const compatibility = this.#value.resolveCompatibility(innerSnapshot(written));
    if (compatibility.kind !== "migrate") return compatibility;
    return { kind: "migrate", read: (input) => readMap(input, compatibility.read) };
  }
}

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
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw typeMismatch("an object", value);
    const given: Partial<Row> = value;
    return this.#build(([name, type]) =>
      inStep(name, () => type.parse(Object.hasOwn(given, name) ? given[name] : undefined)),
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

function readList<T>(input: DataInput, read: (input: DataInput) => T): T[] {
  const length = input.readVarint();
  const list: T[] = [];
  for (let index = 0; index < length; index++) list.push(read(input));
  return list;
}

function readMap<T>(input: DataInput, read: (input: DataInput) => T): Record<string, T> {
  return Object.fromEntries(readList(input, (from): [string, T] => [from.readString(), read(from)]));
}

function innerSnapshot(snapshot: SerializerSnapshot): SerializerSnapshot {
  const { parameters } = snapshot;
  if (isPlainObject(parameters) && isSerializerSnapshot(parameters["inner"])) return parameters["inner"];
  throw malformed(snapshot);
}

function rowSnapshotFields(snapshot: SerializerSnapshot): { name: string; serializer: SerializerSnapshot }[] {
  const { parameters } = snapshot;
  const fields: unknown = isPlainObject(parameters) ? parameters["fields"] : undefined;
  if (!Array.isArray(fields)) throw malformed(snapshot);
  return fields.map((field: unknown) => {
    if (!isPlainObject(field)) throw malformed(snapshot);
    const { name, serializer } = field;
    if (typeof name !== "string" || !isSerializerSnapshot(serializer)) throw malformed(snapshot);
    return { name, serializer };
  });
}

/** Whether data read from a checkpoint has the shape of a {@link SerializerSnapshot}. */
export function isSerializerSnapshot(value: unknown): value is SerializerSnapshot {
  return isPlainObject(value) && typeof value["id"] === "string" && Number.isSafeInteger(value["version"]);
}

function malformed(snapshot: SerializerSnapshot): SluiceException {
  return new SluiceException("STATE_MIGRATION", `unknown or malformed serializer snapshot ${showValue(snapshot)}`);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A name that could be taken for part of the description is quoted. */
function fieldName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
