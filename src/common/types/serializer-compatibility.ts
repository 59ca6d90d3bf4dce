import type { DataInput } from "./data-io.ts";
import type { SerializerCompatibility, SerializerSnapshot, TypeInformation } from "./type-information.ts";

/** The verdict for data of another kind or a later version. */
export function incompatible(
  description: string,
  written: SerializerSnapshot,
): { kind: "incompatible"; reason: string } {
  return {
    kind: "incompatible",
    reason: `expected ${description}, the snapshot holds ${written.id} version ${written.version}`,
  };
}

/** The reader of a compatible verdict. `undefined` if it is incompatible. */
export function readerOf<T>(
  type: TypeInformation<T>,
  compatibility: SerializerCompatibility<T>,
): ((input: DataInput) => T) | undefined {
  switch (compatibility.kind) {
    case "as-is":
      return (input) => type.deserialize(input);
    case "migrate":
      return compatibility.read;
    case "incompatible":
      return undefined;
  }
}
