import { milliseconds } from "../../common/duration.ts";
import type { CheckpointPointer, CheckpointStorage } from "../checkpoint/checkpoint-storage.ts";
import type { StoredCheckpoint } from "../checkpoint/completed-checkpoint.ts";
import { serializeThrowable, type SerializedThrowable } from "../messages/serialized-throwable.ts";
import type { JobMasterServices } from "./job-master-services.ts";

const INITIAL_RETRY_MILLIS = 500;
const MAX_RETRY_MILLIS = 30_000;

export interface CheckpointRecoveryListener {
  /** Oldest first. */
  onRead(completed: readonly StoredCheckpoint[]): void;
  onUnreadable(failure: SerializedThrowable): void;
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

  read(pointers: readonly CheckpointPointer[], listener: CheckpointRecoveryListener): void {
    if (pointers.length === 0) listener.onRead([]);
    else this.#attempt(pointers, listener, INITIAL_RETRY_MILLIS);
  }

  #attempt(pointers: readonly CheckpointPointer[], listener: CheckpointRecoveryListener, retryMillis: number): void {
    const { whenSettled, executor, log } = this.#services;
    const reading = Promise.all(pointers.map((pointer) => this.#checkpointStorage.readMetadata(pointer)));
    whenSettled(
      reading,
      (completed) => listener.onRead(completed),
      (error) => {
        // RST-09: gone or garbled; asking again does not help, and an older one would be wrong.
        if (error.code === "CHECKPOINT") {
          return listener.onUnreadable(serializeThrowable(error, { nonRecoverable: true }));
        }
        log.warn("checkpoint metadata could not be read; trying again", { reason: error.message });
        executor.schedule(() => {
          this.#attempt(pointers, listener, Math.min(retryMillis * 2, MAX_RETRY_MILLIS));
          return undefined;
        }, milliseconds(retryMillis));
      },
    );
  }
}
