import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import { JobObjectStore, jobPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { decodeCheckpointMetadata, encodeCheckpointMetadata } from "./checkpoint-metadata.ts";
import type { CompletedCheckpoint, StoredCheckpoint } from "./completed-checkpoint.ts";

/** Where a stored checkpoint lies: what the JobMaster's row about it holds. */
export type CheckpointPointer = Pick<StoredCheckpoint, "checkpointId" | "pointer" | "etag">;

/**
 * A job's checkpoint objects (Flink `CheckpointStorageCoordinatorView`). State keys are the logical ones of the tasks.
 */
export class CheckpointStorage {
  readonly #objects: ObjectStore;
  readonly #stateObjects: JobObjectStore;
  readonly #prefix: string;

  constructor(objects: ObjectStore, cluster: string, jobId: JobID) {
    this.#objects = objects;
    this.#stateObjects = new JobObjectStore(objects, cluster, jobId);
    this.#prefix = jobPrefix(cluster, jobId);
  }

  /** Ids are never used twice, so an object that is there already belongs to someone else: CONFLICT. */
  async writeMetadata(checkpoint: CompletedCheckpoint): Promise<CheckpointPointer> {
    const { checkpointId } = checkpoint;
    const pointer = `${this.#prefix}chk-${checkpointId}/_metadata`;
    const written = await this.#objects.put(pointer, encodeCheckpointMetadata(checkpoint), { kind: "if-absent" });
    if (written === undefined) throw new SluiceException("CONFLICT", `${pointer} exists already`);
    return { checkpointId, pointer, etag: written.etag };
  }

  /**
   * @throws SluiceException CHECKPOINT if the object is gone, is not the one that was written, or cannot be read; an
   *   older checkpoint is never taken instead (RST-09).
   */
  async readMetadata(stored: CheckpointPointer): Promise<StoredCheckpoint> {
    const { pointer, etag } = stored;
    const object = await this.#objects.get(pointer);
    if (object === undefined) throw new SluiceException("CHECKPOINT", `${pointer} does not exist any more`);
    if (object.etag !== etag) throw new SluiceException("CHECKPOINT", `${pointer} was overwritten`);
    try {
      return { ...decodeCheckpointMetadata(object.bytes), pointer, etag };
    } catch (cause) {
      throw new SluiceException("CHECKPOINT", `${pointer} cannot be read`, { cause });
    }
  }

  async discard(stateKeys: readonly string[], pointers: readonly string[]): Promise<void> {
    if (stateKeys.length > 0) await this.#stateObjects.delete(stateKeys);
    if (pointers.length > 0) await this.#objects.delete(pointers);
  }
}
