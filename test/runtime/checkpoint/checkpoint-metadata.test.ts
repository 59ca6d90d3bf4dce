import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type JobVertexID, type OperatorID } from "../../../src/common/ids.ts";
import {
  decodeCheckpointMetadata,
  encodeCheckpointMetadata,
} from "../../../src/runtime/checkpoint/checkpoint-metadata.ts";
import { sourcePositionOf, type CompletedCheckpoint } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import type { StateHandle } from "../../../src/runtime/messages/state-handle.ts";

/** Format 1 as it was first written, one byte per pair of digits. It is read for as long as version 1 is. */
const GOLDEN = readFileSync(join(import.meta.dirname, "../../golden/checkpoint/metadata-v1.hex"), "utf8").trim();

const CHECKPOINT: CompletedCheckpoint = {
  checkpointId: 42,
  savepoint: true,
  triggerTimestampMillis: 1_763_000_000_000,
  completionTimestampMillis: 1_763_000_000_250,
  stateSize: 30_005,
  vertices: [
    {
      jobVertexId: brandId<JobVertexID>("0123456789abcdef0123456789abcdef"),
      operators: [{ id: brandId<OperatorID>("00000000000000000000000000000001"), name: "op", stateful: true }],
      parallelism: 2,
      maxParallelism: 128,
      subtasks: [
        { finished: false, sourcePosition: 100, state: { kind: "inline", bytes: Uint8Array.of(1, 2, 3) } },
        { finished: true, sourcePosition: 50, state: { kind: "inline", bytes: Uint8Array.of(255, 0) } },
      ],
    },
    {
      jobVertexId: brandId<JobVertexID>("fedcba9876543210fedcba9876543210"),
      operators: [{ id: brandId<OperatorID>("00000000000000000000000000000002"), name: "op", stateful: true }],
      parallelism: 2,
      maxParallelism: 128,
      subtasks: [
        { finished: false, state: { kind: "object", key: "state/chk-42/ä", size: 30_000 } },
        { finished: false },
      ],
    },
  ],
};

const anyHandle: fc.Arbitrary<StateHandle> = fc.oneof(
  fc.record({ kind: fc.constant("inline" as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("object" as const), key: fc.string({ unit: "binary" }), size: fc.nat() }),
);

const anyHandles = fc.array(fc.option(anyHandle, { nil: undefined }), { minLength: 1, maxLength: 8 });

const anyProducers = fc.option(
  fc.array(fc.record({ inlet: fc.string({ unit: "binary" }), id: fc.string(), sequence: fc.nat() }), { maxLength: 3 }),
  { nil: undefined },
);

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe("checkpoint metadata, format 1", () => {
  it("is written as it always was", () => {
    expect(hexOf(encodeCheckpointMetadata(CHECKPOINT))).toBe(GOLDEN);
  });

  it("is read back from the bytes of then", () => {
    const bytes = Uint8Array.from(GOLDEN.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    expect(decodeCheckpointMetadata(bytes)).toEqual(CHECKPOINT);
    expect(sourcePositionOf(CHECKPOINT)).toBe(150);
  });

  it("gives back any checkpoint, from a view into a larger buffer too", () => {
    fc.assert(
      fc.property(anyHandles, anyProducers, (handles, producers) => {
        const checkpoint: CompletedCheckpoint = {
          ...CHECKPOINT,
          ...(producers === undefined ? {} : { producers }),
          vertices: [
            {
              jobVertexId: brandId<JobVertexID>("v"),
              operators: [],
              parallelism: handles.length,
              maxParallelism: 128,
              subtasks: handles.map((state) => ({ finished: false, ...(state === undefined ? {} : { state }) })),
            },
          ],
        };
        const bytes = encodeCheckpointMetadata(checkpoint);
        const larger = new Uint8Array(bytes.byteLength + 9);
        larger.set(bytes, 5);
        expect(decodeCheckpointMetadata(larger.subarray(5, 5 + bytes.byteLength))).toEqual(checkpoint);
      }),
      { seed: 42 },
    );
  });

  it("gives back a wide job's, whose head is written piece by piece", () => {
    const wide = (parallelism: number): CompletedCheckpoint["vertices"][number] => ({
      jobVertexId: brandId<JobVertexID>(`of ${parallelism}`),
      operators: [],
      parallelism,
      maxParallelism: 4_096,
      subtasks: Array.from({ length: parallelism }, (_, index) => ({
        finished: index % 3 === 0,
        ...(index % 2 === 0 ? {} : { state: { kind: "inline", bytes: Uint8Array.of(index & 0xff) } as const }),
      })),
    });
    const checkpoint = { ...CHECKPOINT, vertices: [999, 1_000, 1_001, 2_500].map(wide) };
    expect(decodeCheckpointMetadata(encodeCheckpointMetadata(checkpoint))).toEqual(checkpoint);
  });

  it.each([
    ["no bytes", () => new Uint8Array(0), "does not begin with SLCM"],
    ["another file", () => new TextEncoder().encode("PNG and so on and on"), "does not begin with SLCM"],
    ["a later version", (bytes: Uint8Array) => bytes.with(4, 2), "format version 2"],
    ["a head cut off", (bytes: Uint8Array) => bytes.slice(0, 40), "head is cut off"],
    ["state cut off", (bytes: Uint8Array) => bytes.slice(0, -1), "inline state is cut off"],
    ["a garbled head", (bytes: Uint8Array) => bytes.with(12, 0x58), "head is no checkpoint"],
  ])("refuses %s", (_what, garble, message) => {
    expect(() => decodeCheckpointMetadata(garble(encodeCheckpointMetadata(CHECKPOINT)))).toThrow(message);
  });
});
