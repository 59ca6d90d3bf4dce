import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import { jobPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import type { StateHandle } from "../messages/state-handle.ts";
import { decodeCheckpointMetadata, encodeCheckpointMetadata } from "./checkpoint-metadata.ts";
import { isCheckpointOf, type CompletedCheckpoint, type StoredCheckpoint } from "./completed-checkpoint.ts";
import { METADATA, SnapshotLocation } from "./snapshot-location.ts";

/** Where a stored checkpoint lies: what the JobMaster's row about it holds. */
export type CheckpointPointer = Pick<StoredCheckpoint, "checkpointId" | "pointer" | "etag" | "unclaimed">;

/** A job's own state, as its tasks name it. */
const OWN_STATE = "state/";
/** State in the directory of its own metadata: such a snapshot may be moved. */
const RELATIVE = "./";

/**
 * A job's checkpoint objects, and the savepoints it writes or starts from (Flink `CheckpointStorageCoordinatorView`).
 * State keys are the logical ones of the tasks.
 */
export class CheckpointStorage {
  readonly #objects: ObjectStore;
  readonly #clusterPrefix: string;
  readonly #prefix: string;

  constructor(objects: ObjectStore, cluster: string, jobId: JobID) {
    this.#objects = objects;
    this.#clusterPrefix = `v1/${cluster}/`;
    this.#prefix = jobPrefix(cluster, jobId);
  }

  /** Ids are never used twice, so an object that is there already belongs to someone else: CONFLICT. */
  async writeMetadata(checkpoint: CompletedCheckpoint): Promise<CheckpointPointer> {
    return this.#write(checkpoint, `${this.#prefix}chk-${checkpoint.checkpointId}/${METADATA}`);
  }

  /**
   * Writes a savepoint that needs no other object of the job: state that lies elsewhere (of subtasks that had finished
   * before) is copied first.
   *
   * @param directory logical, `savepoints/<path>/`.
   */
  async writeSavepoint(checkpoint: CompletedCheckpoint, directory: string): Promise<CheckpointPointer> {
    const relocated = await mapHandles(checkpoint, async (handle) => {
      if (handle.key.startsWith(directory)) return { ...handle, key: RELATIVE + handle.key.slice(directory.length) };
      const name = handle.key.replaceAll("/", "-");
      const object = await this.#objects.get(this.#real(handle.key));
      if (object === undefined) throw new SluiceException("CHECKPOINT", `the state ${handle.key} does not exist`);
      await this.#objects.put(this.#real(directory + name), object.bytes);
      return { ...handle, key: RELATIVE + name };
    });
    return this.#write(relocated, `${this.#real(directory)}${METADATA}`);
  }

  /**
   * @throws SluiceException CHECKPOINT if the object is gone, is not the one that was written, or cannot be read; an
   *   older checkpoint is never taken instead (RST-09).
   */
  async readMetadata(stored: CheckpointPointer): Promise<StoredCheckpoint> {
    const { pointer, etag, unclaimed } = stored;
    const found = await this.#read(pointer, etag);
    return { ...found, ...(unclaimed === undefined ? {} : { unclaimed }) };
  }

  /** A savepoint, or a retained checkpoint of any job of the cluster. @throws as {@link readMetadata}. */
  async readExternal(location: SnapshotLocation): Promise<StoredCheckpoint> {
    return this.#read(`${this.#clusterPrefix}${location.directory}${METADATA}`);
  }

  /** Whether it is a checkpoint of this very job; a savepoint is nobody's. */
  owns(stored: CheckpointPointer): boolean {
    return isCheckpointOf(this.#prefix, stored);
  }

  async discard(stateKeys: readonly string[], pointers: readonly string[]): Promise<void> {
    const keys = [...stateKeys.map((key) => this.#real(key)), ...pointers];
    if (keys.length > 0) await this.#objects.delete(keys);
  }

  async #write(checkpoint: CompletedCheckpoint, pointer: string): Promise<CheckpointPointer> {
    const written = await this.#objects.put(pointer, encodeCheckpointMetadata(checkpoint), { kind: "if-absent" });
    if (written === undefined) throw new SluiceException("CONFLICT", `${pointer} exists already`);
    return { checkpointId: checkpoint.checkpointId, pointer, etag: written.etag };
  }

  async #read(pointer: string, etag?: string): Promise<StoredCheckpoint> {
    const object = await this.#objects.get(pointer);
    if (object === undefined) throw new SluiceException("CHECKPOINT", `${pointer} does not exist`);
    if (etag !== undefined && object.etag !== etag) {
      throw new SluiceException("CHECKPOINT", `${pointer} was overwritten`);
    }
    try {
      const checkpoint = decodeCheckpointMetadata(object.bytes);
      return { ...(await this.#resolve(checkpoint, pointer)), pointer, etag: object.etag };
    } catch (cause) {
      throw new SluiceException("CHECKPOINT", `${pointer} cannot be read`, { cause });
    }
  }

  /** Keys as this job's tasks name them, wherever the metadata lies. */
  async #resolve(checkpoint: CompletedCheckpoint, pointer: string): Promise<CompletedCheckpoint> {
    if (isCheckpointOf(this.#prefix, { pointer })) return checkpoint;
    const location = SnapshotLocation.parse(pointer.slice(this.#clusterPrefix.length));
    return mapHandles(checkpoint, async (handle) => {
      if (handle.key.startsWith(RELATIVE)) {
        return { ...handle, key: location.directory + handle.key.slice(RELATIVE.length) };
      }
      return { ...handle, key: (location.jobDirectory ?? "") + handle.key.slice(OWN_STATE.length) };
    });
  }

  #real(key: string): string {
    return key.startsWith(OWN_STATE) ? this.#prefix + key.slice(OWN_STATE.length) : this.#clusterPrefix + key;
  }
}

type ObjectHandle = Extract<StateHandle, { readonly kind: "object" }>;

async function mapHandles(
  checkpoint: CompletedCheckpoint,
  change: (handle: ObjectHandle) => Promise<ObjectHandle>,
): Promise<CompletedCheckpoint> {
  const vertices = checkpoint.vertices.map(async (vertex) => ({
    ...vertex,
    subtasks: await Promise.all(
      vertex.subtasks.map(async (subtask) =>
        subtask.state?.kind === "object" ? { ...subtask, state: await change(subtask.state) } : subtask,
      ),
    ),
  }));
  return { ...checkpoint, vertices: await Promise.all(vertices) };
}
