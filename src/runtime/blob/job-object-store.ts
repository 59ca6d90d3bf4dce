import type { JobID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { ByteRange, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "./object-store.ts";

/** Where a cluster's uploaded objects lie. */
export function objectsPrefix(cluster: string): string {
  return `v1/${cluster}/objects/`;
}

/** Where a job keeps its snapshots (`chk-<n>/`) and collected results (`results/`). */
export function jobPrefix(cluster: string, jobId: JobID): string {
  return `v1/${cluster}/jobs/${jobId}/`;
}

/** Where the results of a job's collect sinks lie; kept when the job's other objects are cleaned up. */
export function resultsPrefix(cluster: string, jobId: JobID): string {
  return `${jobPrefix(cluster, jobId)}results/`;
}

/**
 * The only view of the object store that a job's tasks get. Keys are logical: `objects/<key>` (what users uploaded, and what object
 * sinks write), `state/<key>` (snapshots) and `results/<key>` of this very job; anything else is refused, so that no
 * key of another job or cluster can be named.
 */
export class JobObjectStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #spaces: ReadonlyMap<string, string>;

  constructor(store: ObjectStore, cluster: string, jobId: JobID) {
    this.#store = store;
    this.#spaces = new Map([
      ["objects/", objectsPrefix(cluster)],
      ["state/", jobPrefix(cluster, jobId)],
      ["results/", resultsPrefix(cluster, jobId)],
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
    return renamed(await this.#store.put(this.#real(key), bytes, condition), key);
  }

  async list(prefix: string): Promise<readonly ObjectInfo[]> {
    const real = this.#real(prefix);
    const found = await this.#store.list(real);
    return found.map((info) => ({ ...info, key: prefix + info.key.slice(real.length) }));
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#store.delete(keys.map((key) => this.#real(key)));
  }

  #real(key: string): string {
    for (const [space, prefix] of this.#spaces) {
      const rest = key.slice(space.length);
      if (key.startsWith(space) && !rest.split("/").includes("..")) return prefix + rest;
    }
    throw new SluiceException(
      "INVALID_ARGUMENT",
      `object key: expected one under objects/, state/ or results/, got ${JSON.stringify(key)}`,
    );
  }
}

function renamed(info: ObjectInfo | undefined, key: string): ObjectInfo | undefined {
  return info === undefined ? undefined : { ...info, key };
}
