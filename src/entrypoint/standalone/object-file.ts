import { join, sep } from "node:path";

const EXTENSION = ".sqlite";
/** What common file systems take as a name. */
const MAX_NAME = 240;

/** Kind of the object at `address`, `undefined` if it is none: `<kind>/<id>` or `v1/<jurisdiction>/<cluster>/<kind>/<id>`. */
export function kindOf(address: string): string | undefined {
  const parts = address.split("/");
  if (parts.some((part) => part === "" || encoded(part).length > MAX_NAME)) return undefined;
  if (parts.length === 2) return parts[0];
  return parts.length === 5 && parts[0] === "v1" ? parts[3] : undefined;
}

/** Path of the file of the object at `address`. */
export function fileOf(address: string): string {
  return join(...address.split("/").map(encoded)) + EXTENSION;
}

/** The inverse of {@link fileOf}; `undefined` for other files. */
export function addressOf(path: string): string | undefined {
  if (!path.endsWith(EXTENSION)) return undefined;
  return path.slice(0, -EXTENSION.length).split(sep).map(decoded).join("/");
}

/** Upper case is encoded too: some file systems take `A` and `a` for one. */
function encoded(part: string): string {
  return part.replace(/[^a-z0-9_-]/gu, (letter) =>
    Array.from(new TextEncoder().encode(letter), (byte) => `=${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

function decoded(name: string): string {
  return decodeURIComponent(name.replaceAll("=", "%"));
}
