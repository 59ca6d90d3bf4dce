import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/** The repository these tests look at. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** Time for a test that starts a compiler, a linter or a test runner, on a busy machine too. */
export const TOOL_TIMEOUT_MILLIS = 60_000;

/** All files below a folder of the repository, installed packages and hidden folders aside, as paths relative to the repository. */
export function filesBelow(folder: string, keep: (path: string) => boolean = () => true): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => !/(^|\/)(node_modules|\.[^/]+)\//.test(path) && keep(path))
    .toSorted();
}

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}
