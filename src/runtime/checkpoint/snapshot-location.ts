import { SluiceException } from "../../common/exceptions.ts";

/** The object that makes a directory a snapshot. */
export const METADATA = "_metadata";

/** One or more names joined by single slashes; none is `.` or `..`. */
const PATH = /^(?!\.{1,2}(?:\/|$))[\w.=-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.=-]+)*$/;
const SAVEPOINTS = "savepoints/";
/** Where savepoints go that name no other place. */
export const DEFAULT_SAVEPOINT_DIRECTORY = "savepoints";
const RETAINED = /^(jobs\/[0-9a-f]{32}\/)chk-\d+\/$/;

/**
 * Where a savepoint or a retained checkpoint lies in the object store of its cluster. Users name it by its directory or its
 * `_metadata` object: `savepoints/<path>`, `jobs/<job>/chk-<n>`.
 */
export class SnapshotLocation {
  /** Logical prefix of its objects, with the slash at its end. */
  readonly directory: string;

  /**
   * @param text as a user wrote it.
   * @throws INVALID_ARGUMENT saying what was expected.
   */
  static parse(text: string): SnapshotLocation {
    const trimmed = text.replace(/^\/+|\/+$/g, "");
    const path = trimmed.endsWith(`/${METADATA}`) ? trimmed.slice(0, -METADATA.length - 1) : trimmed;
    const directory = `${path}/`;
    const known = directory.startsWith(SAVEPOINTS) || RETAINED.test(directory);
    if (PATH.test(path) && known) return new SnapshotLocation(directory);
    throw new SluiceException(
      "INVALID_ARGUMENT",
      `expected savepoints/<path> or jobs/<job id>/chk-<n>, got ${JSON.stringify(text)}`,
    );
  }

  /**
   * A directory of its own for a savepoint.
   *
   * @param target the directory to create it in, `savepoints/<path>` or just `<path>`; empty for `savepoints` itself.
   * @throws INVALID_ARGUMENT if it is no path of names.
   */
  static newSavepoint(target: string, name: string): SnapshotLocation {
    const trimmed = `${target.replace(/^\/+|\/+$/g, "")}/`;
    const parent = trimmed.startsWith(SAVEPOINTS) ? trimmed.slice(SAVEPOINTS.length) : trimmed.replace(/^\/$/, "");
    if (parent !== "" && !PATH.test(parent.slice(0, -1))) {
      throw new SluiceException(
        "INVALID_ARGUMENT",
        `expected a path of names made of letters, digits, ".", "_", "=" and "-", got ${JSON.stringify(target)}`,
      );
    }
    return new SnapshotLocation(`${SAVEPOINTS}${parent}${name}/`);
  }

  private constructor(directory: string) {
    this.directory = directory;
  }

  get isSavepoint(): boolean {
    return this.directory.startsWith(SAVEPOINTS);
  }

  /** Of a retained checkpoint: what its job's `state/` means to other jobs. */
  get jobDirectory(): string | undefined {
    return RETAINED.exec(this.directory)?.[1];
  }

  /** As users see it. */
  toString(): string {
    return this.directory.slice(0, -1);
  }
}
