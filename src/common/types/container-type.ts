import type { DataInput, DataOutput } from "./data-io.ts";
import { isPlainObject } from "./plain-object.ts";
import { incompatible, readerOf } from "./serializer-compatibility.ts";
import { innerSnapshot } from "./serializer-snapshot.ts";
import type { ColumnLayout, SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";
import { inStep, typeMismatch } from "./type-mismatch-exception.ts";

const VERSION = 1;
const BINARY: ColumnLayout = { kind: "binary" };

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

function readList<T>(input: DataInput, read: (input: DataInput) => T): T[] {
  const length = input.readVarint();
  const list: T[] = [];
  for (let index = 0; index < length; index++) list.push(read(input));
  return list;
}

function readMap<T>(input: DataInput, read: (input: DataInput) => T): Record<string, T> {
  return Object.fromEntries(readList(input, (from): [string, T] => [from.readString(), read(from)]));
}
