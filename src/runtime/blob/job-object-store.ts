import type { JobID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ByteRange, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "./object-store.ts";

/** Where everything of a cluster lies. */
export function clusterPrefix(cluster: string): string {
  return `v1/${cluster}/`;
}

/** Where a cluster's uploaded objects lie. */
export function objectsPrefix(cluster: string): string {
  return `${clusterPrefix(cluster)}objects/`;
}

/** Where a job keeps its snapshots (`chk-<n>/`) and collected results (`results/`). */
export function jobPrefix(cluster: string, jobId: JobID): string {
  return `${clusterPrefix(cluster)}jobs/${jobId}/`;
}

/** Where a cluster's savepoints lie: they outlive the jobs they were taken of. */
export function savepointsPrefix(cluster: string): string {
  return `v1/${cluster}/savepoints/`;
}

/** What the directories of a job's checkpoints begin with. */
export function checkpointsPrefix(cluster: string, jobId: JobID): string {
  return `${jobPrefix(cluster, jobId)}chk-`;
}

/** Where the results of a job's collect sinks lie; kept when the job's other objects are cleaned up. */
export function resultsPrefix(cluster: string, jobId: JobID): string {
  return `${jobPrefix(cluster, jobId)}results/`;
}

/** A part of the key space. */
interface KeySpace {
  /** What its real keys begin with, in place of its name. */
  readonly prefix: string;
  /** Logical keys in it that may be written; default all. */
  readonly writable?: RegExp;
  /** Whether keys in it may be deleted. */
  readonly deletable: boolean;
}

/**
 * The only view of the object store that a job's tasks get. Keys are logical: `objects/<key>` (what users uploaded, and what object
 * sinks write), `state/<key>` (snapshots), `inlet/<key>` (what was sent to it, read only) and `results/<key>` of this very job. A job that starts from a savepoint also needs
 * `savepoints/<key>`, and of the job before it, `jobs/<job>/<key>`, the state of a retained checkpoint and the results in which
 * pending output is committed. Anything else is refused: no key of another cluster can be named.
 */
export class JobObjectStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #spaces: ReadonlyMap<string, KeySpace>;

  constructor(store: ObjectStore, cluster: string, jobId: JobID) {
    this.#store = store;
    this.#spaces = new Map([
      ["objects/", { prefix: objectsPrefix(cluster), deletable: true }],
      ["state/", { prefix: jobPrefix(cluster, jobId), deletable: true }],
      ["inlet/", { prefix: `${jobPrefix(cluster, jobId)}inlet/`, writable: /^$/, deletable: false }],
      ["results/", { prefix: resultsPrefix(cluster, jobId), deletable: true }],
      ["savepoints/", { prefix: savepointsPrefix(cluster), deletable: false }],
      ["jobs/", { prefix: `v1/${cluster}/jobs/`, writable: /^jobs\/[^/]+\/results\//, deletable: false }],
    ]);
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const found = await this.#store.get(this.#real(key), range);
    return found === undefined ? undefined : { ...found, key };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return renamed(await this.#store.head(this.#real(key)), key);
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<ObjectInfo | undefined> {
    return renamed(await this.#store.put(this.#real(key, "write"), bytes, condition), key);
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    const real = this.#real(prefix);
    const found = await this.#store.list(real);
    return found.map((info) => ({ ...info, key: prefix + info.key.slice(real.length) }));
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#store.delete(keys.map((key) => this.#real(key, "delete")));
  }

  #real(key: string, access: "read" | "write" | "delete" = "read"): string {
    for (const [space, { prefix, writable, deletable }] of this.#spaces) {
      const rest = key.slice(space.length);
      if (!key.startsWith(space) || rest.split("/").includes("..")) continue;
      if (access === "write" && writable?.test(key) === false) break;
      if (access === "delete" && !deletable) break;
      return prefix + rest;
    }
    throw new SluiceException(
      "INVALID_ARGUMENT",
      `object key: expected one under ${[...this.#spaces.keys()].join(", ")} that this job may ${access}, got ${JSON.stringify(key)}`,
    );
  }
}

function renamed(info: ObjectInfo | undefined, key: string): ObjectInfo | undefined {
  return info === undefined ? undefined : { ...info, key };
}
