import { describe, expect, it } from "vitest";
import { CheckpointStorage } from "../../../src/runtime/checkpoint/checkpoint-storage.ts";
import type { CompletedCheckpoint } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { TESTING_JOB_ID } from "../executiongraph/testing-job-graph.ts";

const CHECKPOINT: CompletedCheckpoint = {
  checkpointId: 3,
  triggerTimestampMillis: 1,
  completionTimestampMillis: 2,
  stateSize: 0,
  vertices: [],
};

function storage() {
  const objects = new InMemoryObjectStore(new ManualClock());
  return { objects, checkpoints: new CheckpointStorage(objects, "default", TESTING_JOB_ID) };
}

describe("CheckpointStorage", () => {
  it("keeps the metadata under the job's prefix and reads it back by its pointer", async () => {
    const { checkpoints } = storage();
    const pointer = await checkpoints.writeMetadata(CHECKPOINT);
    expect(pointer.pointer).toBe(`v1/default/jobs/${TESTING_JOB_ID}/chk-3/_metadata`);
    expect(await checkpoints.readMetadata(pointer)).toEqual({
      ...CHECKPOINT,
      pointer: pointer.pointer,
      etag: pointer.etag,
    });
  });

  it("never overwrites: an id is used once", async () => {
    const { checkpoints } = storage();
    await checkpoints.writeMetadata(CHECKPOINT);
    await expect(checkpoints.writeMetadata(CHECKPOINT)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("RST-09: says what is wrong with metadata that is gone, replaced or garbled", async () => {
    const { objects, checkpoints } = storage();
    const pointer = await checkpoints.writeMetadata(CHECKPOINT);
    const read = (etag: string) => checkpoints.readMetadata({ ...pointer, etag });
    const replaced = await objects.put(pointer.pointer, Uint8Array.of(1));
    await expect(read(pointer.etag)).rejects.toMatchObject({
      code: "CHECKPOINT",
      message: expect.stringContaining("overwritten"),
    });
    await expect(read(replaced?.etag ?? "")).rejects.toThrow("cannot be read");
    await checkpoints.discard([], [pointer.pointer]);
    await expect(read(pointer.etag)).rejects.toThrow("does not exist");
  });

  it("deletes state by the tasks' logical keys", async () => {
    const { objects, checkpoints } = storage();
    await objects.put(`v1/default/jobs/${TESTING_JOB_ID}/chk-3/v-0`, Uint8Array.of(1));
    await checkpoints.discard(["state/chk-3/v-0"], []);
    expect(await objects.list("")).toEqual([]);
  });
});
