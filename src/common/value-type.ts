/**
 * Anything that turns an untyped value into a `T` or throws an error naming the path and the value: our
 * `TypeInformation` and every zod schema fit.
 */
export interface ValueType<T> {
  parse(value: unknown): T;
}
