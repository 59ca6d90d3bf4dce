import { SluiceException } from "../../common/exceptions.ts";
import { isPlainObject } from "../../common/types/plain-object.ts";
import { isSerializerSnapshot } from "../../common/types/serializer-snapshot.ts";
import type { SerializerSnapshot } from "../../common/types/type-information.ts";
import { KEY_HASH } from "./key-type.ts";

/** Offset in the snapshot's body, and length. */
export type ByteSpan = readonly [offset: number, length: number];

/** A key group with its place in the body. */
export type KeyGroupSpan = readonly [keyGroup: number, ...ByteSpan];

/** What a snapshot holds and where. Plain JSON. */
export interface SnapshotHeader {
  readonly operators: readonly OperatorHeader[];
  readonly bodyLength: number;
}

export interface OperatorHeader {
  readonly operatorId: string;
  readonly keyed?: KeyedHeader;
  readonly operator?: { readonly serializer: SerializerSnapshot; readonly span: ByteSpan };
}

export interface KeyedHeader {
  readonly keySerializer: SerializerSnapshot;
  readonly keyHash: typeof KEY_HASH;
  readonly maxParallelism: number;
  readonly states: readonly { readonly name: string; readonly serializer: SerializerSnapshot }[];
  /** In rising order of the groups, back to back: any range of groups is one range of bytes. */
  readonly groups: readonly KeyGroupSpan[];
}

/** @throws SERIALIZATION if `text` is no header of format v1. */
export function parseSnapshotHeader(text: string): SnapshotHeader {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new SluiceException("SERIALIZATION", "snapshot: the header is no JSON", { cause });
  }
  if (isHeader(header)) return header;
  throw new SluiceException("SERIALIZATION", "snapshot: the header is malformed");
}

function isHeader(value: unknown): value is SnapshotHeader {
  if (!isPlainObject(value) || !isCount(value["bodyLength"])) return false;
  const { bodyLength } = value;
  const isSpan = (span: unknown): boolean =>
    isList(span, isCount) && span.length === 2 && Number(span[0]) + Number(span[1]) <= bodyLength;
  return isList(value["operators"], (operator) => isOperator(operator, isSpan));
}

function isOperator(value: unknown, isSpan: (span: unknown) => boolean): boolean {
  if (!isPlainObject(value) || typeof value["operatorId"] !== "string") return false;
  const { keyed, operator } = value;
  if (keyed !== undefined && !isKeyed(keyed, isSpan)) return false;
  return (
    operator === undefined ||
    (isPlainObject(operator) && isSerializerSnapshot(operator["serializer"]) && isSpan(operator["span"]))
  );
}

function isKeyed(value: unknown, isSpan: (span: unknown) => boolean): boolean {
  if (!isPlainObject(value) || !isSerializerSnapshot(value["keySerializer"]) || value["keyHash"] !== KEY_HASH)
    return false;
  return (
    isCount(value["maxParallelism"]) &&
    isList(
      value["states"],
      (state) => isPlainObject(state) && typeof state["name"] === "string" && isSerializerSnapshot(state["serializer"]),
    ) &&
    isList(value["groups"], (group) => isList(group, isCount) && group.length === 3 && isSpan(group.slice(1)))
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isList(value: unknown, isElement: (element: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every((element: unknown) => isElement(element));
}
