/** Whether `value` is an object that is neither `null` nor a list: what JSON calls an object. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
