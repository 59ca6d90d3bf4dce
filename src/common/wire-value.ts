import { SluiceException } from "./exceptions.ts";

/**
 * The closed list of values that cross a border (calls, replies, stored values). Plain data only: no functions, class
 * instances, errors (pass `toErrorData(error)`), promises, symbols, URLs. `checkWireValue` decides; the type is a guide.
 */
export type WireValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | ArrayBuffer
  | WireTypedArray
  | readonly WireValue[]
  | ReadonlyMap<WireValue, WireValue>
  | ReadonlySet<WireValue>
  | { readonly [key: string]: WireValue };

export type WireTypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Deeper nesting is refused; a value that contains itself ends here too. */
export const MAX_WIRE_DEPTH = 200;

// Approximate sizes of the structured-clone form; what the mailbox and the message limit count.
const SCALAR_BYTES = 9;
const CONTAINER_BYTES = 4;

/** A copy together with its approximate size on the wire. */
export interface Measured<T> {
  readonly value: T;
  readonly bytes: number;
}

/**
 * Throws unless `value` is of the wire's closed list.
 *
 * @param path how the error names the value, e.g. `Counter.increment argument 0`; members are appended (`.a[2]`).
 * @throws SluiceException `SERIALIZATION`, naming the path of the first bad value and what it is.
 */
export function checkWireValue(value: unknown, path: string): asserts value is WireValue {
  copyMeasured(value, path);
}

/** {@link copyMeasured} without the size. */
export function copyWireValue<T>(value: T, path: string): T {
  return copyMeasured(value, path).value;
}

/**
 * Checks and deep-copies in one pass. The copy shares nothing with the original. Normalised on the way: null-prototype
 * objects become plain ones (rows of SQL drivers), `Buffer` becomes `Uint8Array`, a view copies only what it shows,
 * accessors become their values, holes of arrays become `undefined`. Shared references are copied once per reference.
 *
 * @throws as {@link checkWireValue}.
 */
export function copyMeasured<T>(value: T, path: string): Measured<T> {
  // The commonest of all values need neither a copy nor a path.
  if (typeof value === "number" || typeof value === "boolean") return { value, bytes: SCALAR_BYTES };
  if (typeof value === "string") return { value, bytes: CONTAINER_BYTES + value.length };
  const copier = new Copier(path);
  const copy = copier.copy(value, 0);
  // The copier rebuilds exactly the shape it was given.
  return { value: copy as T, bytes: copier.bytes };
}

type Step = string | number | { readonly step: string };

class Copier {
  bytes = 0;
  readonly #root: string;
  // Where the value in hand is: keys, indexes, and other steps as text; joined only when an error has to name it.
  readonly #path: Step[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        this.bytes += CONTAINER_BYTES + value.length;
        return value;
      case "number":
      case "boolean":
      case "undefined":
        this.bytes += SCALAR_BYTES;
        return value;
      case "bigint":
        this.bytes += SCALAR_BYTES + (value >> 63n === 0n ? 0 : value.toString(16).length / 2);
        return value;
      case "object":
        return value === null ? this.#null() : this.#object(value, depth);
      default:
        return this.#refuse(`a ${typeof value}`);
    }
  }

  #null(): null {
    this.bytes += SCALAR_BYTES;
    return null;
  }

  #object(value: object, depth: number): unknown {
    if (depth >= MAX_WIRE_DEPTH) this.#refuse(`nested deeper than ${MAX_WIRE_DEPTH} levels, or contains itself`);
    if (Array.isArray(value)) return this.#array(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#record(value, depth);
    if (prototype === Map.prototype && value instanceof Map) return this.#map(value, depth);
    if (prototype === Set.prototype && value instanceof Set) return this.#set(value, depth);
    if (prototype === Date.prototype && value instanceof Date) {
      this.bytes += SCALAR_BYTES;
      return new Date(value.getTime());
    }
    if (value instanceof ArrayBuffer) return this.#counted(value.slice(0));
    if (ArrayBuffer.isView(value)) {
      const kind = typedArrayKind(value);
      if (kind !== undefined) return this.#counted(kind.copy(value));
    }
    return this.#refuse(describeInstance(value));
  }

  #counted<B extends { readonly byteLength: number }>(copy: B): B {
    this.bytes += CONTAINER_BYTES + copy.byteLength;
    return copy;
  }

  #array(values: readonly unknown[], depth: number): unknown[] {
    this.bytes += CONTAINER_BYTES;
    const copy: unknown[] = [];
    for (let index = 0; index < values.length; index += 1) copy.push(this.#member(index, values[index], depth));
    return copy;
  }

  #record(record: object, depth: number): Record<string, unknown> {
    this.bytes += CONTAINER_BYTES;
    for (const symbol of Object.getOwnPropertySymbols(record)) {
      if (Object.prototype.propertyIsEnumerable.call(record, symbol))
        this.#refuse(`an object with the key ${String(symbol)}`);
    }
    const copy: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(record)) {
      this.bytes += CONTAINER_BYTES + key.length;
      setOwn(copy, key, this.#member(key, member, depth));
    }
    return copy;
  }

  #map(map: ReadonlyMap<unknown, unknown>, depth: number): Map<unknown, unknown> {
    this.bytes += CONTAINER_BYTES;
    const copy = new Map<unknown, unknown>();
    let index = 0;
    for (const [key, member] of map) {
      const keyCopy = this.#member({ step: `.key(${index})` }, key, depth);
      copy.set(keyCopy, this.#member({ step: `.value(${index})` }, member, depth));
      index += 1;
    }
    return copy;
  }

  #set(set: ReadonlySet<unknown>, depth: number): Set<unknown> {
    this.bytes += CONTAINER_BYTES;
    const copy = new Set<unknown>();
    let index = 0;
    for (const member of set) {
      copy.add(this.#member({ step: `.member(${index})` }, member, depth));
      index += 1;
    }
    return copy;
  }

  #member(step: Step, value: unknown, depth: number): unknown {
    // A scalar cannot be refused, and needs no path.
    if (typeof value === "number" || typeof value === "string") return this.copy(value, depth + 1);
    this.#path.push(step);
    const copy = this.copy(value, depth + 1);
    this.#path.pop();
    return copy;
  }

  #refuse(what: string): never {
    const path = this.#path.slice(0, 12).map(stepText).join("");
    const more = this.#path.length > 12 ? "..." : "";
    throw new SluiceException("SERIALIZATION", `${this.#root}${path}${more}: ${what} cannot be sent or stored`);
  }
}

/** Sets an own property whatever the key is called: plain assignment to `__proto__` would change the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function stepText(step: Step): string {
  if (typeof step === "object") return step.step;
  return typeof step === "number" ? `[${step}]` : memberPath(step);
}

function memberPath(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function describeInstance(value: object): string {
  if (value instanceof Error) return `an ${value.name} (use toErrorData)`;
  if (value instanceof Promise) return "a Promise";
  return `an instance of ${classNameOf(value) || "an unnamed class"}`;
}

/** Name of the class of `value` for messages; empty if it has none. */
export function classNameOf(value: object): string {
  const prototype: { readonly constructor?: unknown } | null = Reflect.getPrototypeOf(value);
  return typeof prototype?.constructor === "function" ? prototype.constructor.name : "";
}

/** One kind of typed array: how it is called, rebuilt from bytes, and copied. */
export interface TypedArrayKind {
  readonly name: string;
  fromBytes(bytes: ArrayBuffer): WireTypedArray;
  copy(view: ArrayBufferView): WireTypedArray;
}

function kindOf(name: string, fromBytes: (bytes: ArrayBuffer) => WireTypedArray): TypedArrayKind {
  const copy = (view: ArrayBufferView): WireTypedArray => {
    const bytes = new Uint8Array(view.byteLength);
    bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    return fromBytes(bytes.buffer);
  };
  return { name, fromBytes, copy };
}

const TYPED_ARRAY_KINDS: ReadonlyMap<string, TypedArrayKind> = new Map(
  [
    kindOf("Int8Array", (bytes) => new Int8Array(bytes)),
    kindOf("Uint8Array", (bytes) => new Uint8Array(bytes)),
    kindOf("Uint8ClampedArray", (bytes) => new Uint8ClampedArray(bytes)),
    kindOf("Int16Array", (bytes) => new Int16Array(bytes)),
    kindOf("Uint16Array", (bytes) => new Uint16Array(bytes)),
    kindOf("Int32Array", (bytes) => new Int32Array(bytes)),
    kindOf("Uint32Array", (bytes) => new Uint32Array(bytes)),
    kindOf("Float32Array", (bytes) => new Float32Array(bytes)),
    kindOf("Float64Array", (bytes) => new Float64Array(bytes)),
    kindOf("BigInt64Array", (bytes) => new BigInt64Array(bytes)),
    kindOf("BigUint64Array", (bytes) => new BigUint64Array(bytes)),
  ].map((kind) => [kind.name, kind]),
);

/** The kind of `view`, or `undefined` for a DataView or one that the closed list lacks. */
export function typedArrayKind(view: ArrayBufferView): TypedArrayKind | undefined {
  // The tag is the class's own, also for subclasses such as Buffer.
  return TYPED_ARRAY_KINDS.get(Object.prototype.toString.call(view).slice("[object ".length, -1));
}

export function typedArrayKindByName(name: string): TypedArrayKind | undefined {
  return TYPED_ARRAY_KINDS.get(name);
}
