import { SluiceException } from "../exceptions.ts";
import { isPlainObject } from "./plain-object.ts";
import type { SerializerSnapshot } from "./type-information.ts";
import { showValue } from "./type-mismatch-exception.ts";

/** Whether data read from a checkpoint has the shape of a {@link SerializerSnapshot}. */
export function isSerializerSnapshot(value: unknown): value is SerializerSnapshot {
  return isPlainObject(value) && typeof value["id"] === "string" && Number.isSafeInteger(value["version"]);
}

/**
 * What an `optional`, `list` or `map` is one of.
 *
 * @throws STATE_MIGRATION if the snapshot is malformed.
 */
export function innerSnapshot(snapshot: SerializerSnapshot): SerializerSnapshot {
  const { parameters } = snapshot;
  if (isPlainObject(parameters) && isSerializerSnapshot(parameters["inner"])) return parameters["inner"];
  throw malformed(snapshot);
}

/**
 * The fields of a `row`.
 *
 * @throws STATE_MIGRATION if the snapshot is malformed.
 */
export function rowSnapshotFields(snapshot: SerializerSnapshot): { name: string; serializer: SerializerSnapshot }[] {
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

export function malformed(snapshot: SerializerSnapshot): SluiceException {
  return new SluiceException("STATE_MIGRATION", `unknown or malformed serializer snapshot ${showValue(snapshot)}`);
}
