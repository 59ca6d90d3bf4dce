import { ListType, MapType, OptionalType } from "./container-type.ts";
import { JSON_TYPE } from "./json-type.ts";
import type { JsonValue } from "./json-type.ts";
import { RowType } from "./row-type.ts";
import { BOOLEAN_TYPE, DOUBLE_TYPE, INT_TYPE, LONG_TYPE, STRING_TYPE } from "./scalar-type.ts";
import type { TypeInformation } from "./type-information.ts";

/** The TypeScript type that a {@link TypeInformation} describes: `type Quake = TypeOf<typeof Quake>`. */
export type TypeOf<Type extends TypeInformation<unknown>> = Type extends TypeInformation<infer Value> ? Value : never;

/** Fields of a row. */
export type RowFields = Readonly<Record<string, TypeInformation<unknown>>>;

type OptionalFields<Fields extends RowFields> = {
  [Name in keyof Fields]: Fields[Name] extends OptionalType<unknown> ? Name : never;
}[keyof Fields];

type Flat<Type> = { [Name in keyof Type]: Type[Name] };

/** The object type of a row: optional types become optional properties. */
export type RowOf<Fields extends RowFields> = Flat<
  { readonly [Name in Exclude<keyof Fields, OptionalFields<Fields>>]: TypeOf<Fields[Name]> } & {
    readonly [Name in OptionalFields<Fields>]?: Exclude<TypeOf<Fields[Name]>, undefined>;
  }
>;

/**
 * How records, keys and state are declared. Every factory returns an immutable description that checks, writes and
 * reads values; the same declaration may be used any number of times.
 */
export const types = {
  string: (): TypeInformation<string> => STRING_TYPE,
  boolean: (): TypeInformation<boolean> => BOOLEAN_TYPE,
  /** Java's int: a whole number of 32 bits. */
  int: (): TypeInformation<number> => INT_TYPE,
  /** Java's long as a JavaScript number, so only whole numbers that are exact there (up to 2^53 - 1); others are refused. */
  long: (): TypeInformation<number> => LONG_TYPE,
  /** Any number, `NaN` and the infinities included. */
  double: (): TypeInformation<number> => DOUBLE_TYPE,
  /** An object with these fields; others are dropped when a value is checked. */
  row: <const Fields extends RowFields>(fields: Fields): TypeInformation<RowOf<Fields>> =>
    // RowType builds its values field by field, which the compiler cannot follow.
    new RowType(Object.entries(fields)) as unknown as TypeInformation<RowOf<Fields>>,
  list: <T>(element: TypeInformation<T>): TypeInformation<readonly T[]> => new ListType(element),
  /** An object as a map from strings to values of one type. */
  map: <T>(value: TypeInformation<T>): TypeInformation<Readonly<Record<string, T>>> => new MapType(value),
  /** A value that may be `undefined`; a row's field that may be missing. JSON `null` counts as missing. */
  optional: <T>(inner: TypeInformation<T>): OptionalType<T> => new OptionalType(inner),
  /**
   * Any JSON value: needs no declaration, but is written as text, several times slower than a row. The caller vouches for
   * `T`; only that a value is JSON is checked.
   */
  json: <T = JsonValue>(): TypeInformation<T> => JSON_TYPE as unknown as TypeInformation<T>,
} as const;
