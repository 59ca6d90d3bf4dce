import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/** The repository these tests look at. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** All files below a folder of the repository, as paths relative to the repository; empty if there is no such folder. */
export function filesBelow(folder: string, keep: (path: string) => boolean = () => true): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter(keep)
    .toSorted();
}

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}
