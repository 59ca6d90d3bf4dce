import { milliseconds } from "../../common/duration.ts";
import type { CheckpointPointer, CheckpointStorage } from "../checkpoint/checkpoint-storage.ts";
import type { StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import { SnapshotLocation } from "../checkpoint/snapshot-location.ts";
import type { SavepointRestoreSettings } from "../jobgraph/savepoint-restore-settings.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { JobMasterServices } from "./job-master-services.ts";

const INITIAL_RETRY_MILLIS = 500;
const MAX_RETRY_MILLIS = 30_000;

export interface CheckpointRecoveryListener {
  /** @param completed oldest first. */
  onRead(completed: readonly StoredCheckpoint[]): void;
  onUnreadable(failure: SerializedThrowable): void;
}

/** What a job may start from. */
export interface CheckpointOrigin {
  /** Retained by earlier lives of the JobMaster, oldest first. */
  readonly pointers: readonly CheckpointPointer[];
  /** What the user asked for; counts only where nothing is retained (RST-01). */
  readonly settings: SavepointRestoreSettings | undefined;
}

/**
 * Reads the retained checkpoints back after the JobMaster lost its memory. A store that does not answer is asked again.
 */
export class CheckpointRecovery {
  readonly #services: JobMasterServices;
  readonly #checkpointStorage: CheckpointStorage;

  constructor(services: JobMasterServices, checkpointStorage: CheckpointStorage) {
    this.#services = services;
    this.#checkpointStorage = checkpointStorage;
  }

  read({ pointers, settings }: CheckpointOrigin, listener: CheckpointRecoveryListener): void {
    if (pointers.length > 0) {
      const readAll = () => Promise.all(pointers.map((pointer) => this.#checkpointStorage.readMetadata(pointer)));
      this.#attempt(readAll, listener, INITIAL_RETRY_MILLIS);
    } else if (settings !== undefined)
      this.#attempt(() => this.#readExternal(settings), listener, INITIAL_RETRY_MILLIS);
    else listener.onRead([]);
  }

  async #readExternal({ restorePath, claimMode }: SavepointRestoreSettings): Promise<readonly StoredCheckpoint[]> {
    const checkpoint = await this.#checkpointStorage.readExternal(SnapshotLocation.parse(restorePath));
    return [claimMode === "CLAIM" ? checkpoint : { ...checkpoint, unclaimed: true }];
  }

  #attempt(
    reading: () => Promise<readonly StoredCheckpoint[]>,
    listener: CheckpointRecoveryListener,
    retryMillis: number,
  ): void {
    const { whenSettled, executor, log } = this.#services;
    whenSettled(
      reading(),
      (completed) => listener.onRead(completed),
      (error) => {
        // RST-09: gone or garbled; asking again does not help, and an older one would be wrong.
        if (error.code === "CHECKPOINT" || error.code === "INVALID_ARGUMENT") {
          return listener.onUnreadable(serializeThrowable(error, { nonRecoverable: true }));
        }
        log.warn("checkpoint metadata could not be read; trying again", { reason: error.message });
        executor.schedule(() => {
          this.#attempt(reading, listener, Math.min(retryMillis * 2, MAX_RETRY_MILLIS));
          return undefined;
        }, milliseconds(retryMillis));
      },
    );
  }
}
