import * as z from "zod";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId, type JobVertexID, type OperatorID } from "../../common/ids.ts";
import type { StateHandle } from "../messages/state-handle.ts";
import type { CompletedCheckpoint, SubtaskSnapshot } from "./completed-checkpoint.ts";

/**
 * Checkpoint metadata, format 1: the `_metadata` object of a checkpoint. Little endian.
 *
 * ```
 * bytes 0..3   magic "SLCM"
 * bytes 4..7   format version (1)
 * bytes 8..11  length of the head in bytes
 * head         UTF-8 JSON, see MetadataHead; inline state as { kind: "inline", offset, length } into the body
 * body         inline state, one after the other
 * ```
 *
 * A reader refuses versions above its own. The state inside is in the snapshot format, which has its own version.
 */
const MAGIC = new TextEncoder().encode("SLCM");
const VERSION = 1;
const PREFIX_BYTES = 12;
const SUBTASKS_PER_PIECE = 1_000;

const HandleHead = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("inline"), offset: z.int().nonnegative(), length: z.int().nonnegative() }),
  z.object({ kind: z.literal("object"), key: z.string(), size: z.int().nonnegative() }),
]);

const SubtaskHead = z.object({
  finished: z.boolean(),
  sourcePosition: z.number().optional(),
  state: HandleHead.optional(),
});

const VertexHead = z.object({
  jobVertexId: z.string(),
  operators: z.array(z.object({ id: z.string(), name: z.string(), stateful: z.boolean() })),
  parallelism: z.int().positive(),
  maxParallelism: z.int().positive(),
  subtasks: z.array(SubtaskHead),
});

const MetadataHead = z.object({
  checkpointId: z.int().positive(),
  savepoint: z.boolean().exactOptional(),
  triggerTimestampMillis: z.number(),
  completionTimestampMillis: z.number(),
  stateSize: z.int().nonnegative(),
  vertices: z.array(VertexHead),
  producers: z.array(z.object({ inlet: z.string(), id: z.string(), sequence: z.int() })).exactOptional(),
});

/** Never all of the head at once but as bytes: of a wide job it is many megabytes, as text and as objects some times as many. */
export function encodeCheckpointMetadata(checkpoint: CompletedCheckpoint): Uint8Array {
  const encoder = new TextEncoder();
  const body: Uint8Array[] = [];
  const head: Uint8Array[] = [];
  for (const piece of headPieces(checkpoint, body)) head.push(encoder.encode(piece));
  const headLength = lengthOf(head);
  const bytes = new Uint8Array(PREFIX_BYTES + headLength + lengthOf(body));
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, headLength, true);
  let position = PREFIX_BYTES;
  for (const parts of [head, body]) {
    for (const part of parts) {
      bytes.set(part, position);
      position += part.byteLength;
    }
  }
  return bytes;
}

/** The JSON of a {@link MetadataHead}. @param body takes the inline state, part by part. */
function* headPieces(checkpoint: CompletedCheckpoint, body: Uint8Array[]): Generator<string> {
  const { checkpointId, savepoint, triggerTimestampMillis, completionTimestampMillis, stateSize, vertices, producers } =
    checkpoint;
  const first: Omit<z.infer<typeof MetadataHead>, "vertices" | "producers"> = {
    checkpointId,
    ...(savepoint === undefined ? {} : { savepoint }),
    triggerTimestampMillis,
    completionTimestampMillis,
    stateSize,
  };
  yield `${JSON.stringify(first).slice(0, -1)},"vertices":[`;
  const handleHead = handleHeads(body);
  for (const [index, { jobVertexId, operators, parallelism, maxParallelism, subtasks }] of vertices.entries()) {
    const vertex: Omit<z.infer<typeof VertexHead>, "subtasks"> = {
      jobVertexId,
      operators: operators.map(({ id, name, stateful }) => ({ id, name, stateful })),
      parallelism,
      maxParallelism,
    };
    yield `${index === 0 ? "" : ","}${JSON.stringify(vertex).slice(0, -1)},"subtasks":[`;
    for (let start = 0; start < subtasks.length; start += SUBTASKS_PER_PIECE) {
      const piece = subtasks
        .slice(start, start + SUBTASKS_PER_PIECE)
        .map(({ finished, sourcePosition, state }): z.infer<typeof SubtaskHead> => ({
          finished,
          ...(sourcePosition === undefined ? {} : { sourcePosition }),
          ...(state === undefined ? {} : { state: handleHead(state) }),
        }));
      yield `${start === 0 ? "" : ","}${JSON.stringify(piece).slice(1, -1)}`;
    }
    yield "]}";
  }
  yield producers === undefined ? "]}" : `],"producers":${JSON.stringify(producers)}}`;
}

function handleHeads(body: Uint8Array[]): (state: StateHandle) => z.infer<typeof HandleHead> {
  let bodyLength = 0;
  return (state) => {
    if (state.kind === "object") return { kind: "object", key: state.key, size: state.size };
    const offset = bodyLength;
    body.push(state.bytes);
    bodyLength += state.bytes.byteLength;
    return { kind: "inline", offset, length: state.bytes.byteLength };
  };
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((length, part) => length + part.byteLength, 0);
}

/** @throws SluiceException SERIALIZATION saying what is wrong with the bytes. */
export function decodeCheckpointMetadata(bytes: Uint8Array): CompletedCheckpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < PREFIX_BYTES || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw unreadable("it does not begin with SLCM");
  }
  const version = view.getUint32(4, true);
  if (version !== VERSION) throw unreadable(`format version ${version} is not known here, only ${VERSION}`);
  const bodyStart = PREFIX_BYTES + view.getUint32(8, true);
  if (bodyStart > bytes.byteLength) throw unreadable("its head is cut off");
  const head = parseHead(bytes.subarray(PREFIX_BYTES, bodyStart));
  const body = bytes.subarray(bodyStart);
  return {
    ...head,
    vertices: head.vertices.map((vertex) => ({
      ...vertex,
      jobVertexId: brandId<JobVertexID>(vertex.jobVertexId),
      operators: vertex.operators.map((operator) => ({ ...operator, id: brandId<OperatorID>(operator.id) })),
      subtasks: vertex.subtasks.map((subtask) => subtaskOf(subtask, body)),
    })),
  };
}

function parseHead(bytes: Uint8Array): z.infer<typeof MetadataHead> {
  try {
    return MetadataHead.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)));
  } catch (error) {
    throw unreadable("its head is no checkpoint", error);
  }
}

function subtaskOf(subtask: z.infer<typeof SubtaskHead>, body: Uint8Array): SubtaskSnapshot {
  const { finished, sourcePosition, state } = subtask;
  return {
    finished,
    ...(sourcePosition === undefined ? {} : { sourcePosition }),
    ...(state === undefined ? {} : { state: handleOf(state, body) }),
  };
}

function handleOf(head: z.infer<typeof HandleHead>, body: Uint8Array): StateHandle {
  if (head.kind === "object") return head;
  const end = head.offset + head.length;
  if (end > body.byteLength) throw unreadable("its inline state is cut off");
  return { kind: "inline", bytes: body.slice(head.offset, end) };
}

function unreadable(what: string, cause?: unknown): SluiceException {
  return new SluiceException("SERIALIZATION", `checkpoint metadata: ${what}`, cause === undefined ? {} : { cause });
}
