import type { OperatorID } from "../../common/ids.ts";
import { brandId } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { KeyGroupRange } from "./key-group-assignment.ts";
import type { KeyedSnapshot, OperatorSnapshot } from "./operator-snapshot.ts";
import { parseSnapshotHeader } from "./snapshot-header.ts";
import type { ByteSpan, KeyedHeader, KeyGroupSpan, OperatorHeader, SnapshotHeader } from "./snapshot-header.ts";

/*
 * Snapshot format v1: the state of one subtask in one checkpoint as one string of bytes.
 *
 *   offset  bytes
 *   0       4      magic "SLSN"
 *   4       4      format version, little endian
 *   8       4      length of the header
 *   12      n      header: JSON as UTF-8, see snapshot-header.ts
 *   12 + n  ...    body: per operator its key groups in rising order, then its own state
 *
 * Offsets in the header count from the body's start, so that the prefix and one range per operator are all that a subtask of a
 * rescaled job reads.
 */
const MAGIC = [0x53, 0x4c, 0x53, 0x4e];
export const SNAPSHOT_FORMAT_VERSION = 1;
const PREFIX_LENGTH = 12;
const VERSION_OFFSET = 4;
const HEADER_LENGTH_OFFSET = 8;
/** Read at first, in the hope that the header lies in it: less than one more round trip costs. */
const FIRST_READ_LENGTH = 64 * 1024;

/** Where a snapshot's bytes come from. */
export interface SnapshotBytes {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function snapshotInMemory(bytes: Uint8Array): SnapshotBytes {
  return {
    size: bytes.byteLength,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** @param snapshots at most one per operator. */
export function encodeSnapshot(snapshots: readonly OperatorSnapshot[]): Uint8Array {
  const body: Uint8Array[] = [];
  let bodyLength = 0;
  const place = (bytes: Uint8Array): ByteSpan => {
    const span: ByteSpan = [bodyLength, bytes.byteLength];
    body.push(bytes);
    bodyLength += bytes.byteLength;
    return span;
  };
  const operators = snapshots.map(({ operatorId, keyed, operator }): OperatorHeader => ({
    operatorId,
    ...(keyed === undefined ? {} : { keyed: { ...keyed, groups: placeGroups(keyed, place) } }),
    ...(operator === undefined ? {} : { operator: { serializer: operator.serializer, span: place(operator.bytes) } }),
  }));
  const header = new TextEncoder().encode(JSON.stringify({ operators, bodyLength } satisfies SnapshotHeader));
  const bytes = new Uint8Array(PREFIX_LENGTH + header.byteLength + bodyLength);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(VERSION_OFFSET, SNAPSHOT_FORMAT_VERSION, true);
  view.setUint32(HEADER_LENGTH_OFFSET, header.byteLength, true);
  bytes.set(header, PREFIX_LENGTH);
  let offset = PREFIX_LENGTH + header.byteLength;
  for (const part of body) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

function placeGroups({ groups }: KeyedSnapshot, place: (bytes: Uint8Array) => ByteSpan): readonly KeyGroupSpan[] {
  return groups
    .toSorted((left, right) => left.keyGroup - right.keyGroup)
    .map(({ keyGroup, bytes }): KeyGroupSpan => [keyGroup, ...place(bytes)]);
}

/**
 * Reads a snapshot, or the part of it that concerns some key groups: the header, then one range per operator.
 *
 * @param keyGroups of the subtask that restores; `undefined` for all. State that is not keyed is read in any case.
 * @throws SERIALIZATION if the bytes are no snapshot of format v1, or are cut off.
 */
export async function readSnapshot(
  source: SnapshotBytes,
  keyGroups?: KeyGroupRange,
): Promise<readonly OperatorSnapshot[]> {
  const reader = new PrefetchedBytes(source, await source.read(0, Math.min(source.size, FIRST_READ_LENGTH)));
  const prefix = await reader.read(0, PREFIX_LENGTH);
  const headerLength = requireHeaderLength(prefix);
  const text = new TextDecoder().decode(await reader.read(PREFIX_LENGTH, headerLength));
  const header = parseSnapshotHeader(text);
  const bodyStart = PREFIX_LENGTH + headerLength;
  if (source.size !== bodyStart + header.bodyLength) {
    throw fault(`expected ${bodyStart + header.bodyLength} bytes, got ${source.size}`);
  }
  const snapshots: OperatorSnapshot[] = [];
  for (const operator of header.operators) {
    snapshots.push(await readOperator(operator, { reader, bodyStart, keyGroups }));
  }
  return snapshots;
}

interface BodyReading {
  readonly reader: PrefetchedBytes;
  readonly bodyStart: number;
  readonly keyGroups: KeyGroupRange | undefined;
}

async function readOperator(
  { operatorId, keyed, operator }: OperatorHeader,
  body: BodyReading,
): Promise<OperatorSnapshot> {
  const readSpan = async ([offset, length]: ByteSpan): Promise<Uint8Array> =>
    body.reader.read(body.bodyStart + offset, length);
  return {
    operatorId: brandId<OperatorID>(operatorId),
    ...(keyed === undefined ? {} : { keyed: { ...keyed, groups: await readGroups(keyed, body.keyGroups, readSpan) } }),
    ...(operator === undefined
      ? {}
      : { operator: { serializer: operator.serializer, bytes: await readSpan(operator.span) } }),
  };
}

async function readGroups(
  { groups }: KeyedHeader,
  range: KeyGroupRange | undefined,
  readSpan: (span: ByteSpan) => Promise<Uint8Array>,
): Promise<KeyedSnapshot["groups"]> {
  const wanted = groups.filter(
    ([keyGroup]) => range === undefined || (keyGroup >= range.start && keyGroup <= range.end),
  );
  const [first] = wanted;
  const last = wanted.at(-1);
  if (first === undefined || last === undefined) return [];
  const start = first[1];
  const bytes = await readSpan([start, last[1] + last[2] - start]);
  return wanted.map(([keyGroup, offset, length]) => ({
    keyGroup,
    bytes: bytes.subarray(offset - start, offset - start + length),
  }));
}

/** Serves what lies in the first read from memory. */
class PrefetchedBytes {
  readonly #source: SnapshotBytes;
  readonly #prefetched: Uint8Array;

  constructor(source: SnapshotBytes, prefetched: Uint8Array) {
    this.#source = source;
    this.#prefetched = prefetched;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length > this.#source.size) throw fault(`it ends after ${this.#source.size} bytes`);
    if (offset + length <= this.#prefetched.byteLength) return this.#prefetched.subarray(offset, offset + length);
    const bytes = await this.#source.read(offset, length);
    if (bytes.byteLength !== length) throw fault(`expected ${length} bytes at ${offset}, got ${bytes.byteLength}`);
    return bytes;
  }
}

function requireHeaderLength(prefix: Uint8Array): number {
  if (MAGIC.some((byte, index) => prefix[index] !== byte)) throw fault("the bytes are no snapshot");
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const version = view.getUint32(VERSION_OFFSET, true);
  if (version !== SNAPSHOT_FORMAT_VERSION) throw fault(`format version ${version} is not known here`);
  return view.getUint32(HEADER_LENGTH_OFFSET, true);
}

function fault(problem: string): SluiceException {
  return new SluiceException("SERIALIZATION", `snapshot: ${problem}`);
}
