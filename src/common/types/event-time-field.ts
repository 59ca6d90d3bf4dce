import { SluiceException } from "../exceptions.ts";
import { showValue } from "./type-mismatch-exception.ts";

/**
 * Event time of a record as it came, before its type dropped what it does not name.
 *
 * @param field `undefined`: the records have none.
 * @throws SERIALIZATION if the field is not epoch milliseconds.
 */
export function eventTimeOf(json: unknown, field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const timestamp =
    typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[field] : undefined;
  if (typeof timestamp === "number" && Number.isSafeInteger(timestamp)) return timestamp;
  throw new SluiceException("SERIALIZATION", `${field}: expected epoch milliseconds, got ${showValue(timestamp)}`);
}
